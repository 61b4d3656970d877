"""Variational Bayes for any log density: targets, families, engines, and a verdict on what came out."""

from latlas.bayes._approximation import AbstractApproximation as AbstractApproximation
from latlas.bayes._approximation import AbstractFamily as AbstractFamily
from latlas.bayes._approximation import AbstractTransport as AbstractTransport
from latlas.bayes._arviz import to_datatree as to_datatree
from latlas.bayes._check_target import check_start as check_start
from latlas.bayes._check_target import coordinate_names as coordinate_names
from latlas.bayes._check_target import starting_point as starting_point
from latlas.bayes._density import Density as Density
from latlas.bayes._draws import flat_draws as flat_draws
from latlas.bayes._draws import named_draws as named_draws
from latlas.bayes._engine import AbstractEngine as AbstractEngine
from latlas.bayes._engine import EngineResult as EngineResult
from latlas.bayes._engine_nuts import Nuts as Nuts
from latlas.bayes._family_gaussian import FullRank as FullRank
from latlas.bayes._family_gaussian import MeanField as MeanField
from latlas.bayes._minibatched import MinibatchTarget as MinibatchTarget
from latlas.bayes._minibatched import minibatched as minibatched
from latlas.bayes._numpyro_target import NumPyroTarget as NumPyroTarget
from latlas.bayes._numpyro_target import SubsampledTarget as SubsampledTarget
from latlas.bayes._numpyro_target import from_numpyro as from_numpyro
from latlas.bayes._plain_target import as_target as as_target
from latlas.bayes._plain_target import from_log_density as from_log_density
from latlas.bayes._predictive import discrete_posterior as discrete_posterior
from latlas.bayes._predictive import log_likelihood as log_likelihood
from latlas.bayes._predictive import observed_values as observed_values
from latlas.bayes._predictive import posterior_predictive as posterior_predictive
from latlas.bayes._predictive import prior_predictive as prior_predictive
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

"""Variational Bayes for any Bayesian model; in closed form, by coordinate ascent, where the model is conjugate.

Everything is computed in float64, whatever the global flag, and comes back as NumPy arrays.
"""

from latlas.bayes._conjugate import AbstractConjugateModel as AbstractConjugateModel
from latlas.bayes._conjugate import AbstractConjugatePosterior as AbstractConjugatePosterior
from latlas.bayes._conjugate import ConjugateFit as ConjugateFit
from latlas.bayes._conjugate import cavi as cavi
from latlas.bayes._conjugate_blocks import AbstractConjugateBlock as AbstractConjugateBlock
from latlas.bayes._conjugate_blocks import BetaBinomial as BetaBinomial
from latlas.bayes._conjugate_blocks import DirichletMultinomial as DirichletMultinomial
from latlas.bayes._conjugate_blocks import GammaPoisson as GammaPoisson
from latlas.bayes._conjugate_blocks import NormalNormal as NormalNormal
from latlas.bayes._conjugate_linear import LinearRegressionPosterior as LinearRegressionPosterior
from latlas.bayes._conjugate_mixture import GaussianMixture as GaussianMixture
from latlas.bayes._conjugate_mixture import GaussianMixturePosterior as GaussianMixturePosterior
from latlas.bayes._conjugate_normal_gamma import NormalGammaRegression as NormalGammaRegression
from latlas.bayes._conjugate_normal_wishart import NormalWishart as NormalWishart
from latlas.bayes._conjugate_regression import LinearRegression as LinearRegression
from latlas.bayes._conjugate_stochastic import stochastic_cavi as stochastic_cavi
from latlas.bayes._conjugate_topics import LatentDirichletAllocation as LatentDirichletAllocation
from latlas.bayes._conjugate_topics import LatentDirichletPosterior as LatentDirichletPosterior
