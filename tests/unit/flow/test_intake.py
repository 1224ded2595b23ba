"""Whether rows come as they used to, from what is on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.benches import DAY, T0, day

from farero.core.observation import Observation
from farero.core.window import Window
from farero.flow.intake import Intake
from farero.store import observations, refusals
from farero.store.database import Store

HOUR = timedelta(hours=1)


def put(store: Store, window: Window, rows: int) -> None:
    with store.write() as conn:
        observations.put(conn, "points", Observation(window=window, version="1.0.0", rows=rows, labelled=0))


@pytest.fixture
def store() -> Store:
    made = Store.memory()
    for number in range(28):
        put(made, day(number), 1000 + number % 5)
    return made


def intake(store: Store, size: timedelta = DAY) -> Intake:
    return Intake(model="points", window_size=size, grace=HOUR, store=store)


@pytest.mark.row("M4")
def test_a_window_with_a_tenth_of_the_rows_is_a_finding(store: Store) -> None:
    assert intake(store).check(day(28), 1010, None) == []
    (found,) = intake(store).check(day(28), 100, None)
    assert (found.subject, found.severity) == ("rows", "high")


def test_a_window_is_judged_by_those_before_it_alone(store: Store) -> None:
    put(store, day(28), 100)
    assert len(intake(store).check(day(28), 100, None)) == 1
    assert intake(store).check(day(3), 100, None) == []


@pytest.mark.row("M4")
def test_silence_is_found_once_a_window_without_rows_is_over(store: Store) -> None:
    step = intake(store)
    assert step.silence(day(27).end + 3 * HOUR, None) is None
    assert step.silence(day(28).end, None) is None
    found = step.silence(day(28).end + HOUR, None)
    assert found is not None
    assert (found.window, found.version, found.finding.value) == (day(28), "1.0.0", 1.0)


def test_without_a_window_on_record_there_is_no_silence() -> None:
    assert intake(Store.memory()).silence(T0, None) is None
    assert intake(Store.memory()).check(day(0), 10, None) == []


@pytest.mark.row("M4")
def test_refusals_of_the_day_are_judged_by_those_of_earlier_days(store: Store) -> None:
    with store.write() as conn:
        for number in range(29):
            refusals.add(conn, "points", day(number).start.date(), "x", "not-a-number", 400 if number == 28 else 1)
    (found,) = intake(store).check(day(28), 1000, None)
    assert (found.subject, found.severity) == ("x", "medium")
    assert found.value == pytest.approx(400 / 1400)
    assert intake(store).check(day(27), 1000, None) == []


def test_refusals_are_counted_by_day_where_windows_are_hours() -> None:
    store = Store.memory()
    for hour in range(47):
        put(store, Window(start=T0 + hour * HOUR, end=T0 + (hour + 1) * HOUR), 50)
    with store.write() as conn:
        refusals.add(conn, "points", day(1).start.date(), "x", "not-a-number", 600)
    last = Window(start=T0 + 47 * HOUR, end=T0 + 48 * HOUR)
    (found,) = intake(store, HOUR).check(last, 50, None)
    assert found.value == pytest.approx(600 / 1800)
    earlier = Window(start=T0 + 45 * HOUR, end=T0 + 46 * HOUR)
    assert intake(store, HOUR).check(earlier, 50, None) == []


def test_refusals_of_a_week_are_those_of_its_days() -> None:
    store, week = Store.memory(), 7 * DAY
    for number in range(8):
        put(store, Window(start=T0 + number * week, end=T0 + (number + 1) * week), 700)
    with store.write() as conn:
        for number in range(9 * 7):
            refusals.add(conn, "points", day(number).start.date(), "x", "not-a-number", 30 if number >= 56 else 1)
    (found,) = intake(store, week).check(Window(start=T0 + 8 * week, end=T0 + 9 * week), 700, None)
    assert found.value == pytest.approx(210 / 910)
