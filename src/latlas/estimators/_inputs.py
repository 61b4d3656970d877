"""What the encoder of an `Atlas` sees: numbers of order one, whatever the data are.

Compared by value, so that two models built alike share their compiled programs.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from latlas.core import Example
from latlas.networks import values


@dataclass(frozen=True)
class CentredLevels:
    """Levels 0 to L - 1 on [-1, 1].

    Attributes:
        num_levels: L.
    """

    num_levels: int

    def __call__(self, example: Example) -> Float[Array, " features"]:
        """2 x / (L - 1) - 1."""
        return values(example) * (2.0 / (self.num_levels - 1)) - 1.0


@dataclass(frozen=True)
class OneHot:
    """Codes 0 to K - 1 as K numbers each, of which one is 1.

    Attributes:
        num_categories: K.
    """

    num_categories: int

    def __call__(self, example: Example) -> Float[Array, " features_times_categories"]:
        """The indicator vectors, one after another."""
        return jnp.ravel(jax.nn.one_hot(values(example).astype(jnp.int32), self.num_categories))


def log_counts(example: Example) -> Float[Array, " features"]:
    """log(1 + x) of counts."""
    return jnp.log1p(values(example))
