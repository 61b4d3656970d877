"""The remedies, in the order in which they are tried: what was asked for wrongly first, then the cheapest."""

from latlas.evaluation._remedies_model import (
    LearnLikelihoodScale,
    SmallDecoderInit,
    SoftenPrior,
    WidenPosterior,
)
from latlas.evaluation._remedies_objective import (
    AddFreeBits,
    AnnealCapacity,
    ConstrainRate,
    CyclicalWarmUp,
    DemandRate,
    UnitBeta,
    WarmUp,
)
from latlas.evaluation._remedies_run import LowerLearningRate, MoreEncoderSteps, MoreEpochs
from latlas.evaluation._remedy import AbstractRemedy

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
