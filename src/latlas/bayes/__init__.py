"""Variational Bayes for any log density: targets, families, engines, and a verdict on what came out."""

from latlas.bayes._approximation import AbstractApproximation as AbstractApproximation
from latlas.bayes._approximation import AbstractFamily as AbstractFamily
from latlas.bayes._approximation import AbstractTransport as AbstractTransport
from latlas.bayes._density import Density as Density
from latlas.bayes._engine import AbstractEngine as AbstractEngine
from latlas.bayes._engine import EngineResult as EngineResult
from latlas.bayes._engine_dadvi import DeterministicAdvi as DeterministicAdvi
from latlas.bayes._engine_natural import NaturalGradient as NaturalGradient
from latlas.bayes._family_gaussian import FullRank as FullRank
from latlas.bayes._family_gaussian import MeanField as MeanField
from latlas.bayes._linear_response import MeanFieldResponse as MeanFieldResponse
from latlas.bayes._linear_response import Response as Response
from latlas.bayes._linearised import LinearisedFit as LinearisedFit
from latlas.bayes._linearised import linearised_fit as linearised_fit
from latlas.bayes._target import AbstractTarget as AbstractTarget
from latlas.bayes._target import DensityTarget as DensityTarget
from latlas.bayes._warp import AbstractWarp as AbstractWarp
from latlas.bayes._warp import Affine as Affine
from latlas.bayes._warp import Composed as Composed
