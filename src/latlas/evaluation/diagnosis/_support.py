"""Whether the prior has a density where the posterior puts its draws, asked before a first step is taken."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray, Scalar

from latlas.core import Example, RequestError, num_examples
from latlas.evaluation.diagnosis._diagnose import QUICK_CHECKS, diagnose
from latlas.evaluation.diagnosis._finding import Finding

_ROWS = 32
_CHECKS = tuple(check for check in QUICK_CHECKS if check.name == "support_mismatch")


def support_finding(key: PRNGKeyArray, model: Any, batch: Example) -> Finding | None:
    """A `support_mismatch` of posterior and prior, or `None`.

    Args:
        key: draws one latent per row.
        model: any latent-variable model.
        batch: examples as the model sees them.
    """
    rows = jax.tree.map(lambda leaf: jnp.asarray(leaf[:_ROWS]), batch)
    keys = jr.split(key, num_examples(rows))
    # one small program; the diagnosis, and its words, only where there is something to say
    if not np.any(np.isneginf(_log_priors(keys, model, rows))):
        return None
    return next(iter(diagnose(key, model, rows, checks=_CHECKS).findings), None)


def check_support(key: PRNGKeyArray, model: Any, batch: Example) -> None:
    """Refuses a model whose prior has no density where its posterior puts its draws, before it is trained.

    Args:
        key: draws one latent per row.
        model: any latent-variable model.
        batch: examples as the model sees them.

    Raises:
        RequestError: with the finding's name, `support_mismatch`, and what to do.
    """
    finding = support_finding(key, model, batch)
    if finding is not None:
        raise refused(finding)


def refused(finding: Finding) -> RequestError:
    """The error that refuses a model for its `support_mismatch`."""
    return RequestError(f"{finding.name}: {finding.meaning} {finding.remedy}")


@eqx.filter_jit
def _log_priors(keys, model, rows):
    def one(key: PRNGKeyArray, example: Example) -> Scalar:
        return model.prior(example.condition).log_prob(model.posterior(example).sample(key))

    return jax.vmap(one)(keys, rows)
