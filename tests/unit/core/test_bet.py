"""Many windows through the detector at once: the same evidence and alarms as one by one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.unit.core.days_of_scores import ROWS, reference_of, window
from tests.unit.core.rows_of import columns

from farero.core import bet, detector, profile
from farero.core.baseline import fit
from farero.core.days import Days
from farero.core.reference import Reference
from farero.core.schema import Columns
from farero.core.scores import layout
from farero.core.stacked import stack

DAY_S, LIMIT = 86_400.0, 365.0


@pytest.fixture(scope="module")
def known() -> tuple[Reference, Days]:
    reference, _, days = reference_of()
    return reference, days


def tables() -> list[Columns]:
    quiet = [columns(ROWS, 900 + n, missing=0.02) for n in range(12)]
    stuck = {**columns(ROWS, 950), "active": np.zeros(ROWS, dtype=np.int8)}
    return [*quiet, columns(3 * ROWS, 960, shift=0.3), stuck, columns(ROWS, 970, missing=0.5), *quiet[:3]]


@pytest.mark.row("M11")
def test_courses_alarm_where_the_detector_does(known: tuple[Reference, Days]) -> None:
    reference, days = known
    baseline = fit(layout(reference), days, preset="sensitive", size_s=DAY_S, limit=LIMIT)
    held = tables()
    numbers = list(range(60, 60 + len(held)))
    together = stack(reference, [profile.build(reference, rows) for rows in held], numbers)
    ((places, own),) = bet.group(reference, days, "sensitive", DAY_S, [LIMIT])
    assert places == [0]
    bets = own.of(together)
    state, alarms = detector.begin(baseline), []
    for place, rows in enumerate(held):
        state, alarm = detector.update(state, baseline, window(reference, rows, numbers[place]))
        alarms.append(alarm is not None)
        played = bet.play(bets, own.weights, np.arange(place + 1)[None, :], LIMIT)
        assert played.alarms == sum(alarms), place
    assert sum(alarms) == 3


def test_evidence_is_that_of_the_detector(known: tuple[Reference, Days]) -> None:
    reference, days = known
    _, own = bet.group(reference, days, "quiet", DAY_S, [LIMIT])[0]
    baseline = own.baseline
    state = detector.begin(baseline)
    bets = own.of(stack(reference, [profile.build(reference, rows) for rows in tables()[:9]], range(60, 69)))
    held = np.zeros(bets.shape[1])
    for place in range(9):
        state, _ = detector.update(state, baseline, window(reference, tables()[place], 60 + place))
        held = (held + 1) * bets[place]
        with np.errstate(divide="ignore"):
            assert_allclose(np.log(held), state.held, rtol=1e-9, atol=1e-9)


def test_limits_that_differ_in_nothing_else_share_a_detector(known: tuple[Reference, Days]) -> None:
    reference, days = known
    made = bet.group(reference, days, "sensitive", DAY_S, [300.0, 400.0, 1e6])
    assert sorted(place for places, _ in made for place in places) == [0, 1, 2]


def test_an_alarm_lets_the_evidence_begin_anew() -> None:
    bets, weights = np.array([[1.0], [50.0]]), np.array([1.0])
    assert bet.play(bets, weights, np.array([[0, 0, 1, 0, 0, 1]]), 100.0).alarms == 2
    assert bet.play(bets, weights, np.array([[0, 0, 0, 0, 0, 0]]), 100.0) == bet.Played(alarms=0, most=6.0)


def test_the_course_since_a_change_begins_with_what_was_held_before() -> None:
    before, changed, weights = np.array([[1.0], [2.0], [1.0]]), np.array([[[3.0], [3.0], [3.0]]]), np.array([1.0])
    path = bet.paths(before, changed, weights, np.array([0, 2]), 3, 1e9)
    # At place 2 it holds ((0 + 1) 1 + 1) 2 = 4.
    assert path.tolist() == [[3.0, 12.0, 39.0], [15.0, 48.0, 147.0]]
    assert bet.paths(before, changed, weights, np.array([0]), 5, 10.0).tolist() == [[3.0, 12.0, 10.0, 10.0, 10.0]]


def test_overwhelming_evidence_stays_a_number() -> None:
    bets = np.full((1, 1), np.exp(300.0))
    assert np.isfinite(bet.paths(bets, bets[None], np.ones(1), np.array([0]), 9, 1e308)).all()


def test_weeks_drawn_anew_keep_their_weekdays() -> None:
    numbers = np.array([n for n in range(70, 140) if n != 75])
    order = bet.together(numbers, 7, 365, np.random.default_rng(1))
    assert len(order) == 365
    assert (numbers[order] % 7).tolist() == [n % 7 for n in range(365)]
    assert len(np.unique(order)) > 40


def test_without_a_season_blocks_of_seven_are_drawn() -> None:
    order = bet.together(np.arange(20), 1, 30, np.random.default_rng(1))
    assert len(order) == 30
    assert (np.diff(order[:7]) % 20).tolist() == [1] * 6


def test_a_weekday_without_any_window_is_left_out() -> None:
    numbers = np.array([n for n in range(56) if n % 7 < 5])
    order = bet.together(numbers, 7, 100, np.random.default_rng(1))
    assert set((numbers[order] % 7).tolist()) == set(range(5))


def test_a_reference_drawn_anew_is_one_that_can_be_fitted(known: tuple[Reference, Days]) -> None:
    reference, days = known
    drawn = bet.resampled(days, DAY_S, np.random.default_rng(4))
    assert len(drawn.numbers) == len(days.numbers)
    assert np.all(np.diff(drawn.numbers) > 0)
    assert drawn.table().sum() == pytest.approx(days.table().sum(), rel=0.05)
    made = fit(layout(reference), drawn, preset="sensitive", size_s=DAY_S, limit=LIMIT)
    assert made.windows == 60
