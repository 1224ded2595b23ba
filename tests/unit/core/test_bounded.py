from __future__ import annotations

import numpy as np
import pytest

from farero.core.bounded import bounded_mean
from farero.core.intervals import Interval, share


@pytest.mark.row("R6")
def test_the_interval_holds_the_true_mean_more_often_than_it_says() -> None:
    random = np.random.default_rng(1)
    missed = 0
    for _ in range(300):
        found = bounded_mean(random.beta(0.3, 2.7, 80), 0.0, 1.0)
        missed += not found.low <= 0.1 <= found.high
    assert missed <= 15


@pytest.mark.row("R6")
def test_it_is_narrow_where_values_vary_little_and_honest_where_they_do_not() -> None:
    steady = bounded_mean(np.full(400, 0.3) + np.tile([0.01, -0.01], 200), 0.0, 1.0)
    wild = bounded_mean(np.tile([0.0, 0.0, 0.0, 1.0], 100), 0.0, 1.0)
    exact = share(100, 400)
    assert steady.high - steady.low < 0.03 and steady.low <= 0.3 <= steady.high
    assert (wild.high - wild.low) < 1.8 * (exact.high - exact.low) and wild.low <= 0.25 <= wild.high


def test_bounds_move_the_interval_with_them() -> None:
    values = np.random.default_rng(2).random(100)
    unit, moved = bounded_mean(values, 0.0, 1.0), bounded_mean(values * 6 - 2, -2.0, 4.0)
    assert (moved.low, moved.high) == pytest.approx((unit.low * 6 - 2, unit.high * 6 - 2))


def test_values_that_cannot_differ_have_no_width() -> None:
    assert bounded_mean(np.zeros(3), 0.0, 0.0) == Interval(low=0.0, high=0.0)


def test_one_value_says_next_to_nothing() -> None:
    found = bounded_mean(np.array([0.5]), 0.0, 1.0)
    assert (found.low, found.high) == (0.0, 1.0)
