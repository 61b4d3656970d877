"""Remedies for what a diagnosis found, tried one after the other and judged by the ELBO of rows kept apart."""

from latlas.evaluation.cure._cure import REMEDIES as REMEDIES
from latlas.evaluation.cure._cure import CuredFit as CuredFit
from latlas.evaluation.cure._cure import fit_with_cure as fit_with_cure
from latlas.evaluation.cure._model_remedies import LearnLikelihoodScale as LearnLikelihoodScale
from latlas.evaluation.cure._model_remedies import SmallDecoderInit as SmallDecoderInit
from latlas.evaluation.cure._model_remedies import SoftenPrior as SoftenPrior
from latlas.evaluation.cure._model_remedies import WidenPosterior as WidenPosterior
from latlas.evaluation.cure._objective_remedies import AddFreeBits as AddFreeBits
from latlas.evaluation.cure._objective_remedies import AnnealCapacity as AnnealCapacity
from latlas.evaluation.cure._objective_remedies import ConstrainRate as ConstrainRate
from latlas.evaluation.cure._objective_remedies import CyclicalWarmUp as CyclicalWarmUp
from latlas.evaluation.cure._objective_remedies import DemandRate as DemandRate
from latlas.evaluation.cure._objective_remedies import UnitBeta as UnitBeta
from latlas.evaluation.cure._objective_remedies import WarmUp as WarmUp
from latlas.evaluation.cure._record import NO_TREATMENTS as NO_TREATMENTS
from latlas.evaluation.cure._record import Treatment as Treatment
from latlas.evaluation.cure._record import kept_run as kept_run
from latlas.evaluation.cure._remedy import AbstractRemedy as AbstractRemedy
from latlas.evaluation.cure._remedy import FitSetup as FitSetup
from latlas.evaluation.cure._run_remedies import LowerLearningRate as LowerLearningRate
from latlas.evaluation.cure._run_remedies import MoreEncoderSteps as MoreEncoderSteps
from latlas.evaluation.cure._run_remedies import MoreEpochs as MoreEpochs
