"""One observation: the pytree that every part of latlas acts on."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, PyTree

from latlas.core._errors import DataError
from latlas.core._masked import num_masked


class Example(eqx.Module):
    """One observation, or with a leading axis on every leaf a batch of them.

    Everything in latlas acts on one example; objectives and evaluations own the `vmap` over a batch.

    Attributes:
        x: what was observed: an array, or a dict of arrays (one per column or modality).
        observed: `True` where `x` was observed, of the structure and shape of `x`; `None` where all of it was.
            Entries that were not observed may hold anything, `nan` included: no density ever sees them.
        condition: what the model is conditioned on (a batch, a dose, a class), or `None`.
        label: a label that may be used, shown or predicted, or `None`.
        index: the row number of the example in its data set, for models that keep something per datum, or `None`.
    """

    x: PyTree[Array | np.ndarray]
    observed: PyTree[Bool[Array | np.ndarray, "..."]] | None = None
    condition: PyTree[Array | np.ndarray] | None = None
    label: PyTree[Array | np.ndarray] | None = None
    index: Int[Array | np.ndarray, "..."] | None = None

    def __check_init__(self):
        if hidden := sum(map(num_masked, jax.tree.leaves(self.x))):
            raise DataError(
                f"An example masks {hidden:,} of its values, which would be read as numbers: give `x.data` and "
                "`observed=~x.mask`."
            )


def num_examples(batch: PyTree[Any]) -> int:
    """Length of the leading axis that all leaves of a batch share.

    Raises:
        ValueError: if there is no array, or the leading axes differ.
    """
    lengths = {jnp.shape(leaf)[0] if jnp.ndim(leaf) else None for leaf in jax.tree.leaves(batch)}
    length = next(iter(lengths)) if len(lengths) == 1 else None
    if length is None:
        raise ValueError(
            f"A batch needs one leading axis shared by all its arrays; got {sorted(map(str, lengths))}. "
            "Give every array one row per example."
        )
    return length
