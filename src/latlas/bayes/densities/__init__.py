"""A target as the engines see it: in whitened coordinates, counted, with its modes and its non-centring."""

from latlas.bayes.densities._anchor import AnchoredBatches as AnchoredBatches
from latlas.bayes.densities._anchor import anchored as anchored
from latlas.bayes.densities._density import Density as Density
from latlas.bayes.densities._modes import Lost as Lost
from latlas.bayes.densities._modes import Mode as Mode
from latlas.bayes.densities._modes import Search as Search
from latlas.bayes.densities._modes import find_modes as find_modes
from latlas.bayes.densities._noncentring import NonCentring as NonCentring
from latlas.bayes.densities._noncentring import find_non_centring as find_non_centring
