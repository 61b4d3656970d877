"""Variational families and the bijections that they are made of."""

from latlas.bayes.families._bijection import AbstractWarp as AbstractWarp
from latlas.bayes.families._bijection import Affine as Affine
from latlas.bayes.families._bijection import Composed as Composed
from latlas.bayes.families._block import Block as Block
from latlas.bayes.families._family import AbstractApproximation as AbstractApproximation
from latlas.bayes.families._family import AbstractFamily as AbstractFamily
from latlas.bayes.families._family import AbstractTransport as AbstractTransport
from latlas.bayes.families._flow import Flow as Flow
from latlas.bayes.families._gaussian import FullRank as FullRank
from latlas.bayes.families._gaussian import MeanField as MeanField
from latlas.bayes.families._low_rank import LowRank as LowRank
from latlas.bayes.families._mixture import Mixture as Mixture
from latlas.bayes.families._structured import Structured as Structured
