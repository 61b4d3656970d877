"""Variational Bayes for any log density: targets, families, engines, and a verdict on what came out."""

from latlas.bayes._approximation import AbstractApproximation as AbstractApproximation
from latlas.bayes._approximation import AbstractFamily as AbstractFamily
from latlas.bayes._approximation import AbstractTransport as AbstractTransport
from latlas.bayes._density import Density as Density
from latlas.bayes._draws import flat_draws as flat_draws
from latlas.bayes._draws import named_draws as named_draws
from latlas.bayes._engine import AbstractEngine as AbstractEngine
from latlas.bayes._engine import EngineResult as EngineResult
from latlas.bayes._engine_nuts import Nuts as Nuts
from latlas.bayes._family_gaussian import FullRank as FullRank
from latlas.bayes._family_gaussian import MeanField as MeanField
from latlas.bayes._stochastic_target import AbstractStochasticTarget as AbstractStochasticTarget
from latlas.bayes._stochastic_target import FixedBatches as FixedBatches
from latlas.bayes._store import StoredFit as StoredFit
from latlas.bayes._store import load as load
from latlas.bayes._store import record_of as record_of
from latlas.bayes._store import save as save
from latlas.bayes._target import AbstractTarget as AbstractTarget
from latlas.bayes._target import DensityTarget as DensityTarget
from latlas.bayes._warp import AbstractWarp as AbstractWarp
from latlas.bayes._warp import Affine as Affine
from latlas.bayes._warp import Composed as Composed
