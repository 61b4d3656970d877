"""The compiled programs of a run: its start and its stretches."""

import equinox as eqx
from jaxtyping import Array, Int, PyTree

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
    return advance(*inputs, state, num_steps, total)
