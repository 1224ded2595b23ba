"""Axes carry round marks that cover their range."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farero.console.scale import Scale, thin, ticks, time_ticks

START = datetime(2012, 1, 3, 5, tzinfo=UTC)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_marks_cover_the_range_evenly_and_are_few(low: float, width: float) -> None:
    high = low + width
    marks = ticks(low, high)
    assert marks[0] <= low + width * 1e-6
    assert marks[-1] >= high - width * 1e-6
    assert 2 <= len(marks) <= 8


def test_one_single_value_still_has_an_axis() -> None:
    marks = ticks(5.0, 5.0)
    assert marks[0] < 5.0 < marks[-1]


@pytest.mark.parametrize("days", [0.2, 1, 3, 10, 40, 200, 700, 4000])
def test_moments_lie_within_the_span_in_order_and_are_few(days: float) -> None:
    end = START + timedelta(days=days)
    moments, _ = time_ticks(START, end, 8)
    assert 1 <= len(moments) <= 9
    assert all(START <= moment <= end for moment in moments)
    assert all(before < after for before, after in pairwise(moments))


def test_a_scale_without_width_does_not_divide_by_zero() -> None:
    assert Scale(low=3, high=3, start=0, end=10)(3) == 0


def test_labels_that_stand_too_close_are_dropped() -> None:
    assert thin([0, 10, 50], 40) == [True, False, True]
