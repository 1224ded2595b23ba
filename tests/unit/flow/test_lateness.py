from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.benches import DAY, T0, day

from farero.adapters.manual_clock import ManualClock
from farero.adapters.memory_log import MemoryLog
from farero.core.finding import Finding
from farero.core.observation import Observation
from farero.core.prediction import Record
from farero.core.window import Window, WindowSize
from farero.flow.lateness import Lateness
from farero.serving.tally import Tally
from farero.store import labels, observations
from farero.store.database import Store
from farero.store.labels import StoredLabel

ROWS = 60


NO_ROWS = Tally(model="m", span=DAY, log=MemoryLog({}))
"""Windows of time do not ask it."""


class Bench:
    """Labels in a store, and windows that close one by one."""

    def __init__(self, *, size: timedelta = DAY, within: timedelta = 5 * DAY) -> None:
        self.store = Store.memory(clock=ManualClock(T0))
        self.draw = np.random.default_rng(0)
        self.size, self.within = size, within
        self.step = self.fresh()

    def fresh(self) -> Lateness:
        return Lateness(model="m", window_size=WindowSize(span=self.size), arrives_within=self.within, store=self.store, tally=NO_ROWS)

    def window(self, number: int) -> Window:
        return Window(start=T0 + number * self.size, end=T0 + (number + 1) * self.size)

    def close(
        self, number: int, *, ever: float = 0.9, delay: timedelta = DAY, after: timedelta = timedelta(0), rows: int = ROWS
    ) -> list[Finding]:
        """A window's predictions, its labels to come, and what is found at its end."""
        window = self.window(number)
        delays = self.draw.exponential(delay.total_seconds(), rows)
        with self.store.write() as conn:
            labels.put(
                conn, "m",
                [
                    StoredLabel(
                        request_id=f"w{number}", row=row, value=1.0, predicted_at=window.start, received_at=window.start,
                        known_at=window.end + after + timedelta(seconds=float(delays[row])),
                    )
                    for row in range(rows) if self.draw.random() < ever
                ],
            )  # fmt: skip
        found = self.step.check(window, rows)
        with self.store.write() as conn:
            observations.put(conn, "m", Observation(window=window, version="1.0.0", rows=rows, labelled=0))
        return found


@pytest.mark.row("M5")
def test_labels_that_come_as_ever_are_no_finding_and_labels_that_stop_are_one() -> None:
    bench = Bench()
    for number in range(50):
        assert bench.close(number) == []
    found = [bench.close(number, ever=0.0) for number in range(50, 56)]
    assert [finding.kind for finding in found[-1]] == ["LABELS_LATE"]
    assert found[0] == []  # a window that has just ended has no labels yet, as ever
    assert any(found[1:3])


@pytest.mark.row("M5")
def test_a_process_that_starts_anew_finds_the_same() -> None:
    bench = Bench()
    for number in range(40):
        bench.close(number)
    for number in range(40, 46):
        kept = bench.close(number, ever=0.2)
        assert bench.fresh().check(bench.window(number), ROWS) == kept
    assert kept != []


def test_windows_that_another_process_closed_count() -> None:
    bench, other = Bench(), Bench()
    other.store = bench.store
    for number in range(40):
        if number % 3:
            bench.close(number)
        else:
            other.step = other.fresh()
            other.close(number)
    bench.close(40)
    assert sorted(bench.step._rows) == [bench.window(number).start for number in range(41)]


def test_few_windows_tell_nothing() -> None:
    bench = Bench()
    assert [bench.close(number, ever=0.9 if number < 4 else 0.0) for number in range(8)] == [[]] * 8


def test_nothing_known_later_than_the_window_s_end_counts() -> None:
    bench = Bench()
    for number in range(30):
        bench.close(number)
    bench.close(30, ever=0.0)
    again = Bench()
    for number in range(30):
        again.close(number)
    again.close(30, after=1000 * DAY)
    assert again.close(31) == bench.close(31)


def test_hours_are_put_together_and_looked_at_when_the_day_is_over() -> None:
    bench = Bench(size=timedelta(hours=1), within=4 * DAY)
    found = {}
    for number in range(24 * 20):
        found[number] = bench.close(number, ever=0.9 if number < 24 * 15 else 0.0, delay=timedelta(hours=12), rows=10)
    told = [number for number, findings in found.items() if findings]
    assert told
    assert all(number % 24 == 23 for number in told)
    assert min(told) >= 24 * 15


def test_windows_without_predictions_are_no_windows() -> None:
    bench = Bench()
    for number in range(0, 60, 2):
        assert bench.close(number) == []
    assert bench.step.check(day(60), ROWS) == []


def test_what_is_remembered_does_not_grow() -> None:
    bench = Bench(within=2 * DAY)
    for number in range(100):
        bench.close(number, rows=10)
    assert len(bench.step._rows) <= 64
    assert len(bench.step._mature) <= 64


@pytest.mark.row("M9")
def test_by_count_labels_that_stop_are_found_when_a_day_is_over() -> None:
    bench = Bench()
    log = MemoryLog()
    step = replace(bench.step, window_size=WindowSize(rows=ROWS // 2), tally=Tally(model="m", span=DAY, log=log), _rows={}, _mature={})
    found: dict[int, list[Finding]] = {}
    for number in range(46):
        window = bench.window(number)
        times = [window.start + DAY * n / ROWS for n in range(ROWS)]
        log.append("m", [Record(
            model="m", version="1.0.0", request_id=f"d-{number}", endpoint="m", time=times[0], inputs={}, prediction=[0.0] * ROWS,
            probability=None, keys=None, latency_us=1, times=times,
        )], {})  # fmt: skip
        bench.close(number, ever=0.9 if number < 40 else 0.0)
        half, past = window.start + DAY / 2, window.end + timedelta(minutes=1)
        assert step.check(Window(start=window.start + timedelta(minutes=1), end=half), ROWS // 2) == [], "no day ended"
        found[number] = step.check(Window(start=half, end=past), ROWS // 2)
    assert all(not found[number] for number in range(41))
    assert [finding.kind for finding in found[45]] == ["LABELS_LATE"]
