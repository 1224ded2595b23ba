"""Jobs through the application: planned, queued, carried out here or by an adapter, missed, and made up for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.benches import T0, make_project, write_csv

from farero.adapters.inline_child import InlineChild
from farero.adapters.manual_clock import ManualClock
from farero.app import App
from farero.errors import Conflict, LeaseHeld, NotFound, StoreUnavailable
from farero.loop import at_once
from farero.ports import Step
from farero.wiring import open_app

HOUR = timedelta(hours=1)
JOBS = """
[[jobs]]
name = "nightly"
schedule = "0 2 * * *"
timezone = "Europe/Madrid"
verb = "compact"
[[jobs]]
name = "after"
after = "nightly"
verb = "compact"
[[jobs]]
name = "skipping"
schedule = "0 0 3 ? * *"
missed = "skip"
verb = "compact"
"""


class Collected:
    """An adapter that only notes what it is given."""

    def __init__(self) -> None:
        self.submitted: list[str] = []

    def start(self, carry_out: Callable[[str, Step], None]) -> None:
        self.carry_out = carry_out

    def submit(self, id: str) -> None:
        self.submitted.append(id)

    def stop(self, timeout_s: float) -> bool:
        return True


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(T0)


@pytest.fixture
def opened(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[App, Collected]]]:
    """The application as the keeper has it, with an adapter that carries nothing out."""
    monkeypatch.setattr("farero.wiring.ChildProcess", lambda *args, **kwargs: InlineChild())
    monkeypatch.setattr("farero.wiring.ThreadJobs", Collected)
    root = make_project(tmp_path / "points", toml=JOBS)
    apps: list[App] = []

    def open_(*, keeping: bool = True) -> tuple[App, Any]:
        app = open_app(root, clock=clock, keeping=keeping)
        apps.append(app)
        return app, app._work.adapter

    yield open_
    for app in apps:
        app.close()


def statuses(app: App) -> dict[str, str]:
    return {run.id: run.status for run in app.job_runs()}


@pytest.mark.row("R13")
def test_a_moment_that_comes_is_queued_once_and_given_to_the_adapter(opened: Callable[..., Any], clock: ManualClock) -> None:
    (app, adapter), (other, _) = opened(), opened()
    app.tick()
    assert app.job_runs() == []  # a schedule seen for the first time starts from now
    clock.set(T0 + HOUR)
    app.tick()
    other.tick()
    assert statuses(app) == {"nightly/20240101T010000Z": "queued"}
    assert adapter.submitted == ["nightly/20240101T010000Z"]
    assert app.is_kept()
    app.carry_out("nightly/20240101T010000Z", at_once)
    (run,) = app.job_runs()
    assert (run.status, run.result, [step.name for step in run.steps]) == ("succeeded", "the log is compact", ["compact"])


@pytest.mark.row("R13")
def test_moments_that_were_missed_while_nothing_ran_are_made_up_for_once_or_noted(opened: Callable[..., Any], clock: ManualClock) -> None:
    app, _ = opened()
    app.tick()
    clock.set(T0 + timedelta(days=3, hours=5))
    app.tick()
    app.tick()
    assert statuses(app) == {"nightly/20240104T010000Z": "queued", "skipping/20240104T030000Z": "skipped"}
    assert "4 moments up to 2024-01-04T01:00:00Z went by while nothing ran" in app.job_run("nightly/20240104T010000Z").because


@pytest.mark.row("R13")
def test_a_clock_that_jumps_back_repeats_nothing(opened: Callable[..., Any], clock: ManualClock) -> None:
    app, _ = opened()
    app.tick()
    for at in (T0 + HOUR, T0, T0 + HOUR, T0 + 2 * HOUR):
        clock.set(at)
        app.tick()
    assert [run.id for run in app.job_runs()] == ["nightly/20240101T010000Z"]


@pytest.mark.row("R13")
def test_a_clock_that_was_years_ahead_does_not_keep_schedules_from_coming(opened: Callable[..., Any], clock: ManualClock) -> None:
    app, _ = opened()
    clock.set(T0 + timedelta(days=4000))
    app.tick()
    clock.set(T0)
    app.tick()
    clock.set(T0 + HOUR)
    app.tick()
    assert "nightly/20240101T010000Z" in statuses(app)


@pytest.mark.row("R13")
def test_a_job_follows_when_the_one_before_it_has_succeeded(opened: Callable[..., Any], clock: ManualClock) -> None:
    app, _ = opened()
    app.tick()
    clock.set(T0 + HOUR)
    app.tick()
    app.carry_out("nightly/20240101T010000Z", at_once)
    app.tick()
    app.tick()
    assert statuses(app)["after/after/nightly/20240101T010000Z"] == "queued"
    assert len(app.job_runs()) == 2


@pytest.mark.row("R13")
def test_a_run_asked_for_is_queued_and_one_that_is_unknown_is_named(opened: Callable[..., Any]) -> None:
    app, _ = opened()
    run = app.run_job("nightly", by="ana", because="the disk is full")
    assert (run.status, run.because) == ("queued", "asked for by ana: the disk is full")
    assert app.job("nightly").last == run
    assert app.cancel_job(run.id, by="ana").status == "cancelled"
    with pytest.raises(Conflict):
        app.cancel_job(run.id, by="ana")
    with pytest.raises(NotFound, match="There are: after, nightly, points-retrain, skipping"):
        app.run_job("weekly", by="ana")


def test_jobs_are_listed_with_their_schedule_in_words_and_their_next_moments(opened: Callable[..., Any]) -> None:
    app, _ = opened(keeping=False)
    told = {job.name: (job.words, job.next_at) for job in app.jobs()}
    assert told["nightly"] == ("every day at 02:00 Europe/Madrid", T0 + HOUR)
    assert told["after"] == ("after nightly", None)
    assert told["points-retrain"] == ("by decision, or by hand", None)
    ((first, moments), _) = app.schedules(2)
    assert (first.name, moments) == (
        "nightly", [(T0 + HOUR, "Mon 2024-01-01 02:00:00 CET"), (T0 + timedelta(days=1, hours=1), "Tue 2024-01-02 02:00:00 CET")],
    )  # fmt: skip
    assert not app.is_kept()


@pytest.mark.row("R13")
def test_a_database_that_fails_in_a_run_leaves_another_try(
    opened: Callable[..., Any], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    app, _ = opened()
    run = app.run_job("nightly", by="ana")
    monkeypatch.setattr(app._log, "compact", _gone)
    with pytest.raises(StoreUnavailable):
        app.carry_out(run.id, at_once)
    tried = app.job_run(run.id)
    assert (tried.status, tried.attempt, tried.due_at) == ("queued", 1, T0 + timedelta(seconds=10))
    assert [(step.name, step.error) for step in tried.steps] == [("compact", "gone")]
    monkeypatch.undo()
    assert app.carry_out(run.id, at_once) is None  # not due yet
    clock.set(T0 + timedelta(seconds=10))
    app.carry_out(run.id, at_once)
    assert app.job_run(run.id).status == "succeeded"


def _gone(model: str) -> None:
    raise StoreUnavailable("gone")


@pytest.mark.row("R13")
def test_a_bug_ends_a_run_as_failed_once_its_tries_are_used_up(
    opened: Callable[..., Any], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    app, _ = opened()
    run = app.run_job("nightly", by="ana")
    monkeypatch.setattr(app._log, "compact", lambda model: 1 / 0)
    for number in range(4):
        clock.set(T0 + number * HOUR)
        with pytest.raises(ZeroDivisionError):
            app.carry_out(run.id, at_once)
    assert (app.job_run(run.id).status, app.job_run(run.id).error) == ("failed", "division by zero")


@pytest.mark.row("R13")
def test_a_retraining_that_is_scheduled_is_decided_judged_and_booked(
    opened: Callable[..., Any], clock: ManualClock, tmp_path: Path
) -> None:  # fmt: skip
    app, _ = opened()
    csv = write_csv(tmp_path / "data.csv", days=5, first=T0 - timedelta(days=5))
    first = app.train("points", csv, time="ts", until=None, because="the first")
    app.promote("points", first.number, to="production", by="ana", because="the first", force=False)
    clock.set(T0 + HOUR)
    run = app.run_job("points-retrain", by="ana", because="a new season")
    turn = app.carry_out(run.id, at_once)
    assert turn is not None and turn.decision.policy == "forced"
    ended = app.job_run(run.id)
    assert [step.name for step in ended.steps][:2] == ["train", "judge"]
    assert ended.status == "succeeded" and ended.window == turn.window
    assert app.decisions("points")[0].decision.because == ("asked for: asked for by ana: a new season",)


@pytest.mark.row("R13")
def test_a_command_does_not_renew_a_model_that_another_process_is_renewing(opened: Callable[..., Any]) -> None:
    keeper, _ = opened()
    run = keeper.run_job("points-retrain", by="ana")
    keeper._work.queue.claim(run.id)
    command, _ = opened(keeping=False)
    with pytest.raises(LeaseHeld, match="renewing points"):
        command.retrain("points", because="now")
    assert sorted(statuses(command).values()) == ["cancelled", "running"]


def test_runs_are_beaten_and_what_they_started_is_ended_when_they_must_stop(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    monkeypatch.setattr(InlineChild, "close", lambda self: ended.append("stopped"))
    app, adapter = opened()
    app.start_jobs(lambda run, step: None)
    assert adapter.carry_out is not None
    run = app.run_job("nightly", by="ana")
    app._work.queue.claim(run.id)
    app.beat()
    assert ended == []
    app.cancel_job(run.id, by="ana")
    app.beat()
    assert ended == ["stopped"]
    assert app.stop_jobs(1.0)
