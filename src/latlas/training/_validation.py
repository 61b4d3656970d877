"""The objective over all validation rows, in chunks, with the host awake between stretches of them."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Int, PRNGKeyArray, PyTree, Scalar

from latlas.core import num_examples
from latlas.training._advance import Recipe
from latlas.training._pace import Pace


def mean_terms(
    recipe: Recipe,
    names: tuple[str, ...],
    model: PyTree,
    data: PyTree[Array],
    key: PRNGKeyArray,
    *,
    pace: Pace,
    interrupted: Callable[[], bool],
) -> dict[str, Scalar] | None:
    """Mean of the loss and its terms over all rows, with the full objective (`progress=1`).

    Args:
        recipe: the objective, what it prepares, and about how many rows go in at once.
        names: of the terms, the loss among them.
        model: to be judged.
        data: the rows.
        key: draws what the objective draws; the same key at every report makes reports comparable.
        pace: remembers how many chunks a stretch holds.
        interrupted: asked between stretches; `True` ends it without a result.

    Returns:
        The means, or `None` where it was interrupted.
    """
    n = num_examples(data)
    size = chunk_size(n, recipe.batch_size)
    whole, done = n // size, 0
    sums = {name: jnp.zeros(()) for name in names}
    while done < whole:
        if interrupted():
            return None
        with pace.stretch(whole - done) as count:
            sums = _add_chunks(recipe, model, data, key, size, sums, jnp.int32(done), jnp.int32(count))
            jax.block_until_ready(sums)
        done += count
    if n > whole * size:
        rest = jax.tree.map(lambda leaf: leaf[whole * size :], data)
        sums = _add_rest(recipe, model, rest, jr.fold_in(key, whole), sums)
    return {name: value / n for name, value in sums.items()}


def chunk_size(n: int, batch_size: int | None) -> int:
    """Rows at once: the divisor of `n` nearest to the batch size, or the batch size where none is near.

    With a divisor there is no rest, and so no second program to compile for its shape.
    """
    wanted = min(batch_size or n, n)
    near = range(max(1, wanted // 2), min(n, 2 * wanted) + 1)
    divisors = [size for size in near if n % size == 0]
    return min(divisors, key=lambda size: abs(size - wanted), default=wanted)


def _chunk_terms(recipe, model, batch, key):
    prepare_key, loss_key = jr.split(key)
    batch = batch if recipe.prepare is None else recipe.prepare(prepare_key, batch)
    loss, terms = recipe.objective(loss_key, model, batch, progress=jnp.float32(1.0))
    return {"loss": loss, **terms}


@eqx.filter_jit
def _add_chunks(
    recipe: Recipe,
    model: PyTree,
    data: PyTree[Array],
    key: PRNGKeyArray,
    size: int,
    sums: dict[str, Scalar],
    first: Int[Array, ""],
    count: Int[Array, ""],
) -> dict[str, Scalar]:
    def add(chunk, sums):
        batch = jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, chunk * size, size), data)
        terms = _chunk_terms(recipe, model, batch, jr.fold_in(key, chunk))
        return {name: sums[name] + size * terms[name] for name in sums}

    return jax.lax.fori_loop(first, first + count, add, sums)


@eqx.filter_jit
def _add_rest(recipe, model, rest, key, sums):
    terms = _chunk_terms(recipe, model, rest, key)
    return {name: sums[name] + num_examples(rest) * terms[name] for name in sums}
