"""Variational Bayes for any log density: targets, families, engines, and a verdict on what came out."""

from latlas.bayes._approximation import AbstractApproximation as AbstractApproximation
from latlas.bayes._approximation import AbstractFamily as AbstractFamily
from latlas.bayes._approximation import AbstractTransport as AbstractTransport
from latlas.bayes._coordinates import coordinates_of as coordinates_of
from latlas.bayes._density import Density as Density
from latlas.bayes._dependence import dependence_of_model as dependence_of_model
from latlas.bayes._engine import AbstractEngine as AbstractEngine
from latlas.bayes._engine import EngineResult as EngineResult
from latlas.bayes._engine_inclusive import Inclusive as Inclusive
from latlas.bayes._engine_renyi import Renyi as Renyi
from latlas.bayes._faces import Faces as Faces
from latlas.bayes._faces import both_faces as both_faces
from latlas.bayes._family_block import Block as Block
from latlas.bayes._family_flow import Flow as Flow
from latlas.bayes._family_gaussian import FullRank as FullRank
from latlas.bayes._family_gaussian import MeanField as MeanField
from latlas.bayes._family_low_rank import LowRank as LowRank
from latlas.bayes._family_mixture import Mixture as Mixture
from latlas.bayes._family_structured import Structured as Structured
from latlas.bayes._target import AbstractTarget as AbstractTarget
from latlas.bayes._target import DensityTarget as DensityTarget
from latlas.bayes._warp import AbstractWarp as AbstractWarp
from latlas.bayes._warp import Affine as Affine
from latlas.bayes._warp import Composed as Composed
