"""Rollouts as people meet them: sent, shown, stopped, approved, frozen, and read out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.benches import DAY, PROJECT, T0, make_project, write_csv

from farero.adapters.inline_child import InlineChild
from farero.adapters.manual_clock import ManualClock
from farero.app import App
from farero.core.endpoint import Endpoint, Route
from farero.core.label import LabelRow
from farero.errors import BadInput, Denied, IllegalMove, LogUnavailable
from farero.wiring import open_app

ROLLOUT = 'rollout=fa.Rollout(steps=(20,), least_rows=20, least_time="1m", approvals=1), gate=fa.Gate('
SPLIT = (Route(version="1.0.0", share=50), Route(version="1.1.0", share=50))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(T0)


@pytest.fixture
def app(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """Version 1.0.0 (y = 2x) in production, 1.1.0 (y = 3x) a candidate; rollouts by one step, with one approval."""
    monkeypatch.setattr("farero.wiring.ChildProcess", lambda *options, **named: InlineChild())
    root = make_project(tmp_path / "points")
    (root / "project.py").write_text(PROJECT.replace("gate=fa.Gate(", ROLLOUT))
    opened = open_app(root, clock=clock)
    for slope in (2.0, 3.0):
        data = write_csv(tmp_path / f"{slope}.csv", days=5, first=T0 - 5 * DAY, slope=lambda day, slope=slope: slope)
        opened.train("points", data, time="ts", until=None, because="asked for")
    opened.approve("points", "1.0.0", by="ben", role="", approved=True, because="the first")
    opened.promote("points", "1.0.0", by="ana", because="the first", force=True)
    yield opened
    opened.close()


@pytest.mark.row("R2", "R7")
def test_a_version_goes_by_stages_and_waits_for_a_person(app: App) -> None:
    with pytest.raises(BadInput, match="by stages yet"):
        app.rollout("points")
    assert app.promote("points", "1.1.0", by="ana", because="better").state == "staging"
    app.roll()
    found = app.rollout("points")
    assert (found.status, str(found.stage)) == ("waiting", "approval")
    assert found.history[2].because == ("50 made-up rows were answered in this process, no service runs here",)
    app.approve("points", "1.1.0", by="ben", role="", approved=True, because="seen")
    app.roll()
    assert str(app.rollout("points").stage) == "canary 20 %"
    assert [one.by for one in app.approvals("points", "1.1.0")] == ["ben"]
    stopped = app.stop_rollout("points", by="ana", because="not now")
    assert app.rollout("points", stopped.id) == app.rollouts("points")[0] == stopped
    assert app.endpoint("points").routes == ()


@pytest.mark.row("R1", "R7")
def test_a_version_that_is_on_its_way_is_not_deleted(app: App) -> None:
    app.promote("points", "1.1.0", by="ana", because="better")
    with pytest.raises(IllegalMove, match="on its way to production"):
        app.delete("points", "1.1.0", by="ana", because="unused")
    app.stop_rollout("points", by="ana", because="not now")
    assert app.delete("points", "1.1.0", by="ana", because="unused").number == "1.1.0"


@pytest.mark.row("R7")
def test_a_rollout_that_cannot_be_looked_at_now_holds_up_nothing_else(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.promote("points", "1.1.0", by="ana", because="better")
    with monkeypatch.context() as patched:
        patched.setattr(type(app._log), "read", _unavailable)
        app.approve("points", "1.1.0", by="ben", role="", approved=True, because="seen")
        app.roll()
    app.roll()
    assert str(app.rollout("points").stage) == "canary 20 %"


def _unavailable(*args: object, **options: object) -> None:
    raise LogUnavailable("The log cannot be read.")


@pytest.mark.row("R7")
def test_made_up_rows_are_not_among_the_models_predictions(app: App) -> None:
    app.promote("points", "1.1.0", by="ana", because="better")
    app.roll()
    app._hand_over()
    assert app._log.span("points") is None
    span = app._log.span("points.shadow")
    assert span is not None
    assert span[2] == 52


@pytest.mark.row("R3", "R7")
def test_a_rollback_while_a_canary_runs_lets_production_answer_everything(app: App) -> None:
    app.promote("points", "1.1.0", by="ana", because="better")
    app.approve("points", "1.1.0", by="ben", role="", approved=True, because="seen")
    app.roll()
    assert app.endpoint("points").routes != ()
    back = app.rollback("points", by="ana", because="complaints")
    assert (back.number, back.state) == ("1.0.0", "production")
    assert app.endpoint("points").routes == ()
    assert (app.rollout("points").status, app.rollout("points").history[-1].because) == ("stopped", ("complaints",))


@pytest.mark.row("R7")
def test_at_once_passes_stages_over_but_not_people_and_ends_a_rollout(app: App) -> None:
    with pytest.raises(Denied, match="approvals are missing"):
        app.promote("points", "1.1.0", by="ana", because="now", at_once=True)
    app.promote("points", "1.1.0", by="ana", because="better")
    app.approve("points", "1.1.0", by="ben", role="", approved=True, because="seen")
    assert app.promote("points", "1.1.0", by="ana", because="now", at_once=True).state == "production"
    assert (app.rollout("points").status, app.rollout("points").history[-1].by) == ("promoted", "ana")
    assert app.promote("points", "1.1.0", by="ana", because="again").state == "production"


@pytest.mark.row("R7")
def test_a_frozen_model_says_since_when_and_why(app: App) -> None:
    frozen = app.freeze("points", by="ana", because="inventory")
    assert app.frozen("points") == frozen
    assert app.unfreeze("points", by="ana") == frozen
    assert app.frozen("points") is None
    assert app.unfreeze("points", by="ana") is None


@pytest.mark.row("R11")
def test_a_split_is_read_out_and_its_winner_serves_alone(app: App, clock: ManualClock) -> None:
    with pytest.raises(BadInput, match="nothing to compare"):
        app.readout("points")
    app.create_endpoint(Endpoint(name="ab", model="points", routes=SPLIT), by="ana", because="a test")
    with pytest.raises(IllegalMove, match="labels of both are needed"):
        app.promote_winner("ab", by="ana", because="")
    clock.set(T0 + DAY / 24)
    labels = []
    for number in range(120):
        x = 1 + number % 40 / 10
        app.predict("points", [{"x": x, "shape": "a"}], request_id=f"r{number}", endpoint="ab")
        labels.append(LabelRow(raw=3 * x, request_id=f"r{number}", row=0, known_at=clock.now()))
    app.label("points", labels)
    clock.set(T0 + DAY / 12)
    read = app.readout("ab")
    assert (read.metric, read.winner) == ("mae", "1.1.0")
    assert [arm.version for arm in read.arms] == ["1.0.0", "1.1.0"]
    assert sum(arm.labelled for arm in read.arms) == 120
    (pair,) = read.pairs
    assert pair.difference is not None
    assert pair.interval.low <= pair.difference <= pair.interval.high < 0
    assert app.promote_winner("ab", by="ana", because="the test is over").number == "1.1.0"
    assert app.endpoint("ab").routes == ()
    with pytest.raises(BadInput, match="must be above 0"):
        app.readout("ab", smallest=0.0)
