"""Heads over one observation, distributions over its latents and families of such, and the KL divergence between them.

A head turns a decoder's unconstrained numbers into a valid NumPyro-like distribution and scores only what
was observed; over latents NumPyro's distributions serve as they are, joined by chains and products.
"""

from latlas.distributions._kl import KLEstimate as KLEstimate
from latlas.distributions._kl import NoClosedFormError as NoClosedFormError
from latlas.distributions._kl import has_closed_form as has_closed_form
from latlas.distributions._kl import kl_divergence as kl_divergence
from latlas.distributions._kl import kl_estimate as kl_estimate
from latlas.distributions._kl import register_kl as register_kl
from latlas.distributions._kl_per_dimension import kl_per_dimension as kl_per_dimension
from latlas.distributions._latent import Chain as Chain
from latlas.distributions._latent import Distribution as Distribution
from latlas.distributions._latent import Product as Product
from latlas.distributions._latent import diagonal_normal as diagonal_normal
from latlas.distributions._moved import __getattr__ as __getattr__
from latlas.distributions.families import CouplingFlow as CouplingFlow
from latlas.distributions.families import FullRank as FullRank
from latlas.distributions.families import MeanField as MeanField
from latlas.distributions.heads import AbstractDegrees as AbstractDegrees
from latlas.distributions.heads import AbstractHead as AbstractHead
from latlas.distributions.heads import AbstractScale as AbstractScale
from latlas.distributions.heads import Bernoulli as Bernoulli
from latlas.distributions.heads import Categorical as Categorical
from latlas.distributions.heads import ContinuousBernoulli as ContinuousBernoulli
from latlas.distributions.heads import DiscretisedLogistic as DiscretisedLogistic
from latlas.distributions.heads import FixedDegrees as FixedDegrees
from latlas.distributions.heads import FixedScale as FixedScale
from latlas.distributions.heads import Gaussian as Gaussian
from latlas.distributions.heads import InDataUnits as InDataUnits
from latlas.distributions.heads import Laplace as Laplace
from latlas.distributions.heads import LearnedDegrees as LearnedDegrees
from latlas.distributions.heads import LearnedScale as LearnedScale
from latlas.distributions.heads import Likelihood as Likelihood
from latlas.distributions.heads import Mixed as Mixed
from latlas.distributions.heads import Poisson as Poisson
from latlas.distributions.heads import PredictedScale as PredictedScale
from latlas.distributions.heads import StudentT as StudentT
from latlas.distributions.heads import masked_sum as masked_sum
