"""The best prediction that knows nothing of z: what a model has to be better than."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lazy_loader
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from latlas.core import Example, num_examples
from latlas.distributions import AbstractHead, AbstractScale, FixedScale, LearnedScale, Likelihood, Mixed
from latlas.evaluation.diagnosis._residuals import spread_of_entries
from latlas.evaluation.evidence._sampled_terms import Prepare, prepared

optax = lazy_loader.load("optax")

_STEPS = 300
_LEARNING_RATE = 0.1
# standard deviation of an entry that is constant, in the unit of x
_SMALLEST = 1e-3


def constant_log_likelihood(
    key: PRNGKeyArray, model: Any, z: PyTree[np.ndarray], batch: Example, prepare: Prepare | None
) -> float:
    """Mean over examples of log p(x | params) in nats, with one set of parameters for all, the best one.

    Scales that are fixed or learned are fitted anew, one per entry: they were made for better predictions.

    Args:
        key: for `prepare`.
        model: gives the head, and with its mean parameters the start.
        z: one latent per example.
        batch: the examples.
        prepare: as in training.

    Returns:
        Nan where the likelihood has no head.
    """
    first = jax.tree.map(lambda leaf: leaf[0], (z, batch))
    if not isinstance(eqx.filter_eval_shape(_likelihood_at, model, *first), Likelihood):
        return float("nan")
    index = np.arange(num_examples(batch), dtype=np.int32)
    return float(_best_constant(key, model, z, batch, prepare, index))


class _FreeScale(AbstractScale):
    """One scale per entry, without a floor, kept as its logarithm."""

    log_value: Float[Array, "..."]

    def param_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(shape)

    def loc_and_scale(self, params: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        return params, jnp.exp(self.log_value)


def _likelihood_at(model, z, example):
    return model.likelihood(z, example.condition)


@eqx.filter_jit
def _best_constant(key, model, z, batch, prepare, index) -> Scalar:
    fixed_head = _likelihood_at(model, *jax.tree.map(lambda leaf: leaf[0], (z, batch))).head
    params = jax.vmap(lambda z, example: _likelihood_at(model, z, example).params)(z, batch)
    batch = jax.vmap(lambda i, example: prepared(prepare, jax.random.fold_in(key, i), example))(index, batch)
    start = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), params)

    spread = jax.tree.map(lambda leaf: jnp.maximum(leaf, _SMALLEST), spread_of_entries(batch))

    def loss(values: PyTree) -> Scalar:
        head, params = _moved(fixed_head, start, spread, values)
        return -jnp.mean(jax.vmap(lambda e: head.log_prob(params, e.x, e.observed))(batch))

    optimizer = optax.adam(optax.cosine_decay_schedule(_LEARNING_RATE, _STEPS))

    def step(state, _):
        values, moments = state
        value, gradient = jax.value_and_grad(loss)(values)
        updates, moments = optimizer.update(gradient, moments)
        return (optax.apply_updates(values, updates), moments), value

    values = (jax.tree.map(jnp.zeros_like, start), jax.tree.map(jnp.zeros_like, start))
    (values, _), losses = jax.lax.scan(step, (values, optimizer.init(values)), length=_STEPS)
    return -jnp.minimum(loss(values), jnp.min(losses))


def _moved(
    head: AbstractHead, start: PyTree, spread: PyTree, by: tuple[PyTree, PyTree]
) -> tuple[Any, PyTree]:
    """The head and its parameters, moved from the start: locations and log-scales in units of the data's spread."""
    moved, log_scale = by
    if isinstance(head, Mixed):
        both = {
            name: _moved(one, start[name], spread[name], (moved[name], log_scale[name]))
            for name, one in head.heads.items()
        }
        return Mixed({name: one for name, (one, _) in both.items()}), {n: p for n, (_, p) in both.items()}
    inner = getattr(head, "head", None)
    if isinstance(inner, AbstractHead):  # one that changes units only
        inner, params = _moved(inner, start, spread, by)
        return eqx.tree_at(lambda h: h.head, head, inner), params
    if isinstance(getattr(head, "scale", None), FixedScale | LearnedScale):
        free = _FreeScale(jnp.log(spread) + log_scale)
        return eqx.tree_at(lambda h: h.scale, head, free), start + spread * moved
    return head, jax.tree.map(jnp.add, start, moved)
