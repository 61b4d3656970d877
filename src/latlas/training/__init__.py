"""One compiled loop that knows a callable and a pytree; runs that resume bit for bit."""

from latlas.training._callbacks import FitCallback as FitCallback
from latlas.training._callbacks import FitContext as FitContext
from latlas.training._callbacks import checked_callbacks as checked_callbacks
from latlas.training._control import ControlState as ControlState
from latlas.training._control import ProportionalIntegral as ProportionalIntegral
from latlas.training._interleaved import Interleaved as Interleaved
from latlas.training._interleaved import InterleavedState as InterleavedState
from latlas.training._optimizer import AbstractOptimizer as AbstractOptimizer
from latlas.training._optimizer import Adam as Adam
from latlas.training._optimizer import AdamState as AdamState
from latlas.training._optimizer import Optax as Optax
from latlas.training._optimizer import Schedule as Schedule
from latlas.training._optimizer import global_norm as global_norm
from latlas.training._partitioned import Partitioned as Partitioned
from latlas.training._progress import PlainProgress as PlainProgress
from latlas.training._progress import ProgressBar as ProgressBar
from latlas.training._progress import progress as progress
from latlas.training._run import FitResult as FitResult
from latlas.training._shuffle import shuffled as shuffled
from latlas.training._state import Best as Best
from latlas.training._state import Interval as Interval
from latlas.training._state import TrainState as TrainState
from latlas.training._trainer import Reports as Reports
from latlas.training._trainer import Trainer as Trainer
