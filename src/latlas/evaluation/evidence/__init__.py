"""log p(x) from below and from above: the ELBO, importance weights, annealing, brackets, certificates, exact answers."""

from latlas.evaluation.evidence._annealing import Annealing as Annealing
from latlas.evaluation.evidence._annealing import SigmoidTemperatures as SigmoidTemperatures
from latlas.evaluation.evidence._annealing import annealed_log_evidence as annealed_log_evidence
from latlas.evaluation.evidence._bracket import Bracket as Bracket
from latlas.evaluation.evidence._bracket import BracketSummary as BracketSummary
from latlas.evaluation.evidence._bracket import SameExamples as SameExamples
from latlas.evaluation.evidence._bracket import bracket as bracket
from latlas.evaluation.evidence._bracket import chi_bracket as chi_bracket
from latlas.evaluation.evidence._bracket import simulated_bracket as simulated_bracket
from latlas.evaluation.evidence._certificate import Certificate as Certificate
from latlas.evaluation.evidence._certificate import CertificateSummary as CertificateSummary
from latlas.evaluation.evidence._certificate import OverExamples as OverExamples
from latlas.evaluation.evidence._certificate import certificate as certificate
from latlas.evaluation.evidence._elbo import ElboPerExample as ElboPerExample
from latlas.evaluation.evidence._elbo import RateDistortion as RateDistortion
from latlas.evaluation.evidence._elbo import elbo as elbo
from latlas.evaluation.evidence._elbo import kl_per_dimension as kl_per_dimension
from latlas.evaluation.evidence._elbo import rate_distortion as rate_distortion
from latlas.evaluation.evidence._exact import exact_log_evidence as exact_log_evidence
from latlas.evaluation.evidence._importance import EvidencePerExample as EvidencePerExample
from latlas.evaluation.evidence._importance import importance_log_evidence as importance_log_evidence
from latlas.evaluation.evidence._renyi import renyi_bound as renyi_bound
