"""Variational Bayes for any log density: targets, families, engines, and a verdict on what came out.

Everything is computed in float64, whatever the global flag. In closed form, by coordinate ascent, where the model is
conjugate.
"""

from latlas.bayes._approximation import AbstractApproximation as AbstractApproximation
from latlas.bayes._approximation import AbstractFamily as AbstractFamily
from latlas.bayes._approximation import AbstractTransport as AbstractTransport
from latlas.bayes._arviz import to_datatree as to_datatree
from latlas.bayes._assess import Evidences as Evidences
from latlas.bayes._chains import Chains as Chains
from latlas.bayes._chains import short_chains as short_chains
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
from latlas.bayes._density import Density as Density
from latlas.bayes._engine import AbstractEngine as AbstractEngine
from latlas.bayes._engine import EngineResult as EngineResult
from latlas.bayes._engine_batch_and_match import BatchAndMatch as BatchAndMatch
from latlas.bayes._engine_laplace import Laplace as Laplace
from latlas.bayes._engine_nuts import Nuts as Nuts
from latlas.bayes._family_gaussian import FullRank as FullRank
from latlas.bayes._family_gaussian import MeanField as MeanField
from latlas.bayes._fit import Fit as Fit
from latlas.bayes._importance import ImportanceDraws as ImportanceDraws
from latlas.bayes._importance import importance_draws as importance_draws
from latlas.bayes._ladder import Candidate as Candidate
from latlas.bayes._ladder import Rung as Rung
from latlas.bayes._minibatched import MinibatchTarget as MinibatchTarget
from latlas.bayes._minibatched import minibatched as minibatched
from latlas.bayes._modes import Mode as Mode
from latlas.bayes._modes import Search as Search
from latlas.bayes._modes import find_modes as find_modes
from latlas.bayes._noncentring import NonCentring as NonCentring
from latlas.bayes._noncentring import find_non_centring as find_non_centring
from latlas.bayes._numpyro_target import NumPyroTarget as NumPyroTarget
from latlas.bayes._numpyro_target import SubsampledTarget as SubsampledTarget
from latlas.bayes._numpyro_target import from_numpyro as from_numpyro
from latlas.bayes._plain_target import as_target as as_target
from latlas.bayes._plain_target import from_log_density as from_log_density
from latlas.bayes._posterior import Posterior as Posterior
from latlas.bayes._predictive import discrete_posterior as discrete_posterior
from latlas.bayes._predictive import log_likelihood as log_likelihood
from latlas.bayes._predictive import observed_values as observed_values
from latlas.bayes._predictive import posterior_predictive as posterior_predictive
from latlas.bayes._predictive import prior_predictive as prior_predictive
from latlas.bayes._run import fit as fit
from latlas.bayes._stochastic_target import AbstractStochasticTarget as AbstractStochasticTarget
from latlas.bayes._stochastic_target import FixedBatches as FixedBatches
from latlas.bayes._target import AbstractTarget as AbstractTarget
from latlas.bayes._target import DensityTarget as DensityTarget
from latlas.bayes._verdict import Check as Check
from latlas.bayes._verdict import Verdict as Verdict
from latlas.bayes._verdict import judge as judge
from latlas.bayes._warp import AbstractWarp as AbstractWarp
from latlas.bayes._warp import Affine as Affine
from latlas.bayes._warp import Composed as Composed
