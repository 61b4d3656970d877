"""Variational Bayes for any log density: targets, families, engines, and a verdict on what came out.

Everything is computed in float64, whatever the global flag. In closed form, by coordinate ascent, where the model is
conjugate.
"""

from latlas.bayes._moved import __getattr__ as __getattr__
from latlas.bayes.conjugate import cavi as cavi
from latlas.bayes.conjugate import stochastic_cavi as stochastic_cavi
from latlas.bayes.densities import anchored as anchored
from latlas.bayes.fitting import Calibration as Calibration
from latlas.bayes.fitting import Faces as Faces
from latlas.bayes.fitting import Fit as Fit
from latlas.bayes.fitting import both_faces as both_faces
from latlas.bayes.fitting import fit as fit
from latlas.bayes.fitting import load as load
from latlas.bayes.fitting import save as save
from latlas.bayes.fitting import simulation_based_calibration as simulation_based_calibration
from latlas.bayes.fitting import to_datatree as to_datatree
from latlas.bayes.targets import AbstractTarget as AbstractTarget
from latlas.bayes.targets import as_target as as_target
from latlas.bayes.targets import discrete_posterior as discrete_posterior
from latlas.bayes.targets import from_log_density as from_log_density
from latlas.bayes.targets import from_numpyro as from_numpyro
from latlas.bayes.targets import log_likelihood as log_likelihood
from latlas.bayes.targets import minibatched as minibatched
from latlas.bayes.targets import observed_values as observed_values
from latlas.bayes.targets import posterior_predictive as posterior_predictive
from latlas.bayes.targets import prior_predictive as prior_predictive
from latlas.bayes.verdict import Check as Check
from latlas.bayes.verdict import Verdict as Verdict
