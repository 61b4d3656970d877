"""The best posterior of a family for each datum, and what an encoder loses beside it: refinement and the gap."""

from latlas.evaluation.inference._gap import Gap as Gap
from latlas.evaluation.inference._gap import GapBounds as GapBounds
from latlas.evaluation.inference._gap import GapSummary as GapSummary
from latlas.evaluation.inference._gap import Generalisation as Generalisation
from latlas.evaluation.inference._gap import gap as gap
from latlas.evaluation.inference._gap import generalisation as generalisation
from latlas.evaluation.inference._refine import Refined as Refined
from latlas.evaluation.inference._refine import Refinement as Refinement
from latlas.evaluation.inference._refine import Stationarity as Stationarity
from latlas.evaluation.inference._refine import refine as refine
