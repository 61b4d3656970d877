"""Bounds and penalties: `(key, model, batch) -> (loss, terms)`. The objective owns the `vmap` over examples."""

from latlas.objectives._draws import AbstractDraws as AbstractDraws
from latlas.objectives._draws import MonteCarlo as MonteCarlo
from latlas.objectives._elbo import Elbo as Elbo
from latlas.objectives._elbo import ElboTerms as ElboTerms
from latlas.objectives._gradients import AbstractGradient as AbstractGradient
from latlas.objectives._gradients import DoublyReparameterised as DoublyReparameterised
from latlas.objectives._gradients import Reparameterised as Reparameterised
from latlas.objectives._gradients import StickingTheLanding as StickingTheLanding
from latlas.objectives._importance_weighted import ImportanceWeighted as ImportanceWeighted
from latlas.objectives._importance_weighted import log_weights as log_weights
from latlas.objectives._objective import AbstractObjective as AbstractObjective
from latlas.objectives._objective import Terms as Terms
from latlas.objectives._objective import map_over_batch as map_over_batch
from latlas.objectives._objective import mean_over_batch as mean_over_batch
from latlas.objectives._rate_penalties import CapacityPenalty as CapacityPenalty
from latlas.objectives._rate_penalties import FreeBits as FreeBits
from latlas.objectives._rate_penalties import MinimumRate as MinimumRate
from latlas.objectives._reconstruction import ReconstructionLoss as ReconstructionLoss
from latlas.objectives._total import Total as Total
