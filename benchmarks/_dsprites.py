"""dSprites (re-rendered): images from the generator in `$LATLAS_DATA/generators`, kept as bits."""

import importlib.util
import os
from functools import cache
from pathlib import Path
from types import ModuleType

import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.core import Example

SIDE = 64
TRAIN_SEED, TEST_SEED = 1, 2


def sprites(num_images: int, seed: int, stride: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Images drawn uniformly from the grid of factors.

    Args:
        num_images: how many, with replacement.
        seed: of the draw.
        stride: keep every so many rows and columns of pixels, 1 or 2.

    Returns:
        Bits, `uint8 (num_images, (64 / stride)^2 / 8)`, eight pixels a byte; and factor indices, `(num_images, 5)`.
    """
    images, factors = _generator().sample(num_images, seed)
    return np.packbits(images[:, ::stride, ::stride].reshape(num_images, -1), axis=1), factors


def factor_names() -> tuple[str, ...]:
    """Names of the factors' columns."""
    return _generator().NAMES


def unpacked(key: PRNGKeyArray, batch: Example) -> Example:
    """Bits to float32 pixels, inside the compiled step."""
    return Example(jnp.unpackbits(batch.x, axis=-1).astype(jnp.float32))


@cache
def _generator() -> ModuleType:
    path = Path(os.environ.get("LATLAS_DATA", "data")) / "generators" / "dsprites_like.py"
    if not path.exists():
        raise SystemExit(f"{path} does not exist: set LATLAS_DATA to the folder that holds generators.")
    spec = importlib.util.spec_from_file_location("dsprites_like", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
