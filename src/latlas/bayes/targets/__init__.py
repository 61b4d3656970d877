"""What may be fitted: NumPyro models, plain log densities, minibatches of rows; their coordinates and predictions."""

from latlas.bayes.targets._coordinates import coordinate_names as coordinate_names
from latlas.bayes.targets._coordinates import coordinates_of as coordinates_of
from latlas.bayes.targets._coordinates import flat_draws as flat_draws
from latlas.bayes.targets._coordinates import named_draws as named_draws
from latlas.bayes.targets._dependence import dependence_of_model as dependence_of_model
from latlas.bayes.targets._log_density import as_target as as_target
from latlas.bayes.targets._log_density import from_log_density as from_log_density
from latlas.bayes.targets._minibatched import MinibatchTarget as MinibatchTarget
from latlas.bayes.targets._minibatched import minibatched as minibatched
from latlas.bayes.targets._numpyro import AbstractNumPyroTarget as AbstractNumPyroTarget
from latlas.bayes.targets._numpyro import NumPyroTarget as NumPyroTarget
from latlas.bayes.targets._numpyro import SubsampledTarget as SubsampledTarget
from latlas.bayes.targets._numpyro import from_numpyro as from_numpyro
from latlas.bayes.targets._predictive import discrete_posterior as discrete_posterior
from latlas.bayes.targets._predictive import log_likelihood as log_likelihood
from latlas.bayes.targets._predictive import observed_values as observed_values
from latlas.bayes.targets._predictive import posterior_predictive as posterior_predictive
from latlas.bayes.targets._predictive import prior_predictive as prior_predictive
from latlas.bayes.targets._stochastic import AbstractStochasticTarget as AbstractStochasticTarget
from latlas.bayes.targets._stochastic import FixedBatches as FixedBatches
from latlas.bayes.targets._target import AbstractTarget as AbstractTarget
from latlas.bayes.targets._target import DensityTarget as DensityTarget
from latlas.bayes.targets._target import Suspects as Suspects
