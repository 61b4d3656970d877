"""The compiled programs of a run: its start and its stretches, for one run and for several at once."""

from collections.abc import Callable

import equinox as eqx
import jax.random as jr
from jaxtyping import Array, Int, PRNGKeyArray, PyTree

from latlas.training._advance import Recipe, advance, start
from latlas.training._state import TrainState

Inputs = tuple[Recipe, PyTree[Array]]

# one program where the eager form would compile one for every shape of the model
started = eqx.filter_jit(start)


@eqx.filter_jit(donate="all-except-first")
def advanced(
    inputs: Inputs, state: TrainState, num_steps: Int[Array, ""], total: Int[Array, ""]
) -> TrainState:
    """`advance`, compiled; the state's buffers are used again and must not be touched afterwards."""
    return advance(*inputs, state, num_steps, total, gives_up=True)


@eqx.filter_jit
def many_started(
    inputs: Inputs, keys: PRNGKeyArray, init: Callable[[PRNGKeyArray], PyTree], total: Int[Array, ""]
) -> TrainState:
    """One state per key; a key is split into the key of the model and the key of the run."""

    def one(key):
        init_key, run_key = jr.split(key)
        return start(*inputs, run_key, init(init_key), total, with_best=False)

    return eqx.filter_vmap(one)(keys)


@eqx.filter_jit(donate="all-except-first")
def many_advanced(
    inputs: Inputs, states: TrainState, num_steps: Int[Array, ""], total: Int[Array, ""]
) -> TrainState:
    """`advance` for several runs at once, compiled."""
    # the step is the same in all of them and stays out of the vmap: a loop whose end depended on the run
    # would copy every state at every step
    return eqx.filter_vmap(lambda state: advance(*inputs, state, num_steps, total, gives_up=False))(states)
