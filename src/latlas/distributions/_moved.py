"""Families that the guides showed under the names of their members."""

from latlas.core import moved_names
from latlas.distributions import families

RENAMED = {"DiagonalGaussian": "MeanField", "FullGaussian": "FullRank"}
PLACES = dict.fromkeys(RENAMED, families)

__getattr__ = moved_names("latlas.distributions", PLACES, until="0.2", renamed=RENAMED)
