"""Markov transitions and chains on any log density: they know no model, and serve evidence, fits and inverse problems."""

from latlas.sampling._chains import MAX_DIVERGENT as MAX_DIVERGENT
from latlas.sampling._chains import NUM_CHAINS as NUM_CHAINS
from latlas.sampling._chains import R_HAT_LIMIT as R_HAT_LIMIT
from latlas.sampling._chains import Chains as Chains
from latlas.sampling._chains import short_chains as short_chains
from latlas.sampling._hmc import HMC as HMC
from latlas.sampling._transition import AbstractTransition as AbstractTransition
from latlas.sampling._transition import ChainState as ChainState
from latlas.sampling._transition import GeometricPath as GeometricPath
from latlas.sampling._transition import IndependentMetropolis as IndependentMetropolis
