"""The rate of a model in three parts, with the aggregate posterior as the exact mixture over a batch."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from latlas.core import Estimate, Example, Progress, in_precision_of_model, map_rows, num_examples
from latlas.evaluation.evidence._elbo import mean_estimate
from latlas.evaluation.evidence._sampled_terms import Prepare
from latlas.models import AbstractLatentModel
from latlas.objectives import RateParts, parts_of_latent


@dataclass(frozen=True)
class RateDecomposition:
    """Where the rate goes: three parts that sum to it, in nats per example.

    Attributes:
        index_code_information: E KL(q(z|x) || q(z)), the mutual information between example and code; at most the
            logarithm of the number of examples.
        total_correlation: KL(q(z) || prod_j q(z_j)), the dependence between the dimensions.
        dimensionwise_kl: sum_j KL(q(z_j) || p(z_j)).
        rate: their sum, the Monte Carlo mean of log q(z|x) - log p(z).
        kl_of_dimension: KL(q(z_j) || p(z_j)) of each dimension; one number where the prior does not factorise.
        num_examples: examples in the aggregate.
    """

    index_code_information: Estimate
    total_correlation: Estimate
    dimensionwise_kl: Estimate
    rate: Estimate
    kl_of_dimension: Float[np.ndarray, " latent"]
    num_examples: int

    def to_dict(self) -> dict:
        """The fields as plain values, ready for JSON."""
        names = ("index_code_information", "total_correlation", "dimensionwise_kl", "rate")
        estimates = {name: getattr(self, name).to_dict() for name in names}
        return {
            **estimates,
            "kl_of_dimension": self.kl_of_dimension.tolist(),
            "num_examples": self.num_examples,
        }


@in_precision_of_model
def decompose_rate(
    key: PRNGKeyArray,
    model: AbstractLatentModel,
    batch: Example,
    *,
    num_samples: int = 1,
    chunk_size: int = 20,
    prepare: Prepare | None = None,
    progress: Progress | None = None,
) -> RateDecomposition:
    r"""Index-code mutual information, total correlation and dimension-wise KL of a model on a batch.

    With $q(z) = \frac1n \sum_j q(z | x_j)$ over the n examples given, the rate is
    $E KL(q(z|x) \| q(z)) + KL(q(z) \| \prod_j q(z_j)) + \sum_j KL(q(z_j) \| p(z_j))$ (Hoffman and Johnson 2016; Chen et
    al. 2018, arXiv:1802.04942, eq. 2). Every latent is scored under every posterior: the cost is n^2 densities, without
    the decoder.

    Args:
        key: draws the latents; example i sees `fold_in(key, i)`.
        model: a model whose posterior has known marginals: a diagonal or full-covariance Gaussian.
        batch: examples with a leading axis; a few thousand are enough, and the mutual information is that of finding
            the example among them.
        num_samples: draws of z per example.
        chunk_size: latents scored at once; memory grows with it times the number of examples.
        prepare: `(key, batch) -> batch` as in training, applied to the whole batch.
        progress: called with the examples done and the examples in all.

    Returns:
        The three parts and their sum, each with the standard error over examples (the aggregate taken as given).

    Raises:
        ValueError: if the posterior's marginals are not known, or a count is below one.
    """
    if num_samples < 1:
        raise ValueError(f"num_samples must be at least 1; got {num_samples}.")
    prepare_key, sample_key = jr.split(key)
    n = num_examples(batch)
    batch, posteriors = _encoded(prepare_key, model, jax.tree.map(jnp.asarray, batch), prepare)
    args = (sample_key, model, posteriors)
    rows = (np.arange(n, dtype=np.int32), batch)
    found = map_rows(_Measure(num_samples), args, rows, at_once=chunk_size, progress=progress)
    kl = np.asarray(np.sum(found.dimensionwise_kl, axis=1, dtype=np.float64))
    parts = [np.asarray(part, np.float64) for part in (found.index_code_information, found.total_correlation)]
    return RateDecomposition(
        index_code_information=mean_estimate(parts[0]),
        total_correlation=mean_estimate(parts[1]),
        dimensionwise_kl=mean_estimate(kl),
        rate=mean_estimate(parts[0] + parts[1] + kl),
        kl_of_dimension=np.asarray(np.mean(found.dimensionwise_kl, axis=0, dtype=np.float64)),
        num_examples=n,
    )


@eqx.filter_jit
def _encoded(key, model, batch, prepare):
    batch = batch if prepare is None else prepare(key, batch)
    return batch, jax.vmap(model.posterior)(batch)


class _Measure(eqx.Module):
    num_samples: int = eqx.field(static=True)

    def __call__(self, args, row) -> RateParts:
        (key, model, posteriors), (index, example) = args, row
        q, p = model.posterior(example), model.prior(example.condition)
        n = num_examples(posteriors)
        log_weights = jnp.full(n, -jnp.log(float(n)))

        def of_draw(number):
            z = q.sample(jr.fold_in(jr.fold_in(key, index), number))
            return parts_of_latent(z, q, p, posteriors, log_weights)

        found = jax.vmap(of_draw)(jnp.arange(self.num_samples))
        return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), found)
