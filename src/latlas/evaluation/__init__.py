"""How good a model is: its evidence with an error and a verdict, its bound, rate, distortion, active units.

Everything is computed per example in one compiled program, in memory bounded by a chunk size, and comes back
as NumPy arrays and small frozen dataclasses.
"""

from latlas.evaluation._active_units import ACTIVE_UNIT_THRESHOLD as ACTIVE_UNIT_THRESHOLD
from latlas.evaluation._active_units import ActiveUnits as ActiveUnits
from latlas.evaluation._active_units import active_units as active_units
from latlas.evaluation._check import Check as Check
from latlas.evaluation._decompose_rate import RateDecomposition as RateDecomposition
from latlas.evaluation._decompose_rate import decompose_rate as decompose_rate
from latlas.evaluation._diagnose import ALL_CHECKS as ALL_CHECKS
from latlas.evaluation._diagnose import QUICK_CHECKS as QUICK_CHECKS
from latlas.evaluation._diagnose import diagnose as diagnose
from latlas.evaluation._elbo import ElboPerExample as ElboPerExample
from latlas.evaluation._elbo import RateDistortion as RateDistortion
from latlas.evaluation._elbo import elbo as elbo
from latlas.evaluation._elbo import kl_per_dimension as kl_per_dimension
from latlas.evaluation._elbo import rate_distortion as rate_distortion
from latlas.evaluation._evaluate import Evaluation as Evaluation
from latlas.evaluation._evaluate import evaluate as evaluate
from latlas.evaluation._finding import FINDINGS as FINDINGS
from latlas.evaluation._finding import Diagnosis as Diagnosis
from latlas.evaluation._finding import Finding as Finding
from latlas.evaluation._importance import EvidencePerExample as EvidencePerExample
from latlas.evaluation._importance import importance_log_evidence as importance_log_evidence
from latlas.evaluation._map_rows import map_rows as map_rows
