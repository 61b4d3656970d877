"""Programs are dropped before they fill the process, and a process that cannot compute says so."""

import gc
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.forked import in_fork

from latlas.core import (
    RequestError,
    _fork,
    _programs,
    built_in_float32,
    check_process,
    drop_old_programs,
    in_float32,
    in_float64,
    in_precision_of_model,
    map_batches,
    map_rows,
    numpy_in_float64,
)


@pytest.fixture
def look(monkeypatch):
    """Every call looks, and finds too many maps where it is told so."""

    def look(share):
        monkeypatch.setattr(_programs, "_SHARE", share)
        monkeypatch.setattr(_programs, "_last_look", -1e9)
        return drop_old_programs()

    return look


@pytest.mark.skipif(_programs.num_maps() == 0, reason="this system does not count memory maps")
def test_old_programs_give_their_memory_maps_back(look):
    double = jax.jit(lambda x: 2.0 * x + jnp.sin(x))
    double(np.ones(1, np.float32))  # what the compiler itself needs stays
    look(0.0)
    before = _programs.num_maps()
    for size in range(1, 40):
        double(np.ones(size, np.float32))
    grown = _programs.num_maps()
    assert grown > before + 50
    assert not look(1.0)
    assert _programs.num_maps() >= grown
    assert look(0.0)
    assert _programs.num_maps() < before + 0.5 * (grown - before)
    assert double(np.ones(3, np.float32)).shape == (3,)  # compiled again


def test_nothing_of_old_programs_is_left(look):
    """What every program leaves behind is little, but a search over candidates never ends."""

    def shapes():
        gc.collect()
        return sum(type(o).__name__ in ("ShapedArray", "PyTreeDef") for o in gc.get_objects())

    double = jax.jit(lambda x: {"twice": 2.0 * jnp.sin(x["x"])})
    counts = []
    for start in (1, 101, 201):
        for size in range(start, start + 20):
            double({"x": np.ones(size, np.float32)})
        look(0.0)
        counts.append(shapes())
    assert counts[2] - counts[1] < 20  # one of each a program, where they were left


def test_it_is_not_looked_at_every_call(look):
    assert look(0.0) == (_programs.num_maps() > 0)
    assert not drop_old_programs()


def test_nothing_is_dropped_where_maps_are_not_counted(look, monkeypatch, tmp_path):
    monkeypatch.setattr(_programs, "_MOST", tmp_path / "none")
    assert not look(0.01)
    monkeypatch.setattr(_programs, "_MAPS", tmp_path / "none")
    assert not look(0.01)


# --- forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_that_was_forked_after_jax_refuses_to_compute(monkeypatch):
    jnp.zeros(2).block_until_ready()
    rows, one = np.zeros((2, 1)), jnp.ones(1)
    assert in_fork(check_process) == "RequestError"
    assert in_fork(lambda: map_rows(lambda scale, row: row, 1.0, rows)) == "RequestError"
    assert in_fork(lambda: map_batches(lambda x: x, rows)) == "RequestError"
    for border in (in_float32, in_float64, in_precision_of_model, numpy_in_float64):
        assert in_fork(lambda border=border: border(lambda model: None)(one)) == "RequestError"
    assert in_fork(lambda: built_in_float32(lambda: None)()) == ""
    check_process()  # this process goes on
    monkeypatch.setattr(_fork.xla_bridge, "backends_are_initialized", lambda: False)
    assert in_fork(check_process) == ""


def test_the_refusal_names_the_cure(monkeypatch):
    monkeypatch.setattr(_fork, "_forked_from_jax", True)
    with pytest.raises(RequestError, match="spawn"):
        check_process()
