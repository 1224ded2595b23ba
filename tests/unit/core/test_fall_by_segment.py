from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farero.core.fall_by_segment import LEVELS, by_segment, cut, error_of
from farero.core.field import Field

NUMBER = Field(name="x", kind="number", missing=True)
LEVEL = Field(name="k", kind="choice", levels=tuple("abcdefghijklmn"), missing=True)
FLAG = Field(name="f", kind="flag")
DATE = Field(name="d", kind="date")


@pytest.mark.row("M7")
@given(st.integers(0, 10_000), st.integers(5, 200), st.integers(5, 200))
def test_the_segments_of_each_feature_add_up_to_the_whole_change(seed: int, before: int, now: int) -> None:
    random = np.random.default_rng(seed)
    rows = before + now
    matrix = np.column_stack([np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows)), random.integers(-2, 14, rows)])
    losses = random.exponential(size=rows)
    is_current = np.arange(rows) >= before
    change = losses[is_current].mean() - losses[~is_current].mean()
    found = by_segment([NUMBER, LEVEL], matrix, losses, is_current)
    assert sorted(one.feature for one in found) == ["k", "x"]
    for one in found:
        assert sum(segment.mix + segment.within.value for segment in one.segments) == pytest.approx(change, abs=1e-9)
        assert sum(segment.share[0] for segment in one.segments) == pytest.approx(1)


def test_the_largest_levels_stand_by_themselves_and_the_others_together() -> None:
    codes = np.concatenate([np.repeat(np.arange(14), np.arange(20, 6, -1)), [-1, -2, -2]]).astype(float)
    made = cut(LEVEL, codes)
    assert made.names[:LEVELS] == tuple(f"k = {name}" for name in "abcdefgh")
    assert made.names[LEVELS:] == ("k: other levels", "k: new levels", "k missing")
    assert np.bincount(made.codes)[-2:].tolist() == [2, 1]


def test_numbers_dates_and_flags_are_named_as_people_read_them() -> None:
    made = cut(NUMBER, np.append(np.arange(100.0), np.nan))
    assert made.names == ("x ≤ 20", "20 < x ≤ 40", "40 < x ≤ 60", "60 < x ≤ 80", "x > 80", "x missing")
    assert cut(NUMBER, np.full(9, 3.0)).names == ("x",)
    assert cut(FLAG, np.array([0.0, 1.0, 1.0])).names == ("f = true", "f = false")
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-01-11")).astype("datetime64[us]").astype(float)
    assert cut(DATE, days).names[0] == "d ≤ 2024-01-03"


@pytest.mark.row("M7")
def test_the_segment_where_the_relation_changed_is_clear_and_the_others_are_not() -> None:
    random = np.random.default_rng(1)
    matrix = np.column_stack([random.normal(size=4000), random.integers(0, 4, 4000)])
    is_current = np.arange(4000) >= 2000
    losses = random.exponential(size=4000) + np.where(is_current & (matrix[:, 1] == 2), 1.0, 0.0)
    found = {one.feature: one for one in by_segment([NUMBER, LEVEL], matrix, losses, is_current)}
    clear = {segment.name for segment in found["k"].segments if segment.clear}
    assert clear == {"k = c"}
    assert found["k"].uneven_p is not None and found["k"].uneven_p < 1e-6
    assert next(iter(found)) == "k", "the feature that tells most comes first"
    within = next(segment.within for segment in found["k"].segments if segment.name == "k = c")
    assert within.low < 0.25 < within.high


@pytest.mark.row("M7")
def test_where_nothing_changed_hardly_a_segment_is_clear() -> None:
    """Clear by chance somewhere: 5 % a try by the bound, so more than 12 of 40 tries is less likely than 1e-6."""
    tries = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        matrix = np.column_stack([random.normal(size=1000), random.integers(0, 8, 1000)])
        found = by_segment([NUMBER, LEVEL], matrix, random.normal(size=1000), np.arange(1000) >= 500)
        tries += any(segment.clear for one in found for segment in one.segments)
    assert tries <= 12


def test_a_segment_that_one_side_lacks_has_no_loss_there() -> None:
    matrix = np.array([[0.0], [0.0], [0.0], [1.0]])
    (found,) = by_segment([FLAG], matrix, np.array([1.0, 3.0, 2.0, 8.0]), np.array([False, False, True, True]))
    gone = next(segment for segment in found.segments if segment.name == "f = true")
    assert gone.loss == (None, 8.0) and gone.within.value == 0.0 and not gone.clear
    assert found.uneven_p is None


def test_rows_that_go_together_by_window_make_the_error_larger() -> None:
    random = np.random.default_rng(0)
    windows = np.repeat(np.arange(20), 50)
    alone, together = random.normal(size=1000), np.repeat(random.normal(size=20), 50)
    assert error_of([alone, alone], [windows, windows]) == pytest.approx(np.sqrt(2 / 1000), rel=0.3)
    assert error_of([together, together], [windows, windows]) == pytest.approx(np.sqrt(2 / 20), rel=0.5)
    assert error_of([together, together], [windows % 3, windows]) < 0.1, "three windows say nothing of windows"
