"""A small regression problem whose every part is cheap to compile and known in closed form."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jaxtyping import Array

from latlas.core import RunDirectory, named_arrays


class Line(eqx.Module):
    """y = x w + b, with a part that the tests freeze."""

    weight: Array
    bias: Array


class Rows(eqx.Module):
    """The data of the problem."""

    x: Array
    y: Array


class SquaredError(eqx.Module):
    """Mean squared error, with a term beside it; noise in the predictions makes every step's key matter."""

    noise: float = 0.01

    def __call__(self, key, model, batch, *, progress=1.0):
        prediction = batch.x @ model.weight + model.bias
        prediction = prediction + self.noise * jr.normal(key, prediction.shape)
        loss = jnp.mean((prediction - batch.y) ** 2)
        return loss, {"progress": jnp.asarray(progress, jnp.float32), "mean_y": jnp.mean(batch.y)}


@pytest.fixture
def objective():
    return SquaredError()


@pytest.fixture
def rows():
    x = np.random.default_rng(0).normal(size=(53, 3)).astype(np.float32)
    return Rows(x, x @ np.float32([1.0, -2.0, 0.5]) + np.float32(0.3))


@pytest.fixture
def model():
    return Line(jnp.zeros(3), jnp.zeros(()))


@pytest.fixture
def run(tmp_path):
    return RunDirectory.create(tmp_path / "run", {"purpose": "test"})


@pytest.fixture
def same():
    """Whether two pytrees hold the same bits."""

    def compare(one, other):
        one, other = named_arrays(one), named_arrays(other)
        return one.keys() == other.keys() and all(
            one[name].dtype == other[name].dtype and one[name].tobytes() == other[name].tobytes()
            for name in one
        )

    return compare
