"""How good a model is: its evidence with an error and a verdict, its bound, rate, distortion, active units.

Everything is computed per example in one compiled program, in memory bounded by a chunk size, and comes back
as NumPy arrays and small frozen dataclasses.
"""

from latlas.evaluation._active_units import ACTIVE_UNIT_THRESHOLD as ACTIVE_UNIT_THRESHOLD
from latlas.evaluation._active_units import ActiveUnits as ActiveUnits
from latlas.evaluation._active_units import active_units as active_units
from latlas.evaluation._annealing import Annealing as Annealing
from latlas.evaluation._annealing import SigmoidTemperatures as SigmoidTemperatures
from latlas.evaluation._annealing import annealed_log_evidence as annealed_log_evidence
from latlas.evaluation._check import Check as Check
from latlas.evaluation._cure import CuredFit as CuredFit
from latlas.evaluation._cure import fit_with_cure as fit_with_cure
from latlas.evaluation._cure_record import NO_TREATMENTS as NO_TREATMENTS
from latlas.evaluation._cure_record import Treatment as Treatment
from latlas.evaluation._cure_record import kept_run as kept_run
from latlas.evaluation._curve import RateDistortionCurve as RateDistortionCurve
from latlas.evaluation._curve import checked_betas as checked_betas
from latlas.evaluation._curve import rate_distortion_curve as rate_distortion_curve
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
from latlas.evaluation._gap import Gap as Gap
from latlas.evaluation._gap import GapSummary as GapSummary
from latlas.evaluation._gap import gap as gap
from latlas.evaluation._gaussian_curve import gaussian_rate_distortion as gaussian_rate_distortion
from latlas.evaluation._hmc import HMC as HMC
from latlas.evaluation._importance import EvidencePerExample as EvidencePerExample
from latlas.evaluation._importance import importance_log_evidence as importance_log_evidence
from latlas.evaluation._map_rows import map_rows as map_rows
from latlas.evaluation._refine import Refined as Refined
from latlas.evaluation._refine import Refinement as Refinement
from latlas.evaluation._refine import refine as refine
from latlas.evaluation._remedies import REMEDIES as REMEDIES
from latlas.evaluation._remedies_model import LearnLikelihoodScale as LearnLikelihoodScale
from latlas.evaluation._remedies_model import SmallDecoderInit as SmallDecoderInit
from latlas.evaluation._remedies_model import SoftenPrior as SoftenPrior
from latlas.evaluation._remedies_model import WidenPosterior as WidenPosterior
from latlas.evaluation._remedies_objective import AddFreeBits as AddFreeBits
from latlas.evaluation._remedies_objective import AnnealCapacity as AnnealCapacity
from latlas.evaluation._remedies_objective import ConstrainRate as ConstrainRate
from latlas.evaluation._remedies_objective import CyclicalWarmUp as CyclicalWarmUp
from latlas.evaluation._remedies_objective import DemandRate as DemandRate
from latlas.evaluation._remedies_objective import UnitBeta as UnitBeta
from latlas.evaluation._remedies_objective import WarmUp as WarmUp
from latlas.evaluation._remedies_run import LowerLearningRate as LowerLearningRate
from latlas.evaluation._remedies_run import MoreEncoderSteps as MoreEncoderSteps
from latlas.evaluation._remedies_run import MoreEpochs as MoreEpochs
from latlas.evaluation._remedy import AbstractRemedy as AbstractRemedy
from latlas.evaluation._remedy import Course as Course
from latlas.evaluation._support import check_support as check_support
from latlas.evaluation._transition import AbstractTransition as AbstractTransition
from latlas.evaluation._transition import ChainState as ChainState
from latlas.evaluation._transition import GeometricPath as GeometricPath
from latlas.evaluation._transition import IndependentMetropolis as IndependentMetropolis
