"""The likelihood that data get, and the units it needs."""

import re

import numpy as np
import pytest

from latlas.core import DataError
from latlas.data import AsGiven, Levels, Standardised, choose_likelihood, digits, summarise, units_from

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (50, 8, 8))

KINDS = {
    "bits": (RNG.integers(0, 2, (20, 3)), "bernoulli"),
    "booleans": (RNG.integers(0, 2, (20, 3)).astype(bool), "bernoulli"),
    "bits as floats": (RNG.integers(0, 2, (20, 3)).astype(np.float32), "bernoulli"),
    "digits": (digits().x, "discretised_logistic"),
    "digits as a table of floats": (digits().x.reshape(-1, 64).astype(float), "discretised_logistic"),
    "bytes": (GREY.astype(np.uint8), "discretised_logistic"),
    "bytes on [0, 1]": (GREY / 255, "discretised_logistic"),
    "bytes on [0, 1] in float32": (GREY.astype(np.float32) / np.float32(255), "discretised_logistic"),
    "ratings": (RNG.integers(1, 6, (100, 4)), "discretised_logistic"),
    "counts": (RNG.poisson(3.0, (200, 5)), "poisson"),
    "rare counts": (RNG.poisson(0.3, (100, 5)), "poisson"),
    "overdispersed counts": (RNG.negative_binomial(1, 0.01, (100, 5)), "poisson"),
    "small counts as bytes": (RNG.poisson(3.0, (200, 5)).astype(np.uint8), "poisson"),
    "reals": (RNG.normal(size=(100, 4)), "gaussian"),
    "reals in [0, 1]": (RNG.uniform(size=(100, 4)), "gaussian"),
    "whole numbers, some negative": (RNG.integers(-5, 5, (30, 2)), "gaussian"),
    "large whole numbers": (RNG.integers(0, 2**40, (30, 2)), "gaussian"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_choice_suits_the_kind_of_data(kind):
    x, expected = KINDS[kind]
    choice = choose_likelihood(x)
    assert choice.name == expected
    assert choice.reason.startswith("The data ")
    assert choice.reason.endswith(".")


def test_the_reason_says_how_many_levels_there_are():
    assert "0 to 16" in choose_likelihood(digits().x).reason
    assert "17 ordered levels" in choose_likelihood(digits().x).reason


def test_a_summary_counts_constant_columns_and_finds_the_grid():
    x = np.stack([np.tile(np.linspace(0, 1, 9), 3), np.full(27, 0.5)], axis=1)
    summary = summarise(x)
    assert (summary.constant, summary.step, summary.num_levels) == (1, 0.125, 9)


UNITS = {
    "as given": (AsGiven(0, 1, True), RNG.integers(0, 2, (5, 3)).astype(float)),
    "counts": (AsGiven(0, None, True), RNG.poisson(5.0, (5, 3))),
    "levels": (Levels(0.0, 1 / 255, 256), GREY[:5, :3, 0] / 255),
    "ratings": (Levels(1.0, 1.0, 5), RNG.integers(1, 6, (9, 2))),
    "standardised": (None, RNG.normal(3.0, 2.0, (50, 3))),
}


@pytest.mark.parametrize("name", UNITS)
def test_units_go_to_the_model_and_back_and_through_json(name):
    units, x = UNITS[name]
    units = units or Standardised.of(x)
    seen = units.to_model(x)
    np.testing.assert_allclose(units.to_data(seen), x, rtol=1e-6, atol=1e-6)
    again = units_from(units.to_dict(), units.arrays())
    np.testing.assert_array_equal(again.to_model(x), seen)


def test_standardised_values_keep_what_float32_would_lose():
    x = 2_460_000.5 + RNG.normal(0, 1e-3, (200, 1))
    z = Standardised.of(x).to_model(x)
    np.testing.assert_allclose(z.std(), 1.0, rtol=1e-5)
    assert len(np.unique(z)) == 200


def _constant(*places, shape=(9, 8)):
    x = RNG.normal(size=shape)
    for place in places:
        x[(slice(None), *place)] = 0.1
    return x


CONSTANT = {
    "one, by its place": (
        _constant((2,)),
        None,
        r"1 of 8 columns of the data is constant \(2, counted from 0\)",
    ),
    "by name": (_constant((0,), (3,)), list("abcdefgh"), r"2 of 8 .* are constant \('a', 'd'\), and"),
    "the first few": (
        _constant(*((i,) for i in range(6))),
        None,
        r"6 of 8 .* \(0, 1, 2, 3, 4, \.\.\., counted",
    ),
    "a pixel": (_constant((1, 2), shape=(9, 2, 3)), None, r"1 of 6 .* \(\(1, 2\), counted"),
    "of large numbers": (_constant((1,)) + 1e9 * np.eye(8)[1], None, "1 of 8"),
}


@pytest.mark.parametrize("case", CONSTANT)
def test_constant_columns_are_refused_with_their_names_and_the_cure(case):
    x, names, expected = CONSTANT[case]
    with pytest.raises(DataError, match=expected) as refused:
        Standardised.of(x, names)
    assert re.search("remove (it|them), or choose discretised_logistic or bernoulli", str(refused.value))


BAD = {
    "too close": (lambda: Standardised.of(np.array([[1e-200], [-1e-200]])), "too little"),
    "too large": (lambda: Standardised.of(np.array([[1e200], [-1e200]])), "too large"),
    "beyond the levels": (lambda: Levels(0, 1, 17).to_model(np.array([[17.0]])), "levels from 0 to 16"),
    "between the levels": (lambda: Levels(0, 1, 17).to_model(np.array([[0.5]])), "between the 17 levels"),
    "negative counts": (lambda: AsGiven(0, None, True).to_model(np.array([[-1]])), "takes 0 or more"),
    "fractions": (lambda: AsGiven(0, None, True).to_model(np.array([[0.5]])), "takes whole numbers"),
    "too far": (
        lambda: Standardised.of(np.array([[0.0], [1.0]])).to_model(np.array([[1e30]])),
        "standard deviations",
    ),
    "no such units": (lambda: units_from({"kind": "parsec"}, {}), "not any that latlas writes"),
    "units with a hole": (
        lambda: units_from({"kind": "levels", "step": 1}, {}),
        "not any that latlas writes",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_values_that_a_likelihood_cannot_give_are_refused(name):
    call, expected = BAD[name]
    with pytest.raises(DataError, match=expected):
        call()


def test_grey_levels_in_half_precision_are_levels():
    grey = np.tile(np.arange(256) / 255, 8).reshape(8, 256)
    half = grey.astype(np.float16)
    assert choose_likelihood(half).name == "discretised_logistic"
    units = Levels(0.0, 1 / 255, 256)
    np.testing.assert_array_equal(units.to_model(half), units.to_model(grey.astype(np.float32)))
