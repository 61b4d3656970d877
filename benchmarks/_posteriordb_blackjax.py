"""BlackJAX as a contender: `pathfinder` and `multipathfinder` (8 paths), both with their defaults.

Both are compiled once and kept, as a careful user would; they start uniformly on (-2, 2). Run with `JAX_ENABLE_X64=1`.
"""

from collections.abc import Callable
from typing import Any

import blackjax
import jax
import numpy as np

from benchmarks._posteriordb_density import Density

NUM_PATHS = 8


def prepare(
    target: Density, method: str
) -> Callable[[int], tuple[Callable[[int], np.ndarray], dict[str, Any]]]:
    """A function from a seed to draws and facts. `method` is `pathfinder` or `multipathfinder`."""
    shape = (NUM_PATHS, target.dimension) if method == "multipathfinder" else (target.dimension,)
    algorithm = getattr(blackjax, method)(target.log_density)
    run = jax.jit(lambda key, start: algorithm.init(key, start)[0])

    def fit(seed: int) -> tuple[Callable[[int], np.ndarray], dict[str, Any]]:
        key_start, key_run, key_draw = jax.random.split(jax.random.key(seed), 3)
        start = jax.random.uniform(key_start, shape, minval=-2.0, maxval=2.0)
        state = jax.block_until_ready(run(key_run, start))
        return lambda num: _positions(algorithm.sample(key_draw, state, num)), {}

    return fit


def _positions(drawn: Any) -> np.ndarray:
    """The single path returns the log densities of its draws too."""
    return np.asarray(drawn[0] if isinstance(drawn, tuple) else drawn)
