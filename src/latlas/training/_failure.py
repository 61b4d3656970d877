"""Why a run came to no finite step: the likely cause and its cure."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from latlas.training._advance import Recipe, batch_at, loss_and_terms
from latlas.training._state import TrainState


def likely_cause(recipe: Recipe, data: PyTree[Array], state: TrainState, total: int) -> str:
    """The likely cause of the bad last step, found by doing its forward half again.

    Args:
        recipe: what a step does.
        data: all rows.
        state: after the bad step, which changed neither model nor optimizer.
        total: steps of the whole run.
    """
    step = state.step - 1
    batch = eqx.filter_jit(batch_at)(recipe, data, state.key, step)
    loss, terms = eqx.filter_jit(loss_and_terms)(
        recipe, state.model, batch, state.key, step, jnp.int32(total)
    )
    bad = [name for name, value in terms.items() if name != "loss" and not jnp.isfinite(value)]
    if bad:
        are = "terms {} are" if len(bad) > 1 else "term {} is"
        return (
            f"the {are.format(', '.join(bad))} not finite: look for values in the data that the likelihood "
            "cannot give, nan and infinity among them"
        )
    if not jnp.isfinite(loss):
        return "the loss is not finite: lower the learning rate, or scale the data"
    return "the gradient overflowed while the loss did not: lower the learning rate, or scale the data"
