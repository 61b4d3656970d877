"""One L-BFGS: it finds minima, steps back from what is not finite, and says where it never left."""

import warnings

import numpy as np
import pytest

from latlas.bayes.densities._lbfgs import minimise, rejecting


def quadratic(x):
    scales = np.array([1.0, 100.0])
    return float(0.5 * np.sum(scales * (x - 3.0) ** 2)), scales * (x - 3.0)


def walled(x):
    """x - log x: infinite at 0, undefined below."""
    return float(np.sum(x - np.log(x))), 1.0 - 1.0 / x


def test_a_minimum_is_found_with_its_value_and_gradient():
    found = minimise(quadratic, np.zeros(2), max_iterations=50, change=1e-15)
    assert found.settled
    assert not found.rejected
    np.testing.assert_allclose(found.x, 3.0, atol=1e-5)
    np.testing.assert_allclose(found.gradient, quadratic(found.x)[1])
    assert found.value == quadratic(found.x)[0]


@pytest.mark.parametrize("start", [[20.0, 0.1], [5.0, 0.5]])
def test_a_search_that_meets_a_wall_ends_before_it_without_a_warning(start):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = minimise(walled, np.array(start), max_iterations=50, change=1e-15)
    assert np.all(found.x > 0.0)
    assert found.value < walled(np.array(start))[0]


@pytest.mark.parametrize("start", [-1.0, 0.0, np.nan])
def test_a_start_that_is_not_finite_is_told(start):
    found = minimise(walled, np.array([start]), max_iterations=50, change=1e-15)
    assert found.rejected
    assert not found.settled
    np.testing.assert_array_equal(found.x, [start])


def test_limits_end_a_search_that_has_not_settled():
    found = minimise(quadratic, np.zeros(2), max_iterations=1, change=0.0)
    assert not found.settled
    bounds = np.array([[-1.0, 2.0], [-1.0, 2.0]])
    np.testing.assert_allclose(
        minimise(quadratic, np.zeros(2), max_iterations=50, change=0.0, bounds=bounds).x, 2.0
    )


@pytest.mark.parametrize("bad", [(np.inf, np.zeros(1)), (np.nan, np.zeros(1)), (0.0, np.array([np.nan]))])
def test_what_is_rejected_is_far_worse_and_flat(bad):
    value, slope = rejecting(lambda x: bad)(np.ones(1))
    assert value > 1e99
    assert slope == 0.0
