"""A shuffle that can be asked for any of its positions: no permutation is stored, sorted or resumed.

The swap-or-not shuffle (Hoang, Morris, Rogaway 2012, arXiv:1208.1176) is a bijection of {0, ..., n - 1} for
every n, made of rounds of integer arithmetic on the positions asked for. The order of an epoch is a pure
function of its key, so a resumed run sees the rows that it would have seen, and a step costs as little as its
batch.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Int, PRNGKeyArray, UInt32

_ROUNDS = 24


def shuffled(
    key: PRNGKeyArray, positions: Int[Array, " batch"], n: int | Int[Array, ""]
) -> Int[Array, " batch"]:
    """Rows that stand at these positions of a random order of `n` rows.

    Over all positions 0, ..., n - 1 every row comes exactly once.

    Args:
        key: the epoch's key.
        positions: which places of the order, each in [0, n).
        n: number of rows.
    """
    pivot_key, mix_key = jr.split(key)
    pivots = jr.randint(pivot_key, (_ROUNDS,), 0, n, jnp.int32)
    salts = jr.bits(mix_key, (_ROUNDS,), jnp.uint32)

    def round_(i, x):
        # each pair {x, pivot - x mod n} is swapped or left by one bit that both of its members compute alike
        partner = pivots[i] - x
        partner = jnp.where(partner < 0, partner + n, partner)
        swap = (_mix(jnp.maximum(x, partner).astype(jnp.uint32) ^ salts[i]) & 1).astype(bool)
        return jnp.where(swap, partner, x)

    return jax.lax.fori_loop(0, _ROUNDS, round_, positions.astype(jnp.int32))


def _mix(x: UInt32[Array, " batch"]) -> UInt32[Array, " batch"]:
    """A bijective integer hash in which every output bit depends on every input bit (multiply and fold)."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)
