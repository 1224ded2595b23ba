"""What is promised of requests, as people meet it: counted with the loop's rounds, told of as an incident, ended when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.benches import DAY, PROJECT, T0, make_project, write_csv

from farero.adapters.inline_child import InlineChild
from farero.adapters.manual_clock import ManualClock
from farero.app import App
from farero.core.objective import BUCKET
from farero.errors import NotFound
from farero.wiring import open_app


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(T0)


@pytest.fixture
def app(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.setattr("farero.wiring.ChildProcess", lambda *options, **named: InlineChild())
    root = make_project(tmp_path / "points")
    declared = (root / "project.py").read_text()
    assert declared == PROJECT
    (root / "project.py").write_text(PROJECT.replace("monitors=[", "monitors=[fa.Slo(0.99, within_ms=60_000), "))
    opened = open_app(root, clock=clock)
    opened.train("points", write_csv(tmp_path / "rows.csv", days=5, first=T0 - 5 * DAY), time="ts", until=None, because="asked for")
    opened.promote("points", "1.0.0", by="ana", because="the first")
    yield opened
    opened.close()


def ask(app: App, clock: ManualClock, count: int) -> None:
    for number in range(count):
        app.predict("points", [{"x": 1.0 + number % 3, "shape": "a", "customer": "c"}])


def five_minutes(app: App, clock: ManualClock, *, failed: int = 0) -> None:
    """Ten requests, some more that fail, and the loop's round when their five minutes are over."""
    ask(app, clock, 10)
    app.meters.counter("farero_failed_requests_total", model="points").add(failed)
    app.tick()
    clock.set(clock.now() + BUCKET)
    app.tick()


@pytest.mark.row("A6")
def test_failures_open_one_incident_and_end_it_when_they_stop(app: App, clock: ManualClock) -> None:
    clock.set(T0 + timedelta(seconds=90))
    app.tick()
    five_minutes(app, clock)
    assert app.objective("points").left == 1.0
    for _ in range(3):
        five_minutes(app, clock, failed=30)
    (opened,) = [incident for incident in app.incidents("points") if incident.kind == "SLO_BURN"]
    assert (opened.severity, opened.version, opened.resolved) == ("critical", "1.0.0", None)
    assert "of the last 1h failed or took more than 60000 ms" in opened.because
    assert app.objective("points").left is not None and app.objective("points").left < 0
    clock.set(clock.now() + timedelta(hours=7))  # every short span forgets it
    for _ in range(3):
        clock.set(clock.now() + BUCKET)
        app.keep_promises()
    (ended,) = [incident for incident in app.incidents("points") if incident.kind == "SLO_BURN"]
    assert (ended.id, ended.resolved is not None) == (opened.id, True)


@pytest.mark.row("A6")
def test_a_window_of_the_loop_leaves_the_incident_of_a_promise_alone(app: App, clock: ManualClock) -> None:
    clock.set(T0 + timedelta(seconds=90))
    app.tick()
    five_minutes(app, clock, failed=10)
    for number in range(1, 5):
        clock.set(T0 + number * DAY - timedelta(minutes=1))
        ask(app, clock, 3)
    clock.set(T0 + 5 * DAY)
    app.tick()
    assert len(app.observations("points")) == 4
    assert [incident.resolved for incident in app.incidents("points") if incident.kind == "SLO_BURN"] == [None]


def test_where_nothing_is_promised_that_is_said(tmp_path: Path) -> None:
    opened = open_app(make_project(tmp_path / "plain"))
    with pytest.raises(NotFound, match="Nothing is promised of points"):
        opened.objective("points")
    opened.keep_promises()
    opened.close()
