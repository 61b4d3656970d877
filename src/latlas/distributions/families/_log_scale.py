"""Log scales: any number is a valid one, and none makes a scale, its square or its inverse infinite or zero."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from latlas.core import in_float64

# float32: scales from 5e-5 to 2e4, far past any useful posterior. In float64, where exact fits are made, nothing that a
# density could ask for is cut off: scales from 2e-35 to 5e34
_LIMIT = 10.0
_LIMIT_IN_FLOAT64 = 80.0


def scale_of(log_scale: Float[Array | np.ndarray, "*n"]) -> Float[Array, "*n"]:
    """exp(log_scale), with log scales clipped at +-10, or at +-80 in float64."""
    limit = _LIMIT_IN_FLOAT64 if log_scale.dtype == jnp.float64 else _LIMIT
    on_device = jnp.asarray(log_scale)
    # what was fitted in float64 is read outside of that scope as well, where limits alone would be float32
    clipped_exp = in_float64(_clipped_exp) if on_device.dtype == jnp.float64 else _clipped_exp
    return clipped_exp(on_device, limit)


def _clipped_exp(log_scale, limit):
    return jnp.exp(jnp.clip(log_scale, -limit, limit))
