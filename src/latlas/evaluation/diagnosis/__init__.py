"""What is wrong with a fit, by name: measurements, checks, findings."""

from latlas.evaluation.diagnosis._diagnose import ALL_CHECKS as ALL_CHECKS
from latlas.evaluation.diagnosis._diagnose import QUICK_CHECKS as QUICK_CHECKS
from latlas.evaluation.diagnosis._diagnose import FindingCheck as FindingCheck
from latlas.evaluation.diagnosis._diagnose import diagnose as diagnose
from latlas.evaluation.diagnosis._finding import FINDINGS as FINDINGS
from latlas.evaluation.diagnosis._finding import Diagnosis as Diagnosis
from latlas.evaluation.diagnosis._finding import Finding as Finding
from latlas.evaluation.diagnosis._support import check_support as check_support
