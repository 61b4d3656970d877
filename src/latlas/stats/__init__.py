"""Statistics of plain arrays: importance weights, errors of estimates, how subspaces lie, disentanglement.

What concerns weights and estimates takes one vector, in JAX, and can be compiled and mapped over examples
(`jax.vmap`). `principal_angles` and the disentanglement scores are NumPy and scikit-learn, in float64.
"""

from latlas.stats._chains import rank_normalised_r_hat as rank_normalised_r_hat
from latlas.stats._chains import smallest_effective_sample_size as smallest_effective_sample_size
from latlas.stats._chains import worst_r_hat as worst_r_hat
from latlas.stats._importance import WeightStatistics as WeightStatistics
from latlas.stats._importance import effective_sample_size as effective_sample_size
from latlas.stats._importance import log_mean_exp as log_mean_exp
from latlas.stats._importance import log_mean_exp_standard_error as log_mean_exp_standard_error
from latlas.stats._importance import renyi_log_mean as renyi_log_mean
from latlas.stats._importance import standard_error as standard_error
from latlas.stats._importance import weight_statistics as weight_statistics
from latlas.stats._mmd import mmd_squared as mmd_squared
from latlas.stats._normal_draws import even_normal_draws as even_normal_draws
from latlas.stats._normal_draws import fixed_draws as fixed_draws
from latlas.stats._psis import pareto_k as pareto_k
from latlas.stats._psis import psis_log_weights as psis_log_weights
from latlas.stats._subspace import principal_angles as principal_angles
from latlas.stats.factors import DciScores as DciScores
from latlas.stats.factors import DisentanglementScores as DisentanglementScores
from latlas.stats.factors import beta_vae_score as beta_vae_score
from latlas.stats.factors import dci as dci
from latlas.stats.factors import disentanglement as disentanglement
from latlas.stats.factors import explicitness as explicitness
from latlas.stats.factors import factor_vae_score as factor_vae_score
from latlas.stats.factors import irs as irs
from latlas.stats.factors import modularity as modularity
from latlas.stats.factors import mutual_information as mutual_information
from latlas.stats.factors import mutual_information_gap as mutual_information_gap
from latlas.stats.factors import sap_score as sap_score
