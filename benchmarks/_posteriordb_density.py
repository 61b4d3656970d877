"""The log densities of posteriordb's posteriors in JAX, from the shared data folder."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._posteriordb_names import FOLDER, POSTERIORS


@dataclass(frozen=True)
class Density:
    """A log density on R^dimension, with Jacobians, and the map to the parameters of the reference draws.

    Both functions hold float64 constants and are to be called inside `jax.enable_x64(True)`.
    """

    dimension: int
    log_density: Callable[[jax.Array], jax.Array]
    constrain: Callable[[jax.Array], jax.Array]

    def save_constrained(self, draws: np.ndarray, path: str) -> None:
        """Write draws `(n, dimension)` to an npy file, on the scale of the reference draws, `(n, parameters)`."""
        with jax.enable_x64(True):
            np.save(path, np.asarray(jax.jit(jax.vmap(self.constrain))(jnp.asarray(draws, jnp.float64))))


def density(posterior: str) -> Density:
    """The density of a posterior; JAX's global precision is left as it was."""
    source = FOLDER / "jax_models.py"
    if not source.exists():
        raise SystemExit(f"{source} does not exist: set LATLAS_DATA to the folder that holds posteriordb.")
    specification = importlib.util.spec_from_file_location("posteriordb_models", source)
    assert specification is not None
    assert specification.loader is not None
    models = importlib.util.module_from_spec(specification)
    before = jax.config.jax_enable_x64
    try:
        specification.loader.exec_module(models)  # it turns float64 on for the whole process
    finally:
        jax.config.update("jax_enable_x64", before)
    with jax.enable_x64(True):
        built = Density(*models.build(POSTERIORS[posterior]))
        found = jax.eval_shape(built.log_density, jax.ShapeDtypeStruct((built.dimension,), jnp.float64))
        if found.dtype != jnp.float64 or found.shape != ():
            raise TypeError(f"The density of {posterior} gives {found} where a float64 number was expected.")
    return built
