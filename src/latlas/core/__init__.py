"""What every layer shares: examples, pytrees, results and their errors, files that open safely anywhere."""

from latlas.core._evidence import PARETO_K_LIMIT as PARETO_K_LIMIT
from latlas.core._evidence import Estimate as Estimate
from latlas.core._evidence import Evidence as Evidence
from latlas.core._example import Example as Example
from latlas.core._example import num_examples as num_examples
from latlas.core._pytree import is_key as is_key
from latlas.core._pytree import named_arrays as named_arrays
from latlas.core._pytree import stop_gradient as stop_gradient
from latlas.core._pytree import with_named_arrays as with_named_arrays
from latlas.core._schedule import AbstractSchedule as AbstractSchedule
from latlas.core._schedule import Constant as Constant
from latlas.core._schedule import LinearWarmUp as LinearWarmUp
from latlas.core._schedule import as_schedule as as_schedule
