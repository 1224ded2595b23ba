"""How much of the labels is in: at equal age, beside earlier windows, and when that is late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from farero.core.maturity import FALSE_ALARM, LEAST_EARLIER, Cohort, LabelsIn, cohorts, labels_in, late
from farero.core.window import Window

T0 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WITHIN = timedelta(days=10)


def day(number: int) -> Window:
    return Window(start=T0 + number * DAY, end=T0 + (number + 1) * DAY)


def cohort(draw: np.random.Generator, number: int, now: datetime, *, rows: int = 200, scale_days: float = 2.0, ever: float = 0.9) -> Cohort:
    """Labels that come after a random time each; some never do."""
    delays = draw.exponential(scale_days * 86400, rows)[draw.random(rows) < ever]
    age_s = (now - day(number).end).total_seconds()
    return Cohort.of(day(number), rows, np.sort(delays[delays <= age_s]))


def history(draw: np.random.Generator, days: int = 40, **last: float) -> list[Cohort]:
    """Windows as they stand when the newest has just ended; `last` holds for those that labels may still reach."""
    now = day(days - 1).end
    return [cohort(draw, number, now, **(last if number >= days - 10 else {})) for number in range(days)]  # type: ignore[arg-type]


def looked_at(every: list[Cohort]) -> list[LabelsIn]:
    return labels_in(every, at=every[-1].window.end, arrives_within=WITHIN)


def test_labels_are_sorted_into_the_windows_of_their_predictions() -> None:
    codes = np.array([1, 0, 1, 1])
    known = [day(1).end + timedelta(hours=5), day(0).end, day(1).start, day(1).end + timedelta(hours=1)]
    known_us = np.array([int(time.timestamp() * 1e6) for time in known])
    first, second, third = cohorts([day(0), day(1), day(2)], [3, 4, 5], codes, known_us)
    assert (first.rows, first.ages_s.tolist()) == (3, [0.0])
    assert (second.rows, second.ages_s.tolist()) == (4, [-86400.0, 3600.0, 18000.0])
    assert (third.rows, third.ages_s.tolist()) == (5, [])
    assert [second.share_in(age_s) for age_s in (0.0, 3600.0, 4e5)] == [0.25, 0.5, 0.75]


@given(st.lists(st.floats(-1e6, 1e6), max_size=30), st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_the_share_that_is_in_never_falls_with_age(delays: list[float], age_s: float, more: float) -> None:
    one = Cohort.of(day(0), 30, np.sort(np.array(delays)))
    assert 0 <= one.share_in(age_s) <= one.share_in(age_s + more) <= 1


@pytest.mark.row("M5")
def test_a_window_is_compared_with_earlier_ones_at_its_own_age() -> None:
    seen = looked_at(history(np.random.default_rng(1)))
    newest, old = seen[-2], seen[-15]
    assert (newest.age_s, newest.mature, old.mature, newest.earlier) == (86400.0, False, True, 38)
    # A day after its end 0.9 * (1 - exp(-1/2)) of a window are in, and 0.9 * (1 - exp(-5)) when no more may come.
    assert newest.usual == pytest.approx(0.354, abs=0.02)
    assert old.usual == pytest.approx(0.894, abs=0.02)
    assert newest.least is not None
    assert newest.least < newest.share < old.share
    assert not any(one.late for one in seen)
    assert seen[LEAST_EARLIER - 1].usual is None
    assert seen[LEAST_EARLIER].usual is not None


@pytest.mark.row("M5")
def test_labels_that_stop_or_slow_down_are_late() -> None:
    draw = np.random.default_rng(2)
    for last in ({"ever": 0.0}, {"ever": 0.45}, {"scale_days": 8.0}):
        found = late(looked_at(history(draw, **last)))
        assert found is not None
        assert (found.kind, found.subject) == ("LABELS_LATE", "labels")
        assert found.value < found.limit
        assert "were usual in" in found.because
    stopped = late(looked_at(history(draw, ever=0.0)))
    assert stopped is not None
    assert (stopped.severity, stopped.value) == ("high", 0.0)
    assert "windows are late" in stopped.because


@pytest.mark.row("M5")
def test_nothing_is_late_where_labels_come_as_ever() -> None:
    """`FALSE_ALARM` of looks may say so; more than this many of 400 would happen once in ten million."""
    draw = np.random.default_rng(3)
    runs = 400
    alarms = sum(late(looked_at(history(draw, days=30))) is not None for _ in range(runs))
    assert alarms <= stats.binom.isf(1e-7, runs, FALSE_ALARM)
    assert alarms <= 1


def test_windows_that_were_always_full_do_not_make_one_gap_a_finding() -> None:
    every = [Cohort.of(day(number), 100, np.zeros(100 if number < 19 else 99)) for number in range(20)]
    assert late(looked_at(every)) is None
    every[-1] = Cohort.of(day(19), 100, np.zeros(60))
    found = late(looked_at(every))
    assert found is not None
    assert (found.severity, found.value) == ("medium", 0.6)


def test_weekends_without_labels_are_part_of_what_is_usual() -> None:
    every = [
        Cohort.of(day(number), 100, np.zeros(0 if number % 7 in (5, 6) else 90)) for number in range(42)
    ]  # day 40 and 41 are a weekend
    assert late(looked_at(every)) is None


def test_a_small_window_is_not_late_by_chance_and_an_empty_one_is_nothing() -> None:
    draw = np.random.default_rng(4)
    every = history(draw)
    every[-2] = Cohort.of(every[-2].window, 3, np.empty(0))
    every[-1] = Cohort.of(every[-1].window, 0, np.empty(0))
    seen = looked_at(every)
    assert (seen[-2].late, seen[-1].late, seen[-1].share) == (False, False, 0.0)


def test_windows_that_have_not_ended_are_not_told_of() -> None:
    every = history(np.random.default_rng(5), days=12)
    seen = labels_in(every, at=every[-1].window.start, arrives_within=WITHIN)
    assert [one.window for one in seen] == [one.window for one in every[:-1]]


def test_no_windows_are_no_finding() -> None:
    assert labels_in([], at=T0, arrives_within=WITHIN) == []
    assert late([]) is None


@pytest.mark.row("M5")
def test_late_windows_do_not_become_what_is_usual_until_they_are_all_there_is() -> None:
    """Labels come to 90 of 100 rows for 30 windows, and to 40 from then on; what is usual must not creep down with them."""

    def seen(days: int) -> list[LabelsIn]:
        return looked_at([Cohort.of(day(number), 100, np.zeros(90 if number < 30 else 40)) for number in range(days)])

    for days in (31, 40, 60):
        assert [one.late for one in seen(days)[-5:]] == [number >= 30 for number in range(days - 5, days)]
        assert seen(days)[-1].usual == pytest.approx(0.9)
    assert seen(130)[-1].usual == pytest.approx(0.4)
    assert not any(one.late for one in seen(130))
