"""Coordinate ascent in closed form for conjugate models, with exact bounds."""

from latlas.bayes.conjugate._cavi import AbstractConjugateModel as AbstractConjugateModel
from latlas.bayes.conjugate._cavi import AbstractConjugatePosterior as AbstractConjugatePosterior
from latlas.bayes.conjugate._cavi import ConjugateFit as ConjugateFit
from latlas.bayes.conjugate._cavi import cavi as cavi
from latlas.bayes.conjugate._linear_posterior import LinearRegressionPosterior as LinearRegressionPosterior
from latlas.bayes.conjugate._mixture import GaussianMixture as GaussianMixture
from latlas.bayes.conjugate._mixture import GaussianMixturePosterior as GaussianMixturePosterior
from latlas.bayes.conjugate._normal_gamma import NormalGammaRegression as NormalGammaRegression
from latlas.bayes.conjugate._normal_wishart import NormalWishart as NormalWishart
from latlas.bayes.conjugate._pairs import AbstractConjugateBlock as AbstractConjugateBlock
from latlas.bayes.conjugate._pairs import BetaBinomial as BetaBinomial
from latlas.bayes.conjugate._pairs import DirichletMultinomial as DirichletMultinomial
from latlas.bayes.conjugate._pairs import GammaPoisson as GammaPoisson
from latlas.bayes.conjugate._pairs import NormalNormal as NormalNormal
from latlas.bayes.conjugate._regression import LinearRegression as LinearRegression
from latlas.bayes.conjugate._stochastic_cavi import stochastic_cavi as stochastic_cavi
from latlas.bayes.conjugate._topics import LatentDirichletAllocation as LatentDirichletAllocation
from latlas.bayes.conjugate._topics import LatentDirichletPosterior as LatentDirichletPosterior
