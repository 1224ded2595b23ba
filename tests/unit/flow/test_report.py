from __future__ import annotations

from datetime import timedelta

import pytest
from tests.benches import LOST, WON, Installation, day

from farero.core.run import Run
from farero.core.run_report import RunReport
from farero.errors import NotFound, TrainFailed
from farero.flow.report import Report
from farero.store import outbox, reports, runs


def reporting(here: Installation) -> Report:
    loop = here.loop
    return Report(model="points", store=here.bench.store, files=loop.retrain.files, clock=here.bench.clock, channels={"replay": "low"})


def events(here: Installation) -> list[str]:
    with here.bench.store.read() as conn:
        return [sent.message.event for sent in outbox.all(conn) if sent.message.event.startswith("run.")]


def stored(here: Installation, run: str) -> RunReport | None:
    with here.bench.store.read() as conn:
        return reports.get(conn, run)


@pytest.mark.row("R8")
def test_a_won_contest_is_reported_with_its_decision_verdict_and_moves(here: Installation) -> None:
    turn = here.day(0, WON)
    assert turn.candidate is not None
    run = next(run for run in _runs(here) if run.kind == "retrain")
    found = reporting(here).of(run.id)
    assert (found.model, found.status, found.number) == ("points", "succeeded", run.version)
    assert found.decision == turn.decision
    assert found.verdict == turn.verdict
    assert found.parameters == {"class": "Line"}
    assert {one.name: one.low is not None for one in found.metrics}["mae"]
    assert found.moves[0].target == "candidate"
    assert found.fate == f"made {run.version}, which was accepted"
    refit = next(run for run in _runs(here) if run.kind == "refit")
    assert reporting(here).of(refit.id).verdict == turn.verdict, "it serves because of the contest that its recipe won"


@pytest.mark.row("R8")
def test_a_lost_contest_is_reported_with_its_reasons(here: Installation) -> None:
    turn = here.day(0, LOST)
    assert turn.verdict is not None
    (run,) = [run for run in _runs(here) if run.kind == "retrain"]
    found = reporting(here).of(run.id)
    assert found.verdict is not None
    assert found.verdict.because == turn.verdict.because
    assert found.moves[-1].target == "rejected"


@pytest.mark.row("R8")
def test_reports_are_kept_once_and_written_anew_when_a_version_moves(here: Installation) -> None:
    first = _runs(here)[0]
    step = reporting(here)
    assert [made.id for made in step.keep()] == [first.id]
    assert step.keep() == []
    assert events(here) == ["run.succeeded"]
    here.bench.clock.set(day(3).start)
    here.loop.promote.asked("1.0.0", to="production", by="ana", because="again", force=False)
    here.day(4, WON)
    here.bench.clock.set(here.bench.clock.now() + timedelta(hours=1))
    assert first.id not in [made.id for made in step.keep()]
    kept = stored(here, first.id)
    assert kept is not None
    assert kept.moves[-1].target == "archived"
    assert events(here) == ["run.succeeded"], "what a decision led to is announced by its promotion"


@pytest.mark.row("R8")
def test_a_failed_training_is_reported_and_announced(here: Installation) -> None:
    step = reporting(here)
    step.keep()
    here.child.failing = TrainFailed("train raised ValueError: no")
    here.day(0, WON)
    (made,) = step.keep()
    assert (made.status, made.version) == ("failed", None)
    assert made.error is not None
    assert "no" in made.error
    with here.bench.store.read() as conn:
        sent = next(sent.message for sent in outbox.all(conn) if sent.message.event == "run.failed")
    assert (sent.severity, "no" in sent.text) == ("high", True)


def test_the_report_of_a_deleted_version_stays_as_it_was_kept(here: Installation) -> None:
    here.day(0, LOST)
    step = reporting(here)
    step.keep()
    run = next(run for run in _runs(here) if run.kind == "retrain")
    assert run.version is not None
    here.loop.promote.delete(run.version, by="ana", because="not needed")
    found = step.of(run.id)
    assert found.version is None
    assert found.number == run.version
    assert found.metrics
    assert found.verdict is not None


def test_a_run_that_is_none_is_not_found(here: Installation) -> None:
    with pytest.raises(NotFound):
        reporting(here).of("nothing")


def _runs(here: Installation) -> list[Run]:
    with here.bench.store.read() as conn:
        return list(reversed(runs.all(conn)))
