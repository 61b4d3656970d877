"""The ELBO of every example and its two parts: rate (what z holds of x) and distortion (what is missing)."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.core import Estimate, Example, Progress, in_precision_of_model
from latlas.distributions import has_closed_form, kl_divergence, kl_per_dimension
from latlas.evaluation.evidence._sampled_terms import Prepare, SampledTerms, Sampling, map_examples
from latlas.models import AbstractLatentModel
from latlas.stats import standard_error


@dataclass(frozen=True)
class ElboPerExample:
    """The ELBO of each example and its parts, in nats: `elbo = -(rate + distortion)`.

    Attributes:
        rate: KL(q(z | x) || p(z)), exact where it has a closed form.
        distortion: -E_q[log p(x | z)].
        kl_per_dimension: mean over the examples of the KL of each latent dimension, where q and p factorise
            over them and it has a closed form; else `None`. Its sum is the mean rate.
        standard_error: of each example's ELBO, from its draws.
    """

    rate: Float[np.ndarray, " examples"]
    distortion: Float[np.ndarray, " examples"]
    kl_per_dimension: Float[np.ndarray, " latent"] | None
    standard_error: Float[np.ndarray, " examples"]

    @property
    def elbo(self) -> Float[np.ndarray, " examples"]:
        """-(rate + distortion)."""
        return -(self.rate + self.distortion)

    def summary(self) -> Estimate:
        """The mean ELBO and its standard error."""
        return mean_estimate(self.elbo)


@dataclass(frozen=True)
class RateDistortion:
    """Where the nats go (Alemi et al. 2018, arXiv:1711.00464): `elbo = -(rate + distortion)`.

    Attributes:
        rate: mean of KL(q(z | x) || p(z)), in nats per example.
        distortion: mean of -E_q[log p(x | z)], in nats per example.
        kl_per_dimension: the rate of each latent dimension, or `None` where q and p do not factorise.
    """

    rate: Estimate
    distortion: Estimate
    kl_per_dimension: Float[np.ndarray, " latent"] | None


class ElboTerms(NamedTuple):
    """Of one example, in nats."""

    rate: Scalar
    distortion: Scalar
    kl_per_dimension: Float[Array, " latent"] | None
    standard_error: Scalar


def elbo_terms(q: Any, p: Any, terms: SampledTerms) -> ElboTerms:
    """Rate and distortion of one example from draws of q.

    The ELBO is the mean log-weight: never above the importance-weighted estimate from the same draws
    (Jensen), and free of noise where q is the exact posterior. Distortion is what it leaves beside the rate,
    which for an exact rate is the mean of -log p(x | z) with log q(z) - log p(z) - KL, of mean zero, as
    control variate.
    """
    log_weights = terms.log_likelihood + terms.log_ratio
    bound = jnp.mean(log_weights)
    rate = kl_divergence(q, p) if has_closed_form(q, p) else -jnp.mean(terms.log_ratio)
    return ElboTerms(rate, -bound - rate, kl_per_dimension(q, p), standard_error(log_weights))


def elbo_per_example(found: ElboTerms) -> ElboPerExample:
    """The arrays of all examples as a result."""
    per_dimension = found.kl_per_dimension
    mean = None if per_dimension is None else np.asarray(np.mean(per_dimension, axis=0, dtype=np.float64))
    return ElboPerExample(
        np.asarray(found.rate), np.asarray(found.distortion), mean, np.asarray(found.standard_error)
    )


@in_precision_of_model
def elbo(
    key: PRNGKeyArray,
    model: AbstractLatentModel,
    batch: Example,
    *,
    num_samples: int = 100,
    chunk_size: int = 500,
    prepare: Prepare | None = None,
    progress: Progress | None = None,
) -> ElboPerExample:
    r"""The ELBO of every example: $E_q[\log p(x, z) - \log q(z|x)]$, a lower bound on log p(x).

    It is the mean log-weight of the draws; the rate is exact where the KL has a closed form.

    Args:
        key: draws the latents; example i sees `fold_in(key, i)`, whatever the chunks are.
        model: any latent-variable model.
        batch: examples with a leading axis.
        num_samples: draws of z per example.
        chunk_size: draws decoded at once; memory grows with it.
        prepare: `(key, batch) -> batch` as in training, applied to each example by itself.
        progress: called with the examples done and the examples in all.

    Returns:
        Rate, distortion and ELBO of every example; `.summary()` is the mean with its standard error.

    Raises:
        ValueError: if a count is below one, or there are no examples.
    """
    sampling = Sampling(num_samples, chunk_size)
    return elbo_per_example(
        map_examples(_MeasureElbo(sampling), key, model, batch, sampling, prepare, progress)
    )


@in_precision_of_model
def rate_distortion(
    key: PRNGKeyArray,
    model: AbstractLatentModel,
    batch: Example,
    *,
    num_samples: int = 100,
    chunk_size: int = 500,
    prepare: Prepare | None = None,
    progress: Progress | None = None,
) -> RateDistortion:
    """The two parts of the mean ELBO, each with its standard error.

    Args:
        key: draws the latents.
        model: any latent-variable model.
        batch: examples with a leading axis.
        num_samples: draws of z per example.
        chunk_size: draws decoded at once; memory grows with it.
        prepare: as in `elbo`.
        progress: as in `elbo`.

    Raises:
        ValueError: if a count is below one, or there are no examples.
    """
    options = {"num_samples": num_samples, "chunk_size": chunk_size}
    found = elbo(key, model, batch, prepare=prepare, progress=progress, **options)
    return RateDistortion(mean_estimate(found.rate), mean_estimate(found.distortion), found.kl_per_dimension)


def mean_estimate(values: Float[np.ndarray, " examples"]) -> Estimate:
    """Mean over examples and its standard error: infinite for a single example, whose spread is unknown."""
    values = np.asarray(values, np.float64)
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.inf
    return Estimate(float(np.mean(values)), float(error))


class _MeasureElbo(eqx.Module):
    sampling: Sampling

    def __call__(self, key, model, example):
        q, p = model.posterior(example), model.prior(example.condition)
        return elbo_terms(q, p, self.sampling.terms(key, model, example, q))
