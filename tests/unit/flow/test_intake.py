"""Whether rows come as they used to, from what is on record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from tests.benches import DAY, NEVER, T0, Installation, day, install

from farero.adapters.memory_log import MemoryLog
from farero.core.observation import Observation
from farero.core.prediction import Record
from farero.core.window import Window, WindowSize
from farero.flow.intake import Intake
from farero.project.load import Loaded as Project
from farero.serving.pool import Loaded
from farero.serving.tally import Tally
from farero.store import incidents, observations, refusals, steps, versions
from farero.store.database import Store

HOUR = timedelta(hours=1)


def put(store: Store, window: Window, rows: int) -> None:
    with store.write() as conn:
        observations.put(conn, "points", Observation(window=window, version="1.0.0", rows=rows, labelled=0))
        steps.put(conn, "points", window, "done", b"", window.end)


@pytest.fixture
def store() -> Store:
    made = Store.memory()
    for number in range(28):
        put(made, day(number), 1000 + number % 5)
    return made


@pytest.fixture
def version(here: Installation) -> Loaded:
    """Its reference holds six rows a day: too unlike these windows to be asked."""
    with here.bench.store.read() as conn:
        current = versions.production(conn, "points")
    assert current is not None
    return here.loop.predict.pool.get(current, gate=False)


NO_ROWS = Tally(model="points", span=DAY, log=MemoryLog({}))
"""Windows of time do not ask it."""


def intake(store: Store, size: timedelta = DAY) -> Intake:
    return Intake(model="points", window_size=WindowSize(span=size), grace=HOUR, store=store, tally=NO_ROWS)


@pytest.mark.row("M4")
def test_a_window_with_a_tenth_of_the_rows_is_a_finding(store: Store, version: Loaded) -> None:
    assert intake(store).check(day(28), 1010, version) == []
    (found,) = intake(store).check(day(28), 100, version)
    assert (found.subject, found.severity) == ("rows", "high")


def test_a_window_is_judged_by_those_before_it_alone(store: Store, version: Loaded) -> None:
    put(store, day(28), 100)
    assert len(intake(store).check(day(28), 100, version)) == 1
    assert intake(store).check(day(3), 100, version) == []


@pytest.mark.row("M4")
def test_silence_is_found_once_a_window_without_rows_is_over(store: Store, version: Loaded) -> None:
    step = intake(store)
    assert step.silence(day(27).end + 3 * HOUR, version) is None
    assert step.silence(day(28).end, version) is None
    found = step.silence(day(28).end + HOUR, version)
    assert found is not None
    assert (found.window, found.version, found.finding.value) == (day(28), "1.0.0", 1.0)
    assert step.silence(day(28).end + 2 * HOUR, version) is None  # told already
    later = step.silence(day(29).end + HOUR, None)
    assert later is not None
    assert (later.window, later.finding.value) == (day(29), 2.0)


@pytest.mark.row("M4")
def test_the_reference_tells_what_is_usual_where_the_present_is_like_it(version: Loaded) -> None:
    store = Store.memory()
    put(store, day(0), 6)
    found = intake(store).silence(day(6).end + HOUR, version)
    assert found is not None
    assert "about 6 are usual" in found.finding.because
    assert intake(store).silence(day(6).end + HOUR, None) is None


def test_without_a_window_on_record_there_is_no_silence(version: Loaded) -> None:
    assert intake(Store.memory()).silence(T0, version) is None
    assert intake(Store.memory()).check(day(0), 10, version) == []


@pytest.mark.row("M4")
def test_refusals_of_the_day_are_judged_by_those_of_earlier_days(store: Store, version: Loaded) -> None:
    with store.write() as conn:
        for number in range(29):
            refusals.add(conn, "points", day(number).start.date(), "x", "not-a-number", 400 if number == 28 else 1)
    (found,) = intake(store).check(day(28), 1000, version)
    assert (found.subject, found.severity) == ("x", "medium")
    assert found.value == pytest.approx(400 / 1400)
    assert intake(store).check(day(27), 1000, version) == []


def test_refusals_are_counted_by_day_where_windows_are_hours(version: Loaded) -> None:
    store = Store.memory()
    for hour in range(47):
        put(store, Window(start=T0 + hour * HOUR, end=T0 + (hour + 1) * HOUR), 50)
    with store.write() as conn:
        refusals.add(conn, "points", day(1).start.date(), "x", "not-a-number", 600)
    last = Window(start=T0 + 47 * HOUR, end=T0 + 48 * HOUR)
    (found,) = intake(store, HOUR).check(last, 50, version)
    assert found.value == pytest.approx(600 / 1800)
    earlier = Window(start=T0 + 45 * HOUR, end=T0 + 46 * HOUR)
    assert intake(store, HOUR).check(earlier, 50, version) == []


def test_refusals_of_a_week_are_those_of_its_days(version: Loaded) -> None:
    store, week = Store.memory(), 7 * DAY
    for number in range(8):
        put(store, Window(start=T0 + number * week, end=T0 + (number + 1) * week), 700)
    with store.write() as conn:
        for number in range(9 * 7):
            refusals.add(conn, "points", day(number).start.date(), "x", "not-a-number", 30 if number >= 56 else 1)
    (found,) = intake(store, week).check(Window(start=T0 + 8 * week, end=T0 + 9 * week), 700, version)
    assert found.value == pytest.approx(210 / 910)


@pytest.mark.row("M4")
def test_the_loop_opens_an_incident_while_rows_stay_away_and_leaves_others_alone(points: Project, tmp_path: Path) -> None:
    here = install(points, tmp_path, NEVER)
    here.start()
    for number in range(8):
        here.predict(number, shift=100.0 if number >= 5 else 0.0)
        here.end(number)

    def open_now() -> dict[str, str]:
        """Kind -> the newest line of its timeline."""
        with here.bench.store.read() as conn:
            return {incident.kind: f"{incident.quiet_windows} {incident.timeline[-1].text}" for incident in incidents.open(conn, "points")}

    before = open_now()
    here.end(8)
    silent = open_now()
    assert silent["DATA_QUALITY"].startswith("0 no row in the last 1 window; about 40 are usual for such a window")
    assert {kind: text for kind, text in silent.items() if kind != "DATA_QUALITY"} == {
        kind: text for kind, text in before.items() if kind != "DATA_QUALITY"
    }
    assert "DATA_DRIFT" in silent
    here.end(8)
    assert open_now() == silent


def counted(store: Store, rows: Sequence[int]) -> tuple[Intake, MemoryLog]:
    """An intake of windows by count, and a log with so many rows a day, one request each."""
    log = MemoryLog()
    for number, count in enumerate(rows):
        times = [day(number).start + timedelta(hours=23) * n / max(count, 1) for n in range(count)]
        if count:
            log.append("points", [Record(
                model="points", version="1.0.0", request_id=f"d-{number}", endpoint="points", time=times[0], inputs={},
                prediction=[0.0] * count, probability=None, keys=None, latency_us=1, times=times,
            )], {})  # fmt: skip
    tally = Tally(model="points", span=DAY, log=log)
    return Intake(model="points", window_size=WindowSize(rows=50), grace=HOUR, store=store, tally=tally), log


@pytest.mark.row("M9")
def test_by_count_the_rows_of_a_day_are_judged_with_the_window_that_ends_it(version: Loaded) -> None:
    step, _ = counted(Store.memory(), [1000 + 10 * (n % 3) for n in range(28)] + [90, 1000])
    inside = Window(start=day(28).start + HOUR, end=day(28).start + 2 * HOUR)
    over = Window(start=day(28).start + 2 * HOUR, end=day(29).start + 2 * HOUR)
    assert step.check(inside, 50, version) == []
    (found,) = step.check(over, 50, version)
    assert (found.subject, found.severity) == ("rows", "high")
    assert "90 rows" in found.because


@pytest.mark.row("M9")
def test_by_count_silence_is_a_day_without_rows(version: Loaded) -> None:
    store = Store.memory()
    step, _ = counted(store, [1000 + 10 * (n % 3) for n in range(28)])
    last = Window(start=day(27).start, end=day(27).start + 5 * HOUR)
    put(store, last, 50)
    with store.write() as conn:
        steps.put(conn, "points", last, "done", b"", last.end)
    assert step.silence(day(28).end, version) is None
    found = step.silence(day(28).end + HOUR, version)
    assert found is not None
    assert (found.window, found.version) == (day(28), "1.0.0")


@pytest.mark.row("M9")
def test_by_count_refusals_of_a_day_are_judged_when_it_is_over(version: Loaded) -> None:
    store = Store.memory()
    step, _ = counted(store, [1000] * 30)
    with store.write() as conn:
        for number in range(29):
            refusals.add(conn, "points", day(number).start.date(), "x", "not-a-number", 400 if number == 28 else 1)
    (found,) = step.check(Window(start=day(28).start + HOUR, end=day(29).start + HOUR), 50, version)
    assert found.value == pytest.approx(400 / 1400)
