"""Schedules, at exact points of a run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latlas.core import Constant, Cyclical, LinearWarmUp, Piecewise, as_schedule

PROGRESS = jnp.linspace(0.0, 1.0, 101)


def _along(schedule, progress=PROGRESS):
    return np.asarray(jax.jit(jax.vmap(schedule))(progress))


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.0, 1.0), (0.125, 2.0), (0.25, 3.0), (0.375, 3.0), (0.5, 1.0), (0.625, 2.0), (0.75, 3.0), (1.0, 3.0)],
)
def test_a_cycle_rises_over_its_fraction_then_stays_and_the_next_begins_anew(progress, expected):
    assert float(Cyclical(2, 0.5, start=1.0, end=3.0)(progress)) == expected


def test_one_cycle_is_a_warm_up():
    np.testing.assert_allclose(
        _along(Cyclical(1, 0.3, end=2.0)), _along(LinearWarmUp(0.3, end=2.0)), rtol=1e-6
    )


def test_cycles_are_those_of_the_paper():
    # Fu et al. 2019, eq. 6 and 7, with t from 1 to T
    total, cycles, fraction = 1000, 4, 0.5
    t = np.arange(1, total + 1)
    tau = np.mod(t - 1, total / cycles) / (total / cycles)
    expected = np.where(tau <= fraction, tau / fraction, 1.0)
    found = _along(Cyclical(cycles, fraction), jnp.asarray((t - 1) / total, jnp.float32))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_piecewise_schedule_is_straight_between_its_values():
    schedule = Piecewise((0.2, 0.4, 1.0), (5.0, 1.0, 4.0))
    expected = np.interp(np.asarray(PROGRESS), [0.2, 0.4, 1.0], [5.0, 1.0, 4.0])
    np.testing.assert_allclose(_along(schedule), expected, rtol=1e-5)
    assert float(schedule(0.0)) == 5.0
    assert float(schedule(1.0)) == 4.0


@pytest.mark.parametrize(
    "schedule", [Cyclical(), Piecewise((0.0, 1.0), (0.0, 1.0)), LinearWarmUp(), Constant()]
)
def test_every_schedule_ends_at_the_full_objective_and_maps_over_its_values(schedule):
    assert float(schedule(1.0)) == 1.0
    assert _along(schedule).shape == (101,)
    assert as_schedule(schedule) is schedule


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cyclical(0), "got num_cycles=0"),
        (lambda: Cyclical(2, 0.0), "got 0.0"),
        (lambda: Piecewise((0.0,), (1.0, 2.0)), "1 shares and 2 values"),
        (lambda: Piecewise((), ()), "0 shares"),
        (lambda: Piecewise((0.5, 0.2), (1.0, 2.0)), "increase"),
        (lambda: Piecewise((0.5, 1.2), (1.0, 2.0)), "increase"),
    ],
)
def test_wrong_schedules_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
