"""How much a latent tells of its example: the part of the rate that is information."""

import math
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from scipy.special import logsumexp

from latlas.core import Estimate, Example, num_examples, number_or_nan, object_of
from latlas.evaluation.evidence._elbo import mean_estimate
from latlas.evaluation.evidence._sampled_terms import Prepare, prepared
from latlas.models import AbstractLatentModel

MOST_EXAMPLES = 500
_AT_ONCE = 50
# nats below the logarithm of the number of examples, from where on the estimate is less than 0.15 nats too low
_HEADROOM = 2.0


@dataclass(frozen=True)
class Information:
    r"""Mutual information of an example and its latent under q, $I(x; z) = R - KL(q(z) \| p(z))$, from below.

    Attributes:
        estimate: nats, a lower bound in expectation: how well each latent finds its example among the others. Never above
            `most`.
        num_examples: how many these are.
    """

    estimate: Estimate
    num_examples: int

    @property
    def most(self) -> float:
        """The logarithm of the number of examples: the most that so many can show, in nats."""
        return math.log(self.num_examples) if self.num_examples else 0.0

    @property
    def is_known(self) -> bool:
        """Whether there were enough examples for the estimate to be more than a lower bound."""
        return self.estimate.value < self.most - _HEADROOM

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; what is not finite is `None`."""
        return self.estimate.to_dict() | {"num_examples": self.num_examples}

    @classmethod
    def from_dict(cls, values: Any) -> "Information":
        """The inverse of `to_dict`.

        Raises:
            ValueError: if a part has another form.
        """
        count = number_or_nan(object_of(values).get("num_examples"))
        return cls(Estimate.from_dict(values), int(count) if math.isfinite(count) else 0)


def latent_information(
    key: PRNGKeyArray, model: AbstractLatentModel, batch: Example, *, prepare: Prepare | None = None
) -> Information:
    """What a latent tells of its example, from one draw for each of at most 500 examples, evenly spread.

    Args:
        key: draws the latents; example i sees `fold_in(key, i)`.
        model: any latent-variable model.
        batch: examples with a leading axis.
        prepare: as in `evaluate`.
    """
    blocks = -(-min(num_examples(batch), MOST_EXAMPLES) // _AT_ONCE)
    size = min(num_examples(batch), MOST_EXAMPLES) // blocks
    index = np.linspace(0, num_examples(batch) - 1, blocks * size).round().astype(np.int32)
    rows = jax.tree.map(lambda leaf: leaf[index], batch)
    log_q = np.asarray(_log_densities(key, model, index, rows, prepare, size))
    return Information(mean_estimate(information_per_example(log_q)), len(index))


def information_per_example(log_q: Float[np.ndarray, "examples draws"]) -> Float[np.ndarray, " draws"]:
    """Of each draw, log q(z_i | x_i) - log of the mean of q(z_i | x_j) over j (Hoffman and Johnson 2016); nan for points.

    Args:
        log_q: entry (j, i) is log q(draw i | example j).
    """
    own = np.diagonal(log_q)
    if not np.isfinite(own).all() or np.isnan(log_q).any():
        return np.full(len(own), np.nan)
    return own - logsumexp(log_q, axis=0) + math.log(len(log_q))


@eqx.filter_jit
def _log_densities(
    key: PRNGKeyArray,
    model: Any,
    index: Int[Array | np.ndarray, " rows"],
    batch: Example,
    prepare: Prepare | None,
    at_once: int,
) -> Float[Array, "rows rows"]:
    def posterior(row: tuple[Array, Example]) -> tuple[PRNGKeyArray, Any]:
        key_of_row = jr.fold_in(key, row[0])
        return jr.split(key_of_row)[0], model.posterior(prepared(prepare, key_of_row, row[1]))

    def draw(row: tuple[Array, Example]) -> Any:
        key_of_row, q = posterior(row)
        return q.sample(jr.fold_in(key_of_row, 0))

    rows = (jnp.asarray(index), jax.tree.map(jnp.asarray, batch))
    z = jax.lax.map(draw, rows, batch_size=at_once)
    return jax.lax.map(lambda row: jax.vmap(posterior(row)[1].log_prob)(z), rows, batch_size=at_once)
