"""Variational families, the approximations that they make, and the bijections that these are made of."""

from latlas.distributions.families._bijection import AbstractBijection as AbstractBijection
from latlas.distributions.families._bijection import Affine as Affine
from latlas.distributions.families._bijection import Composed as Composed
from latlas.distributions.families._bijection import affine_of as affine_of
from latlas.distributions.families._block import Block as Block
from latlas.distributions.families._block import BlockGaussian as BlockGaussian
from latlas.distributions.families._coupling import AffineCoupling as AffineCoupling
from latlas.distributions.families._coupling_flow import CouplingFlow as CouplingFlow
from latlas.distributions.families._coupling_flow import (
    CouplingFlowApproximation as CouplingFlowApproximation,
)
from latlas.distributions.families._factor import AbstractFactor as AbstractFactor
from latlas.distributions.families._factor import Diagonal as Diagonal
from latlas.distributions.families._factor import Triangular as Triangular
from latlas.distributions.families._family import AbstractApproximation as AbstractApproximation
from latlas.distributions.families._family import AbstractFamily as AbstractFamily
from latlas.distributions.families._family import AbstractTransport as AbstractTransport
from latlas.distributions.families._flow import AbstractFlow as AbstractFlow
from latlas.distributions.families._flowjax import Flow as Flow
from latlas.distributions.families._flowjax import FlowApproximation as FlowApproximation
from latlas.distributions.families._flowjax import FlowJaxBijection as FlowJaxBijection
from latlas.distributions.families._full_rank import FullGaussian as FullGaussian
from latlas.distributions.families._full_rank import FullRank as FullRank
from latlas.distributions.families._full_rank import gaussian_of as gaussian_of
from latlas.distributions.families._gaussian import AbstractGaussian as AbstractGaussian
from latlas.distributions.families._gaussian import AbstractGaussianFamily as AbstractGaussianFamily
from latlas.distributions.families._low_rank import LowRank as LowRank
from latlas.distributions.families._low_rank import LowRankGaussian as LowRankGaussian
from latlas.distributions.families._mean_field import DiagonalGaussian as DiagonalGaussian
from latlas.distributions.families._mean_field import MeanField as MeanField
from latlas.distributions.families._mixture import Mixture as Mixture
from latlas.distributions.families._mixture import MixtureApproximation as MixtureApproximation
from latlas.distributions.families._posterior import AbstractPosterior as AbstractPosterior
from latlas.distributions.families._posterior import AbstractPosteriorFamily as AbstractPosteriorFamily
from latlas.distributions.families._posterior import OneLatent as OneLatent
from latlas.distributions.families._pushforward import LOG_2PI as LOG_2PI
from latlas.distributions.families._pushforward import AbstractPushforward as AbstractPushforward
from latlas.distributions.families._structured import Dependence as Dependence
from latlas.distributions.families._structured import Structured as Structured
from latlas.distributions.families._unravelled import Unravelled as Unravelled
from latlas.distributions.families._unravelled import member_near as member_near
