"""The front door: the ladder of engines, what came out, how it is stored, calibrated and handed to ArviZ."""

from latlas.bayes.fitting._arviz import to_datatree as to_datatree
from latlas.bayes.fitting._assessment import LazyAssessment as LazyAssessment
from latlas.bayes.fitting._calibration import Calibration as Calibration
from latlas.bayes.fitting._calibration import simulation_based_calibration as simulation_based_calibration
from latlas.bayes.fitting._faces import Faces as Faces
from latlas.bayes.fitting._faces import both_faces as both_faces
from latlas.bayes.fitting._findings import Findings as Findings
from latlas.bayes.fitting._findings import Fresh as Fresh
from latlas.bayes.fitting._findings import Stored as Stored
from latlas.bayes.fitting._fit import fit as fit
from latlas.bayes.fitting._ladder import Candidate as Candidate
from latlas.bayes.fitting._ladder import Rung as Rung
from latlas.bayes.fitting._result import Fit as Fit
from latlas.bayes.fitting._result import record_of as record_of
from latlas.bayes.fitting._start import check_start as check_start
from latlas.bayes.fitting._start import elbo_start as elbo_start
from latlas.bayes.fitting._start import starting_point as starting_point
from latlas.bayes.fitting._store import load as load
from latlas.bayes.fitting._store import save as save
