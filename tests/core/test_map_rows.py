import jax.numpy as jnp
import numpy as np
import pytest

from latlas.core import map_rows


def test_blocks_and_chunks_do_not_change_the_result():
    rows = (np.arange(23.0, dtype=np.float32), jnp.arange(46.0).reshape(23, 2))

    def fn(scale, row):
        return {"product": scale * row[0] * row[1], "none": None}

    for at_once, rows_per_call in ((1, 5), (4, 7), (100, 2000)):
        found = map_rows(fn, 3.0, rows, at_once=at_once, rows_per_call=rows_per_call)
        np.testing.assert_array_equal(found["product"], 3.0 * rows[0][:, None] * rows[1])
        assert found["none"] is None


def test_all_blocks_share_one_compiled_program():
    traces = []

    def fn(args, row):
        traces.append(1)
        return row + 1

    map_rows(fn, None, np.arange(23.0), at_once=3, rows_per_call=6)
    compiled = len(traces)
    map_rows(fn, None, np.arange(23.0) + 5, at_once=3, rows_per_call=6)
    assert compiled <= 2  # once for the shape of the output, once for the program
    assert len(traces) == compiled


def test_progress_counts_up_to_all_rows():
    seen = []
    map_rows(lambda _, row: row, None, np.zeros(10), rows_per_call=4, progress=lambda *c: seen.append(c))
    assert seen == [(4, 10), (8, 10), (10, 10)]


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="holds no examples"):
        map_rows(lambda _, row: row, None, np.zeros((0, 3)))
