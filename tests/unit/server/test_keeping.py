"""The keeper says how it is doing, ends on SIGTERM, and loses nothing by a log that takes nothing."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from tests.running import soon

from farero.core.health import Check
from farero.errors import FareroError, LogUnavailable
from farero.server.keeping import SILENT_S, STATE, keep, keeper_check
from farero.serving.meters import Meters


class Kept:
    """An installation that only counts what is asked of it."""

    tracks = False

    def __init__(self, failure: FareroError | None = None) -> None:
        self.settings = SimpleNamespace(worker=SimpleNamespace(tick_s=0.01))
        self.meters = Meters(None, "test")
        self.failure = failure
        self.done: list[str] = []

    def refresh(self) -> None:
        self.done.append("refresh")

    def measure(self) -> None:
        self.done.append("measure")

    def tick(self) -> None:
        self.done.append("tick")

    def start_jobs(self, carry_out: object) -> None:
        self.done.append("start_jobs")

    def stop_jobs(self, timeout_s: float) -> bool:
        self.done.append("stop_jobs")
        return True

    def beat(self) -> None:
        pass

    def close(self) -> None:
        self.done.append("close")
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """An installation's folder; what is done on SIGTERM is put back."""
    (tmp_path / STATE).parent.mkdir(parents=True)
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def kept(root: Path, app: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the keeper until it has written its state, then end it."""
    monkeypatch.setattr("farero.server.keeping.open_app", lambda where, keeping: app)

    def end() -> None:
        soon(lambda: (root / STATE).exists() and "tick" in app.done, within_s=20, what="the keeper is at work")
        os.kill(os.getpid(), signal.SIGTERM)

    ender = threading.Thread(target=end)
    keep(root, ender.start)
    ender.join()


@pytest.mark.row("S3")
def test_it_turns_the_loop_says_so_and_ends_on_sigterm(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Kept()
    kept(root, app, monkeypatch)
    assert app.done[0] == "refresh", "what is in production is known before it says that it is ready"
    assert {"measure", "tick"} <= set(app.done)
    assert app.done[-1] == "close"
    check = keeper_check(root)
    assert (check.name, check.status) == ("worker", "healthy")


@pytest.mark.row("L4")
def test_a_log_that_takes_nothing_at_the_end_is_told_and_does_not_raise(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = Kept(LogUnavailable("The log takes nothing."))
    kept(root, app, monkeypatch)
    assert "record.waiting" in [record.getMessage() for record in caplog.records]


def test_without_a_word_of_it_the_keeper_counts_as_not_there_yet(root: Path) -> None:
    assert keeper_check(root).status == "degraded"
    (root / STATE).write_text("half a wor")
    assert "has not said anything yet" in keeper_check(root).detail


@pytest.mark.row("S3")
def test_its_own_word_counts_until_it_falls_silent(root: Path) -> None:
    said = Check(name="worker", status="healthy", detail="Last turn 1 s ago")

    def write(ago_s: float) -> None:
        (root / STATE).write_bytes(msgspec.json.encode({"at": time.time() - ago_s, "check": said}))

    write(0)
    assert keeper_check(root) == said
    write(SILENT_S + 5)
    silent = keeper_check(root)
    assert (silent.name, silent.status) == ("worker", "degraded")
    assert "silent since 20 s" in silent.detail
