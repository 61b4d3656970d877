"""Whether the prior has a density where the posterior puts its draws, asked before a first step is taken."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray, Scalar

from latlas.core import Example, RequestError, num_examples
from latlas.evaluation._finding import Finding

_ROWS, _MOST_OUTSIDE = 32, 0.5


def support_finding(key: PRNGKeyArray, model: Any, batch: Example) -> Finding | None:
    """A `support_mismatch` of posterior and prior, or `None`.

    Args:
        key: draws one latent per row.
        model: any latent-variable model.
        batch: examples as the model sees them.
    """
    rows = jax.tree.map(lambda leaf: jnp.asarray(leaf[:_ROWS]), batch)
    keys = jr.split(key, num_examples(rows))
    outside = float(np.mean(np.isneginf(_log_priors(keys, model, rows))))
    if outside <= _MOST_OUTSIDE:
        return None
    return Finding(
        "support_mismatch",
        "serious",
        float("inf"),
        _MOST_OUTSIDE,
        f"The prior gives zero density to {outside:.0%} of the posterior's draws, so KL(q || p) is infinite and no "
        "ELBO exists; a point (Dirac) prior does so to every posterior that has a width.",
        "Soften the prior: a normal around its point, models.SoftenedPrior(prior, width=1.0).",
    )


def check_support(key: PRNGKeyArray, model: Any, batch: Example) -> None:
    """Refuses a model whose prior has no density where its posterior puts its draws, before it is trained.

    Args:
        key: draws one latent per row.
        model: any latent-variable model.
        batch: examples as the model sees them.

    Raises:
        RequestError: with the finding's name, `support_mismatch`, and its cure, the softened prior.
    """
    finding = support_finding(key, model, batch)
    if finding is not None:
        raise RequestError(f"{finding.name}: {finding.meaning} {finding.remedy}")


@eqx.filter_jit
def _log_priors(keys, model, rows):
    def one(key: PRNGKeyArray, example: Example) -> Scalar:
        return model.prior(example.condition).log_prob(model.posterior(example).sample(key))

    return jax.vmap(one)(keys, rows)
