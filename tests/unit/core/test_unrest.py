"""What a reference's windows do of themselves is measured: nothing where rows are independent, weekdays, unrest, and how long it lasts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from farero.core import scores
from farero.core.reference import ColumnReference, freeze_levels
from farero.core.scores import Layout
from farero.core.unrest import UNSEEN_SPREAD, Unrest, measure

ROWS = 1000


def plan_of(columns: int) -> Layout:
    """A layout of flags, the plainest scores there are; the ones for missing values never move."""
    made: tuple[ColumnReference, ...] = tuple(
        freeze_levels(f"f{i}", "flag", ("false", "true"), np.array([50, 50]), 0) for i in range(columns)
    )
    reference = scores.Reference(rows=100, columns=made, prediction=None, windows=0, window_rows=0, edges_hash="flags")
    return scores.layout(reference)


def measured(shares: NDArray[np.float64], period: int = 7, rows: int = ROWS, seed: int | None = None, skip: tuple[int, ...] = ()) -> Unrest:
    """Of (t, columns) true shares of each flag; rows are drawn if there is a seed, else the counts are as exact as can be."""
    plan = plan_of(shares.shape[1])
    hits = np.rint(shares * rows) if seed is None else np.random.default_rng(seed).binomial(rows, np.clip(shares, 0, 1))
    counts = np.zeros((len(shares), len(plan.values)))
    for column in range(shares.shape[1]):
        place = next(i for i, s in enumerate(plan.scores) if s.kind == "category" and s.columns == (f"f{column}",))
        first = plan.starts[place]
        counts[:, first], counts[:, first + 1] = hits[:, column], rows - hits[:, column]
    counts[:, np.isin(plan.owner, [i for i, s in enumerate(plan.scores) if s.kind == "missing"]) & (plan.values == 0)] = rows
    numbers = np.array([day for day in range(2 * len(shares)) if day % 7 not in skip][: len(shares)])
    return measure(plan, numbers, counts, period)


def of(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those of the flags, not of their missing values."""
    return found[..., 1::2]


def noise(carried: float, size: float, days: int = 60, columns: int = 20, seed: int = 0) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    made = np.zeros((days, columns))
    for day in range(days):
        fresh = size * random.normal(size=columns)
        made[day] = carried * made[day - 1] + np.sqrt(1 - carried**2) * fresh if day else fresh
    return made


def test_windows_that_never_differ_are_not_tempered() -> None:
    found = measured(np.full((56, 1), 0.5))
    assert of(found.base) == pytest.approx(0.5)
    assert of(found.temper).tolist() == [1.0]
    assert of(found.variance).tolist() == [0.25]
    assert of(found.usual_rows) == pytest.approx(ROWS)
    # Nothing differs, so what is left is what rows give: sqrt(v / n / windows).
    assert of(found.error) == pytest.approx(np.sqrt(0.25 / ROWS / 56))


def test_independent_rows_are_hardly_ever_tempered() -> None:
    found = measured(np.full((60, 20), 0.3), seed=5)
    assert np.median(of(found.temper)) == 1.0
    assert of(found.temper).max() < 2.5


def test_a_weekday_pattern_is_kept_as_far_as_it_is_sure() -> None:
    pattern = np.array([0.5, 0.52, 0.48, 0.5, 0.5, 0.45, 0.55])
    found = measured(np.tile(pattern, 9)[:60, None], seed=3)
    assert of(found.base)[:, 0] == pytest.approx(pattern, abs=0.02)
    assert of(found.base)[5, 0] < 0.47 < 0.53 < of(found.base)[6, 0]
    flat = measured(np.full((60, 1), 0.5), seed=3)
    assert np.ptp(of(flat.base)[:, 0]) == 0


def test_days_that_the_reference_never_saw_take_the_mean_of_all() -> None:
    weekdays = np.tile([0.4, 0.5, 0.5, 0.5, 0.6], 12)
    found = measured(weekdays[:, None], skip=(5, 6))
    base = of(found.base)[:, 0]
    assert base[0] == pytest.approx(0.4, abs=0.01)
    assert base[4] == pytest.approx(0.6, abs=0.01)
    assert base[5] == base[6] == pytest.approx(0.5)


def test_unrest_of_days_tempers_by_its_variance() -> None:
    size = 0.05  # of a share with v = 0.25: phi = 1 + 1000 * 0.0025 / 0.25 = 11
    found = measured(0.5 + noise(0.0, size), period=1, seed=1)
    assert 10 < np.median(of(found.temper)) < 17


def test_unrest_that_lasts_tempers_by_its_long_run_variance() -> None:
    brief, lasting = (measured(0.5 + noise(carried, 0.05, seed=4), period=1, seed=4) for carried in (0.0, 0.7))
    # (1 + 0.7) / (1 - 0.7) = 5.7 times as much, from two months of 20 columns; the baseline is less sure, too.
    assert 3.5 < np.median(of(lasting.temper)) / np.median(of(brief.temper)) < 9
    assert np.median(of(lasting.error)) > 1.7 * np.median(of(brief.error))


def test_a_score_that_shows_no_unrest_is_taken_for_the_middle_one_where_most_are_restless() -> None:
    most = 0.5 + noise(0.0, 0.05, seed=2)
    most[:, 0] = 0.5
    one = np.full((60, 20), 0.5)
    one[:, 0] += noise(0.0, 0.05, seed=2)[:, 0]
    assert of(measured(most, period=1, seed=2).temper)[0] > 5
    assert np.median(of(measured(one, period=1, seed=2).temper)) == 1.0


def test_too_few_windows_to_tell_are_taken_to_differ() -> None:
    found = measured(np.full((1, 1), 0.5), period=1)
    assert of(found.temper) == pytest.approx(1 + UNSEEN_SPREAD**2 * ROWS)
    assert of(found.error) == pytest.approx(np.sqrt(of(found.temper) * 0.25 / ROWS))


def test_windows_of_few_rows_do_not_speak_for_the_others() -> None:
    plan = plan_of(1)
    counts = np.zeros((31, len(plan.values)))
    counts[:, 2:4] = 500
    counts[-1, 2:4] = [10, 0]
    found = measure(plan, np.arange(31), counts, 1)
    assert of(found.count).tolist() == [30]
    assert of(found.base)[0, 0] == 0.5
    assert of(found.temper).tolist() == [1.0]


def test_a_column_that_few_windows_hold_is_measured_on_those() -> None:
    plan = plan_of(1)
    place = next(i for i, score in enumerate(plan.scores) if score.kind == "category")
    counts = np.zeros((40, len(plan.values)))
    counts[:, plan.starts[1 - place] + 1] = ROWS
    for window, rows in ((36, 20), (37, ROWS), (38, ROWS), (39, ROWS)):
        counts[window, plan.starts[place] : plan.starts[place] + 2] = rows / 2
    found = measure(plan, np.arange(40), counts, 1)
    assert (found.count[place], found.usual_rows[place]) == (3, ROWS)  # the one of 20 rows tells too little


def test_the_error_of_a_mean_is_no_larger_than_that_of_one_window() -> None:
    drifting = 0.5 + noise(0.97, 0.1, days=60, columns=8)
    held = of(measured(drifting, period=1).error)
    assert held.max() <= of(measured(drifting, period=1).temper).max() ** 0.5 * np.sqrt(0.25 / ROWS)
