from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.benches import DAY, T0, make_project, write_csv

from farero.adapters.inline_child import InlineChild
from farero.adapters.manual_clock import ManualClock
from farero.app import App
from farero.core.label import LabelRow
from farero.errors import (
    BadInput,
    Corrupt,
    IllegalMove,
    IncidentNotFound,
    LogUnavailable,
    ModelNotFound,
    NotReady,
    SchemaMismatch,
    VersionNotFound,
)
from farero.wiring import open_app

ROW = {"x": 2.0, "shape": "a"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(T0)


@pytest.fixture
def app(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An installation whose version 1.0.0 has learnt y = 2x and is in production."""
    monkeypatch.setattr("farero.wiring.ChildProcess", lambda *options, **named: InlineChild())
    opened = open_app(make_project(tmp_path / "points"), clock=clock)
    data = write_csv(tmp_path / "past.csv", days=5, first=T0 - 5 * DAY)
    made = opened.train("points", data, time="ts", until=None, because="the first")
    opened.promote("points", made.number, by="ana", because="the first")
    yield opened
    opened.close()


def spoil(app: App, number: str) -> None:
    path = app.root / ".farero" / "models" / app.version("points", number).digest / "model.pkl"
    path.chmod(0o644)
    path.write_bytes(b"?")


@pytest.mark.row("S1")
def test_rows_are_answered_by_the_version_in_production(app: App) -> None:
    served = app.predict("points", [ROW, {"x": 3.0, "shape": "b"}], request_id="r1")
    assert (served.request_id, served.version) == ("r1", "1.0.0")
    assert [round(float(answer.prediction), 3) for answer in served.predictions] == [4.0, 6.0]


@pytest.mark.row("S1")
def test_one_bad_row_refuses_the_request_names_every_fault_and_stores_nothing(app: App) -> None:
    with pytest.raises(SchemaMismatch) as caught:
        app.predict("points", [ROW, {"x": "2", "shape": "z"}])
    assert [str(fault).split(" ")[0].rstrip(":") for fault in caught.value.faults] == ["rows[1].x", "rows[1].shape"]
    assert app.health().predictions == 0


def test_a_table_is_answered_row_by_row_where_it_fits(app: App) -> None:
    found = app.predict_table("points", {"x": np.array([1.0, -1.0, 2.0]), "shape": np.array(["a", "a", "b"]), "more": np.zeros(3)})
    assert found.positions == (0, 2)
    assert [fault.path for fault in found.faults] == ["rows[1].x"]
    with pytest.raises(SchemaMismatch, match="No row"):
        app.predict_table("points", {"x": np.array([-1.0]), "shape": np.array(["a"])})


@pytest.mark.row("M1")
def test_a_label_right_after_its_prediction_finds_it(app: App) -> None:
    app.predict("points", [ROW], request_id="r1")
    receipt = app.label("points", [LabelRow(raw=4.0, known_at=T0, request_id="r1")])
    assert (receipt.stored, receipt.unknown) == (1, ())


@pytest.mark.row("L1", "M1", "M5")
def test_a_log_that_takes_nothing_keeps_nobody_from_promoting_nor_from_labelling(app: App, clock: ManualClock, tmp_path: Path) -> None:
    app.predict("points", [ROW], request_id="r0")
    app.tick()
    clock.advance(DAY)
    app.predict("points", [ROW], request_id="r1")
    second = app.train("points", tmp_path / "past.csv", time="ts", until=None, because="once more").number
    in_the_way = app.root / ".farero" / "log" / "points" / f"date={clock.now():%Y-%m-%d}"
    in_the_way.write_text("where the day's rows should go")
    with pytest.raises(LogUnavailable):
        app.tick()
    app.refresh()
    assert app.promote("points", second, by="ana", because="better").state == "production"
    assert app.rollback("points", by="ana", because="worse").number == "1.0.0"
    labels = [LabelRow(raw=4.0, known_at=clock.now(), request_id=name) for name in ("r0", "r1")]
    receipt = app.label("points", labels)
    assert (receipt.stored, len(receipt.unknown)) == (1, 1)
    in_the_way.unlink()
    app.tick()
    assert app.label("points", labels).duplicates == 2


@pytest.mark.row("M1")
def test_a_file_of_labels_is_taken_with_its_own_name_in_the_receipt(app: App, tmp_path: Path) -> None:
    app.predict("points", [ROW], request_id="r1")
    (tmp_path / "truth.csv").write_text("request_id,label\nr1,4\nr2,5\n")
    receipt = app.label_file("points", tmp_path / "truth.csv")
    assert receipt.stored == 1
    assert receipt.unknown[0].startswith("truth.csv[1]: no prediction 'r2'")


@pytest.mark.row("M9")
def test_a_tick_closes_the_days_that_are_over_and_keeps_the_decision(app: App, clock: ManualClock) -> None:
    app.predict("points", [ROW] * 20, request_id="r1")
    assert app.tick() == []
    clock.advance(DAY + timedelta(minutes=1))
    (turn,) = app.tick()
    assert (turn.decision.action, app.decisions("points")[0].decision) == ("keep", turn.decision)
    assert [seen.rows for seen in app.observations("points")] == [20]
    assert app.tick() == []


def test_a_forced_training_is_judged_like_any_other(app: App, clock: ManualClock) -> None:
    app.predict("points", [{"x": 1 + n / 10, "shape": "a"} for n in range(30)], request_id="r1")
    app.label("points", [LabelRow(raw=4 * (1 + n / 10), known_at=T0, request_id="r1", row=n) for n in range(30)])
    clock.advance(timedelta(hours=1))
    turn = app.retrain("points", because="a new season")
    assert turn.decision.because == ("asked for: a new season",)
    assert turn.verdict is not None
    assert {run.kind for run in app.runs("points")} >= {"train", "retrain"}


@pytest.mark.row("M5")
def test_a_rollback_and_a_promotion_are_kept_with_who_and_why(app: App, tmp_path: Path) -> None:
    second = app.train("points", tmp_path / "past.csv", time="ts", until=None, because="once more")
    assert second.number == "1.1.0"
    app.promote("points", "1.1.0", by="ana", because="better")
    assert app.rollback("points", by="ben", because="worse").number == "1.0.0"
    last = app.moves("points", "1.0.0")[-1]
    assert (last.by, last.because, last.target) == ("ben", "worse", "production")
    with pytest.raises(BadInput, match="staging or production"):
        app.promote("points", "1.1.0", to="moon", by="ana", because="x")
    with pytest.raises(IllegalMove, match="needs a reason"):
        app.promote("points", "1.1.0", by="ana", because=" ", force=True)


@pytest.mark.row("S4")
def test_a_corrupt_version_is_not_served_and_a_rollback_heals(app: App, tmp_path: Path, clock: ManualClock) -> None:
    app.train("points", tmp_path / "past.csv", time="ts", until=None, because="once more")
    app.promote("points", "1.1.0", by="ana", because="better")
    first, second = app.version("points", "1.0.0"), app.version("points", "1.1.0")
    if first.digest == second.digest:
        pytest.skip("both versions have the same files")
    spoil(app, "1.1.0")
    with pytest.raises(Corrupt, match=r"model\.pkl"):
        app.verify("points", "1.1.0")
    other = open_app(app.root, clock=clock)
    try:
        other.refresh()
        assert other.health().status == "unhealthy"
        with pytest.raises(NotReady, match=r"cannot be served.*model\.pkl"):
            other.predict("points", [ROW])
        other.rollback("points", by="ana", because="corrupt")
        assert other.predict("points", [ROW]).version == "1.0.0"
    finally:
        other.close()


def test_a_promotion_by_another_process_is_picked_up(app: App, tmp_path: Path, clock: ManualClock) -> None:
    app.refresh()
    other = open_app(app.root, clock=clock)
    try:
        other.train("points", tmp_path / "past.csv", time="ts", until=None, because="once more")
        other.promote("points", "1.1.0", by="ana", because="better")
    finally:
        other.close()
    assert app.predict("points", [ROW]).version == "1.0.0"
    app.refresh()
    assert app.predict("points", [ROW]).version == "1.1.0"


def test_what_is_not_there_is_named_with_what_is(app: App) -> None:
    with pytest.raises(ModelNotFound, match="Did you mean 'points'"):
        app.predict("point", [ROW])
    with pytest.raises(VersionNotFound):
        app.promote("points", "9.0.0", by="ana", because="x")
    with pytest.raises(IncidentNotFound):
        app.acknowledge("points-1", by="ana")
    assert (app.only_model(None), app.incidents(), app.notifications()) == ("points", [], [])


@pytest.mark.row("S4", "M1")
def test_a_command_hears_what_is_wrong_with_the_files_and_a_server_to_try_again(app: App) -> None:
    spoil(app, "1.0.0")
    again = open_app(app.root, clock=ManualClock(T0))
    try:
        again.refresh()
        with pytest.raises(NotReady, match=r"model\.pkl was changed"):
            again.predict("points", [ROW])
        with pytest.raises(Corrupt, match=r"model\.pkl was changed"):
            again.predict_table("points", {"x": np.array([1.0]), "shape": np.array(["a"])})
    finally:
        again.close()
