"""The remedies, in the order in which they are tried: what was asked for wrongly first, then the cheapest."""

from latlas.evaluation.cure._model_remedies import (
    LearnLikelihoodScale,
    SmallDecoderInit,
    SoftenPrior,
    WidenPosterior,
)
from latlas.evaluation.cure._objective_remedies import (
    AddFreeBits,
    AnnealCapacity,
    ConstrainRate,
    CyclicalWarmUp,
    DemandRate,
    UnitBeta,
    WarmUp,
)
from latlas.evaluation.cure._remedy import AbstractRemedy
from latlas.evaluation.cure._run_remedies import LowerLearningRate, MoreEncoderSteps, MoreEpochs

REMEDIES: tuple[AbstractRemedy, ...] = (
    SoftenPrior(),
    UnitBeta(),
    LearnLikelihoodScale(),
    WidenPosterior(),
    WarmUp(),
    AddFreeBits(),
    SmallDecoderInit(),
    MoreEncoderSteps(),
    DemandRate(),
    CyclicalWarmUp(),
    ConstrainRate(),
    AnnealCapacity(),
    LowerLearningRate(),
    MoreEpochs(),
)
