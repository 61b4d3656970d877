"""Variational families and the bijections that they are made of."""

from latlas.distributions.families._bijection import AbstractBijection as AbstractBijection
from latlas.distributions.families._bijection import Affine as Affine
from latlas.distributions.families._bijection import Composed as Composed
from latlas.distributions.families._bijection import affine_of as affine_of
from latlas.distributions.families._block import Block as Block
from latlas.distributions.families._block import BlockGaussian as BlockGaussian
from latlas.distributions.families._factor import AbstractFactor as AbstractFactor
from latlas.distributions.families._factor import Diagonal as Diagonal
from latlas.distributions.families._factor import Triangular as Triangular
from latlas.distributions.families._family import AbstractApproximation as AbstractApproximation
from latlas.distributions.families._family import AbstractFamily as AbstractFamily
from latlas.distributions.families._family import AbstractTransport as AbstractTransport
from latlas.distributions.families._flow import Flow as Flow
from latlas.distributions.families._flow import FlowApproximation as FlowApproximation
from latlas.distributions.families._gaussian import LOG_2PI as LOG_2PI
from latlas.distributions.families._gaussian import DiagonalGaussian as DiagonalGaussian
from latlas.distributions.families._gaussian import FullGaussian as FullGaussian
from latlas.distributions.families._gaussian import FullRank as FullRank
from latlas.distributions.families._gaussian import MeanField as MeanField
from latlas.distributions.families._gaussian import gaussian_of as gaussian_of
from latlas.distributions.families._low_rank import LowRank as LowRank
from latlas.distributions.families._low_rank import LowRankGaussian as LowRankGaussian
from latlas.distributions.families._mixture import Mixture as Mixture
from latlas.distributions.families._mixture import MixtureApproximation as MixtureApproximation
from latlas.distributions.families._structured import Dependence as Dependence
from latlas.distributions.families._structured import Structured as Structured
