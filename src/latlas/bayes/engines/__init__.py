"""Ways to fit a family to a density, and what each returns."""

from latlas.bayes.engines._advi import Advi as Advi
from latlas.bayes.engines._batch_and_match import BatchAndMatch as BatchAndMatch
from latlas.bayes.engines._dadvi import DeterministicAdvi as DeterministicAdvi
from latlas.bayes.engines._engine import AbstractEngine as AbstractEngine
from latlas.bayes.engines._engine import EngineResult as EngineResult
from latlas.bayes.engines._inclusive import Inclusive as Inclusive
from latlas.bayes.engines._laplace import Laplace as Laplace
from latlas.bayes.engines._linear_response import MeanFieldResponse as MeanFieldResponse
from latlas.bayes.engines._linear_response import Response as Response
from latlas.bayes.engines._linear_response import ResponseEnd as ResponseEnd
from latlas.bayes.engines._linearised import LinearisedFit as LinearisedFit
from latlas.bayes.engines._linearised import linearised_fit as linearised_fit
from latlas.bayes.engines._natural import NaturalGradient as NaturalGradient
from latlas.bayes.engines._nuts import Nuts as Nuts
from latlas.bayes.engines._pathfinder import Pathfinder as Pathfinder
from latlas.bayes.engines._renyi import Renyi as Renyi
from latlas.bayes.engines._svgd import Svgd as Svgd
