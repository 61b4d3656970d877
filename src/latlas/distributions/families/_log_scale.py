"""Log scales: any number is a valid one, and none makes a scale, its square or its inverse infinite or zero."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# float32: scales from 5e-5 to 2e4, far past any useful posterior. In float64, where exact fits are made, nothing that a
# density could ask for is cut off: scales from 2e-35 to 5e34
_LIMIT = 10.0
_LIMIT_IN_FLOAT64 = 80.0


def scale_of(log_scale: Float[Array | np.ndarray, "*n"]) -> Float[Array, "*n"]:
    """exp(log_scale), with log scales clipped at +-10, or at +-80 in float64."""
    limit = _LIMIT_IN_FLOAT64 if log_scale.dtype == jnp.float64 else _LIMIT
    return jnp.exp(jnp.clip(log_scale, -limit, limit))
