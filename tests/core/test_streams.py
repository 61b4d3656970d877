"""The streams of a run's key: what a seed gave yesterday it gives today."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from latlas.core import Stream, numpy_in_float64


def test_the_numbers_of_streams_never_change():
    assert {stream.name: int(stream) for stream in Stream} == {
        "BATCHES": 0, "OBJECTIVE": 1, "STATE": 2, "VALIDATION": 3, "CURVE": 4, "WIDENED_RECOGNITION": 5,
        "FIRST_ROWS": 6, "JUDGE": 7, "SUPPORT": 8,
    }  # fmt: skip


def test_a_stream_is_its_number():
    named, numbered = (jr.fold_in(jr.key(3), stream) for stream in (Stream.JUDGE, 7))
    np.testing.assert_array_equal(jr.key_data(named), jr.key_data(numbered))


def test_arrays_leave_the_float64_scope_as_numpys():
    found = numpy_in_float64(lambda x: {"third": jnp.asarray(x) / 3.0, "name": "x"})(1.0)
    assert isinstance(found["third"], np.ndarray)
    assert found["third"].dtype == np.float64
    assert found["third"] == 1.0 / 3.0
    assert found["name"] == "x"
    assert not jax.config.read("jax_enable_x64")
