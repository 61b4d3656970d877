"""What is computed of large data needs no second copy of them, and is the same in blocks as at once."""

import tracemalloc

import numpy as np
import pytest

from latlas.data import AsGiven, Levels, Standardised, _blocks, doubts, fingerprint, moments, summarise
from latlas.data.kinds import _doubts, _summary

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(20_000, 20))
GREY = RNG.integers(0, 256, (20_000, 40), np.uint8)
FIFTHS = RNG.integers(0, 6, (20_000, 20)) / 5

STANDARDISED, LEVELS, BYTES = Standardised.of(REAL), Levels(0.0, 0.2, 6), AsGiven(0, 255, integer=True)

# what is done with data, and how many bytes it makes per byte of them (what it returns included)
STEPS = {
    "summary of real numbers": (summarise, REAL, 0.3),
    "summary of levels": (summarise, FIFTHS, 0.3),
    "summary of rows in another order": (summarise, np.asfortranarray(REAL), 0.3),
    "doubts": (lambda x: doubts(x, "gaussian"), REAL, 0.6),
    "means and scales": (Standardised.of, REAL, 0.3),
    "means and scales of bytes": (moments, GREY, 1.0),
    "standardised": (STANDARDISED.to_model, REAL, 0.8),
    "levels": (LEVELS.to_model, FIFTHS, 0.45),
    "bytes": (BYTES.to_model, GREY, 1.3),
    "fingerprint": (fingerprint, np.asfortranarray(REAL), 0.3),
}


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(_blocks, "_BLOCK_BYTES", 2**17)
    monkeypatch.setattr(_summary, "_BLOCK", 2**12)
    monkeypatch.setattr(_doubts, "_MOST_ROWS", 1000)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.usefixtures("small_blocks")
def test_no_second_copy(name):
    step, x, most = STEPS[name]
    step(x[:100])
    tracemalloc.start()
    step(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < most * x.nbytes


@pytest.mark.parametrize("name", [name for name in STEPS if "means" not in name])
def test_blocks_change_nothing(name, monkeypatch):
    step, x, _ = STEPS[name]
    whole = step(x)
    monkeypatch.setattr(_blocks, "_BLOCK_BYTES", 2**17)
    np.testing.assert_equal(step(x), whole)


@pytest.mark.parametrize("x", [REAL, GREY])
@pytest.mark.usefixtures("small_blocks")
def test_moments_by_blocks(x):
    wide = x.astype(np.float64)
    for found, expected in zip(moments(x), (wide.mean(axis=0), wide.std(axis=0)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)  # sums of another order


@pytest.mark.usefixtures("small_blocks")
def test_far_values_are_named_where_they_stand():
    x = REAL.copy()
    x[17, 19], x[5, 0] = 1e6, -1e6
    (sentence,) = doubts(x, "gaussian")
    assert sentence.startswith("-1e+06 in row 5, column 0, 1e+06 in row 17, column 19")
    x[:, 7] = RNG.standard_cauchy(len(x))
    (sentence,) = doubts(x, "gaussian")
    assert "3 of 20 columns hold tails too heavy for gaussian: 0, 7, 19" in sentence


@pytest.mark.usefixtures("small_blocks")
def test_a_fault_of_a_late_row_is_seen():
    x = FIFTHS.copy()
    x[-1, -1] = 0.3
    assert summarise(x).step == pytest.approx(0.1)
    with pytest.raises(ValueError, match="between the 6 levels"):
        LEVELS.to_model(x)
    x[-1, -1] = 1.2
    with pytest.raises(ValueError, match=r"reach from 0 to 1\.2"):
        LEVELS.to_model(x)
    y = REAL.copy()
    y[-1, 3] = 1e18
    with pytest.raises(ValueError, match="1e15 standard deviations"):
        STANDARDISED.to_model(y)
