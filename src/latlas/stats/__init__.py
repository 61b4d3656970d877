"""Statistics of plain arrays: the tail of importance weights, the error of an estimate, how subspaces lie.

Everything here takes one vector, in JAX, and can be compiled and mapped over examples (`jax.vmap`);
`principal_angles` alone is NumPy, in float64.
"""

from latlas.stats._importance import effective_sample_size as effective_sample_size
from latlas.stats._importance import log_mean_exp as log_mean_exp
from latlas.stats._importance import log_mean_exp_standard_error as log_mean_exp_standard_error
from latlas.stats._importance import standard_error as standard_error
from latlas.stats._psis import pareto_k as pareto_k
from latlas.stats._psis import psis_log_weights as psis_log_weights
from latlas.stats._subspace import principal_angles as principal_angles
