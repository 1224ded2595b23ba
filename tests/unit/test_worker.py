"""The worker goes on after any failure, says so, and stops when asked."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import cast

import pytest

from farero.app import App
from farero.serving.meters import Meters
from farero.worker import Worker


class Ticking:
    """Fails as often as told, then works; says when enough turns are done."""

    def __init__(self, failures: int = 0, enough: int = 3) -> None:
        self.failures, self.enough = failures, enough
        self.turns = 0
        self.refreshed = threading.Event()
        self.done = threading.Event()
        self.meters = Meters(None, "test")
        self.carry: Callable[[str, object], None] = self.carry_out
        self.beats = threading.Event()

    tracks = False

    def start_jobs(self, carry_out: Callable[[str, object], None]) -> None:
        self.carry = carry_out

    def stop_jobs(self, timeout_s: float) -> bool:
        return True

    def carry_out(self, id: str, step: object) -> None:
        raise RuntimeError(f"{id} is broken")

    def beat(self) -> None:
        self.beats.set()
        raise RuntimeError("no database")

    def tick(self) -> None:
        self.turns += 1
        if self.turns >= self.enough:
            self.done.set()
        if self.turns <= self.failures:
            raise RuntimeError("a bad turn\nwith details")

    def refresh(self) -> None:
        self.refreshed.set()


def worker(app: Ticking, *, loop: bool = True) -> Worker:
    return Worker(cast(App, app), 0.001, loop=loop)


def test_a_turn_that_fails_does_not_end_the_loop() -> None:
    app = Ticking(failures=2)
    heart = worker(app)
    heart.start()
    assert app.done.wait(10)
    assert heart.stop()
    assert app.meters.counter("farero_loop_failures_total").value == 2
    assert app.meters.counter("farero_loop_turns_total").value >= 1
    assert heart.check().status == "healthy"


@pytest.mark.row("S3")
def test_failing_turns_degrade_health_with_the_first_line_of_the_reason() -> None:
    app = Ticking(failures=10**9)
    heart = worker(app)
    heart.start()
    assert app.done.wait(10)
    heart.stop()
    check = heart.check()
    assert (check.name, check.status) == ("worker", "degraded")
    assert re.fullmatch(r"The last (turn|\d+ turns) failed: a bad turn", check.detail)


def test_a_process_that_only_serves_refreshes_and_runs_no_turns() -> None:
    app = Ticking()
    heart = worker(app, loop=False)
    heart.start()
    assert app.refreshed.wait(10)
    assert heart.stop()
    assert app.turns == 0


@pytest.mark.row("R13")
def test_runs_that_raise_and_a_database_that_is_gone_end_neither_thread() -> None:
    app = Ticking()
    heart = worker(app)
    heart.start()
    assert app.beats.wait(10)
    app.carry("points-retrain/1", None)  # what the adapter calls: it must never raise
    assert heart.stop()


def test_a_process_that_only_serves_begins_no_jobs() -> None:
    app = Ticking()
    before = app.carry
    heart = worker(app, loop=False)
    heart.start()
    assert heart.stop()
    assert app.carry is before


def test_stopping_a_worker_that_hangs_says_that_it_did_not_end() -> None:
    release = threading.Event()
    begun = threading.Event()

    class Hanging(Ticking):
        def tick(self) -> None:
            begun.set()
            release.wait(10)

    heart = worker(Hanging())
    heart.start()
    assert begun.wait(10)
    assert not heart.stop(0.01)
    assert heart.check().detail.startswith("At work")
    release.set()
    assert heart.stop()


@pytest.mark.row("R9")
def test_a_tracker_that_fails_is_told_apart_from_the_loop_and_only_where_the_loop_runs() -> None:
    class Tracked(Ticking):
        tracks = True

        def __init__(self) -> None:
            super().__init__()
            self.told = threading.Event()

        def track(self) -> None:
            self.told.set()
            raise RuntimeError("MLflow is gone")

    app = Tracked()
    beating = worker(app)
    beating.start()
    assert app.told.wait(10)
    assert app.done.wait(10), "the loop goes on"
    assert beating.stop(timeout_s=10)
    serving = Tracked()
    only = worker(serving, loop=False)
    only.start()
    assert serving.refreshed.wait(10)
    only.stop(timeout_s=10)
    assert not serving.told.is_set()
