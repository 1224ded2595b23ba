from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

import pytest
from tests.benches import LOST, WON, Installation, day
from tests.unit.flow.test_report import reporting

from farero.adapters.memory_tracker import MemoryTracker
from farero.errors import TrackerUnavailable
from farero.flow.track import Track


@dataclass
class Tracked:
    here: Installation
    there: MemoryTracker
    step: Track

    def later(self, time: timedelta) -> None:
        self.here.bench.clock.set(self.here.bench.clock.now() + time)


@pytest.fixture
def tracked(here: Installation) -> Tracked:
    there = MemoryTracker()
    return Tracked(here, there, tracking(here, there))


def tracking(here: Installation, there: MemoryTracker) -> Track:
    return Track(
        model="points", where="memory", tracker=there, store=here.bench.store, files=here.loop.retrain.files, clock=here.bench.clock,
        report=reporting(here).of, papers=lambda report: {"report.json": report.id},
    )  # fmt: skip


@pytest.mark.row("R9")
def test_a_run_comes_with_parameters_metrics_tags_and_files_and_its_version_with_an_alias(tracked: Tracked) -> None:
    assert tracked.step.write() == 3
    (run,) = tracked.there.runs.values()
    assert (run.model, run.status, run.parameters["model.class"], run.parameters["trained_rows"]) == ("points", "finished", "Line", "60")
    assert run.metrics["mae_low"] <= run.metrics["mae"] <= run.metrics["mae_high"]
    assert run.tags["farero.fate"] == "made 1.0.0"
    assert tracked.there.files[run.id] == {"report.json": run.id.encode()}
    version = tracked.there.versions["points", "1.0.0"]
    assert (version.run, version.tags["farero.state"], version.tags["farero.by"]) == (run.id, "production", "ana")
    assert "version/model.pkl" in tracked.there.files["points/1.0.0"]
    assert tracked.there.aliases("points") == {"production": "1.0.0"}


@pytest.mark.row("R9")
def test_nothing_is_told_twice_and_a_promotion_moves_the_alias(tracked: Tracked) -> None:
    tracked.step.write()
    before = tracked.there.written
    assert tracked.step.write() == 0
    turn = tracked.here.day(0, WON)
    assert turn.candidate is not None
    assert tracked.step.pending()
    tracked.step.write()
    assert tracked.there.aliases("points")["production"] == tracked.here.production() == turn.candidate.number
    assert tracked.there.versions["points", "1.0.0"].tags["farero.state"] == "archived"
    assert tracked.there.written > before
    assert tracked.step.status().in_order


@pytest.mark.row("R9")
def test_a_lost_contest_is_told_with_its_verdict(tracked: Tracked) -> None:
    tracked.here.day(0, LOST)
    tracked.step.write()
    told = next(run for run in tracked.there.runs.values() if run.tags["farero.kind"] == "retrain")
    assert told.tags["farero.verdict"] == "rejected"
    assert told.tags["farero.verdict.because"]


@pytest.mark.row("R9")
def test_a_tracker_that_is_down_stops_nobody_and_is_told_later(tracked: Tracked) -> None:
    tracked.there.down = TrackerUnavailable("It is down.")
    assert tracked.step.write() == 0
    turn = tracked.here.day(0, WON)
    assert turn.candidate is not None
    assert turn.candidate.state == "production"
    status = tracked.step.status()
    assert status.error is not None
    assert not status.in_order
    assert status.waiting[0].attempts == 1
    assert status.waiting[0].error == "It is down."
    tracked.there.down = None
    tracked.later(timedelta(days=1))
    tracked.step.write()
    assert tracked.there.aliases("points") == {"production": turn.candidate.number}
    assert tracked.step.status().in_order


def test_a_thing_that_fails_waits_ever_longer_and_does_not_hold_up_the_next_pass(tracked: Tracked) -> None:
    tracked.there.down = TrackerUnavailable("It is down.")
    for _ in range(3):
        tracked.step.write()
        tracked.later(timedelta(seconds=1))
    waiting = {(one.kind, one.key): one.attempts for one in tracked.step.status().waiting}
    assert set(waiting.values()) == {1}, "each was tried once, and none again before its time"
    assert tracked.step.waiting() == 3


@pytest.mark.row("R9")
def test_an_alias_moved_by_hand_is_reported_and_put_right_when_asked_to(tracked: Tracked) -> None:
    tracked.here.day(0, WON)
    tracked.step.write()
    now = tracked.here.production()
    tracked.there.point("points", "production", "1.0.0")
    assert tracked.step.write() == 0, "nobody asked"
    status = tracked.step.status()
    (alias,) = [alias for alias in status.aliases if alias.moved]
    assert (alias.alias, alias.wanted, alias.there, status.in_order) == ("production", now, "1.0.0", False)
    assert tracked.step.reconcile().in_order
    assert tracked.there.aliases("points") == {"production": now}


@pytest.mark.row("R9")
def test_an_alias_that_somebody_else_used_before_is_taken_only_when_asked_to(tracked: Tracked) -> None:
    tracked.there.pointed["points"] = {"production": None, "staging": None}
    tracked.step.write()
    assert tracked.there.aliases("points") == {"production": None, "staging": None}
    (waiting,) = tracked.step.status().waiting
    assert waiting.error is not None
    assert "did not write" in waiting.error
    assert tracked.step.reconcile().in_order
    assert tracked.there.aliases("points") == {"production": "1.0.0", "staging": None}, "nothing of ours is in staging"


@pytest.mark.row("R9")
def test_a_tracker_that_is_named_later_is_told_everything_but_what_is_deleted(tracked: Tracked) -> None:
    tracked.here.day(0, LOST)
    lost = next(version.number for version in tracked.here.versions() if version.state == "rejected")
    kept = [version.number for version in tracked.here.versions() if version.number != lost]
    tracked.here.loop.promote.delete(lost, by="ana", because="x")
    while tracked.step.write(limit=1):
        pass
    assert sorted(number for _, number in tracked.there.versions) == sorted(kept)
    assert tracked.step.status().in_order


def test_a_deleted_version_is_marked_and_loses_its_alias(tracked: Tracked) -> None:
    tracked.here.day(0, LOST)
    lost = next(version.number for version in tracked.here.versions() if version.state == "rejected")
    tracked.here.loop.promote.asked(lost, to="staging", by="ana", because="look", force=True)
    tracked.step.write()
    assert tracked.there.aliases("points")["staging"] == lost
    tracked.here.loop.promote.delete(lost, by="ana", because="x")
    tracked.step.write()
    assert tracked.there.versions["points", lost].tags == {"farero.state": "deleted"}
    assert "staging" not in tracked.there.aliases("points")


@pytest.mark.row("R9")
def test_a_run_that_was_told_before_its_verdict_is_told_again_with_it(tracked: Tracked) -> None:
    """The thread that tells looks while the loop is between the training and the contest."""
    between: list[str] = []
    judge = tracked.here.loop.validate.judge

    class Watching:
        def __getattr__(self, name: str) -> object:
            return getattr(tracked.here.loop.validate, name)

        def judge(self, *given: object, **named: object) -> object:
            tracked.step.write()
            between.extend(
                run.tags.get("farero.verdict", "none") for run in tracked.there.runs.values() if run.tags["farero.kind"] == "retrain"
            )
            return judge(*given, **named)  # type: ignore[arg-type]

    loop = replace(tracked.here.loop, validate=cast(Any, Watching()))
    tracked.here.predict(0)
    tracked.here.label(0, LOST)
    tracked.here.bench.clock.set(day(0).end)
    loop.turn(day(0).end)
    assert between == ["none"]
    tracked.step.write()
    (told,) = [run for run in tracked.there.runs.values() if run.tags["farero.kind"] == "retrain"]
    assert told.tags["farero.verdict"] == "rejected"
