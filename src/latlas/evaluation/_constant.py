"""The best prediction that knows nothing of z: what a model has to be better than."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PRNGKeyArray, PyTree, Scalar

from latlas.core import Example, num_examples
from latlas.distributions import AbstractHead, LearnedScale, Likelihood
from latlas.evaluation._sampled_terms import Prepare, prepared

_STEPS = 300
_LEARNING_RATE = 0.1


def constant_log_likelihood(
    key: PRNGKeyArray, model: Any, z: PyTree[np.ndarray], batch: Example, prepare: Prepare | None
) -> float:
    """Mean over examples of log p(x | params) in nats, with one set of parameters for all, the best one.

    A learned scale of the head is learnt anew, since it was made for better predictions.

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


def _likelihood_at(model, z, example):
    return model.likelihood(z, example.condition)


@eqx.filter_jit
def _best_constant(key, model, z, batch, prepare, index) -> Scalar:
    head = _likelihood_at(model, *jax.tree.map(lambda leaf: leaf[0], (z, batch))).head
    params = jax.vmap(lambda z, example: _likelihood_at(model, z, example).params)(z, batch)
    batch = jax.vmap(lambda i, example: prepared(prepare, jax.random.fold_in(key, i), example))(index, batch)
    free, fixed = eqx.partition(head, _learned_scales(head))
    start = (jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), params), free)

    def loss(values: PyTree) -> Scalar:
        params, free = values
        head = eqx.combine(free, fixed)
        return -jnp.mean(jax.vmap(lambda e: head.log_prob(params, e.x, e.observed))(batch))

    optimizer = optax.adam(optax.cosine_decay_schedule(_LEARNING_RATE, _STEPS))

    def step(state, _):
        values, moments = state
        value, gradient = jax.value_and_grad(loss)(values)
        updates, moments = optimizer.update(gradient, moments)
        return (optax.apply_updates(values, updates), moments), value

    (values, _), losses = jax.lax.scan(step, (start, optimizer.init(start)), length=_STEPS)
    return -jnp.minimum(loss(values), jnp.min(losses))


def _learned_scales(head: AbstractHead) -> PyTree[bool]:
    """`True` at the arrays of learned scales."""

    def is_scale(node: Any) -> bool:
        return isinstance(node, LearnedScale)

    return jax.tree.map(
        lambda node: (
            jax.tree.map(eqx.is_inexact_array, node)
            if is_scale(node)
            else jax.tree.map(lambda _: False, node)
        ),
        head,
        is_leaf=is_scale,
    )
