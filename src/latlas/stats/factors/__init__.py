"""How codes answer to known factors of variation: the field's scores of disentanglement, in NumPy and scikit-learn."""

from latlas.stats.factors._beta_vae import beta_vae_score as beta_vae_score
from latlas.stats.factors._dci import DciScores as DciScores
from latlas.stats.factors._dci import dci as dci
from latlas.stats.factors._disentanglement import DciEstimates as DciEstimates
from latlas.stats.factors._disentanglement import DisentanglementScores as DisentanglementScores
from latlas.stats.factors._disentanglement import disentanglement as disentanglement
from latlas.stats.factors._factor_vae import factor_vae_score as factor_vae_score
from latlas.stats.factors._irs import irs as irs
from latlas.stats.factors._mig import mutual_information as mutual_information
from latlas.stats.factors._mig import mutual_information_gap as mutual_information_gap
from latlas.stats.factors._modularity import explicitness as explicitness
from latlas.stats.factors._modularity import modularity as modularity
from latlas.stats.factors._sap import sap_score as sap_score
