"""What every layer shares: examples, pytrees, results and their errors, files that open safely anywhere."""

from latlas.core._arrays import read_arrays as read_arrays
from latlas.core._arrays import write_arrays as write_arrays
from latlas.core._errors import CorruptFileError as CorruptFileError
from latlas.core._errors import DataError as DataError
from latlas.core._errors import InterruptedRunError as InterruptedRunError
from latlas.core._errors import LatlasError as LatlasError
from latlas.core._errors import NonFiniteError as NonFiniteError
from latlas.core._errors import RequestError as RequestError
from latlas.core._errors import RunExistsError as RunExistsError
from latlas.core._errors import RunInUseError as RunInUseError
from latlas.core._errors import WorkError as WorkError
from latlas.core._evidence import PARETO_K_LIMIT as PARETO_K_LIMIT
from latlas.core._evidence import Estimate as Estimate
from latlas.core._evidence import Evidence as Evidence
from latlas.core._example import Example as Example
from latlas.core._example import num_examples as num_examples
from latlas.core._files import write_atomically as write_atomically
from latlas.core._pytree import is_key as is_key
from latlas.core._pytree import named_arrays as named_arrays
from latlas.core._pytree import stop_gradient as stop_gradient
from latlas.core._pytree import with_named_arrays as with_named_arrays
from latlas.core._run_directory import RunDirectory as RunDirectory
from latlas.core._schedule import AbstractSchedule as AbstractSchedule
from latlas.core._schedule import Constant as Constant
from latlas.core._schedule import LinearWarmUp as LinearWarmUp
from latlas.core._schedule import as_schedule as as_schedule
