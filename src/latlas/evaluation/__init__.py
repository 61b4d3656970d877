"""How good a model is: its evidence with an error and a verdict, its bound, rate, distortion, active units.

Everything is computed per example in one compiled program, in memory bounded by a chunk size, and comes back
as NumPy arrays and small frozen dataclasses.
"""

from latlas.evaluation._evaluate import Evaluation as Evaluation
from latlas.evaluation._evaluate import evaluate as evaluate
from latlas.evaluation._moved import __getattr__ as __getattr__
from latlas.evaluation.cure import CuredFit as CuredFit
from latlas.evaluation.cure import fit_with_cure as fit_with_cure
from latlas.evaluation.diagnosis import Diagnosis as Diagnosis
from latlas.evaluation.diagnosis import Finding as Finding
from latlas.evaluation.diagnosis import diagnose as diagnose
from latlas.evaluation.evidence import Annealing as Annealing
from latlas.evaluation.evidence import Bracket as Bracket
from latlas.evaluation.evidence import Certificate as Certificate
from latlas.evaluation.evidence import annealed_log_evidence as annealed_log_evidence
from latlas.evaluation.evidence import bracket as bracket
from latlas.evaluation.evidence import certificate as certificate
from latlas.evaluation.evidence import elbo as elbo
from latlas.evaluation.evidence import exact_log_evidence as exact_log_evidence
from latlas.evaluation.evidence import importance_log_evidence as importance_log_evidence
from latlas.evaluation.evidence import rate_distortion as rate_distortion
from latlas.evaluation.evidence import renyi_bound as renyi_bound
from latlas.evaluation.evidence import simulated_bracket as simulated_bracket
from latlas.evaluation.inference import Gap as Gap
from latlas.evaluation.inference import Refined as Refined
from latlas.evaluation.inference import Refinement as Refinement
from latlas.evaluation.inference import gap as gap
from latlas.evaluation.inference import generalisation as generalisation
from latlas.evaluation.inference import refine as refine
from latlas.evaluation.rate import ActiveUnits as ActiveUnits
from latlas.evaluation.rate import RateDecomposition as RateDecomposition
from latlas.evaluation.rate import RateDistortionCurve as RateDistortionCurve
from latlas.evaluation.rate import active_units as active_units
from latlas.evaluation.rate import decompose_rate as decompose_rate
from latlas.evaluation.rate import rate_distortion_curve as rate_distortion_curve
