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
