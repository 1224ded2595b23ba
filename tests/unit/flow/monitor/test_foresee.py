from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.benches import DAY, NEVER, T0, Installation, day, install, make_project, write_csv
from tests.worlds import METRICS, begin, live, make

from farero.core.label import LabelRow
from farero.core.policy import PolicyRule
from farero.core.window import WindowSize
from farero.flow.monitor import foresee
from farero.loop import Turn
from farero.project.load import load
from farero.replay import history, run
from farero.store import observations

EAGER = PolicyRule(name="eager", cooldown=timedelta(0), budget=1.0, min_rows=1)


def world(tmp_path: Path, kind: str = "number", rows: int = 4000) -> Installation:
    """One that decides, and never trains."""
    here = begin(make(tmp_path / "p", kind), tmp_path / "i", kind, rows=rows)
    here.bench = replace(here.bench, loop=replace(here.loop, decide=replace(here.loop.decide, rule=EAGER)))
    return here


def lived(here: Installation, number: int, kind: str = "number", *, high: float = 0.0, labelled: bool = True) -> Turn:
    live(here, kind, number, rows=600, high=high, labelled=labelled)
    (turn,) = here.loop.turn(here.bench.clock.now(), renew=lambda turn: turn)
    return turn


@pytest.mark.row("R4", "M6")
def test_an_estimated_fall_in_two_windows_without_labels_is_a_reason(tmp_path: Path) -> None:
    here = world(tmp_path)
    assert lived(here, 0).decision.action == "keep"
    first = lived(here, 1, high=0.9, labelled=False).decision
    assert first.inputs["estimated_because"] == "", "one window may be chance"
    second = lived(here, 2, high=0.9, labelled=False).decision
    told = str(second.inputs["estimated_because"])
    assert told.startswith("mae is estimated at ") and "before labels, for two windows: the rows that judged 1.0.0 gave 0.5" in told
    assert told in second.because


@pytest.mark.row("R4", "M6")
def test_where_labels_of_the_window_have_come_they_speak_and_the_estimate_does_not(tmp_path: Path) -> None:
    here = world(tmp_path)
    lived(here, 0, high=0.9)
    decision = lived(here, 1, high=0.9).decision
    assert decision.inputs["estimated_because"] == "" and decision.inputs["performance_fresh"] is True
    assert any("on the newest labelled rows" in reason for reason in decision.because)


@pytest.mark.row("R4", "M6")
@pytest.mark.parametrize(("better", "reason"), [(True, False), (False, True)])
def test_labels_of_the_window_before_must_not_say_otherwise(tmp_path: Path, better: bool, reason: bool) -> None:
    here = world(tmp_path)
    lived(here, 0, high=0.9, labelled=False)
    with here.bench.store.write() as conn:
        (known,) = observations.latest(conn, "points")
        observations.put(conn, "points", replace(known, labelled=600, metrics={"mae": 0.5 if better else 1.0}))
    assert bool(lived(here, 1, high=0.9, labelled=False).decision.inputs["estimated_because"]) is reason


@pytest.mark.row("R4", "M6")
def test_a_few_labels_that_come_early_do_not_silence_the_estimate(tmp_path: Path) -> None:
    here = world(tmp_path)
    lived(here, 0, high=0.9, labelled=False)
    live(here, "number", 1, rows=600, high=0.9, labelled=False)
    here.loop.label.take([LabelRow(raw=5.0, request_id="day-1", row=row, known_at=day(1).start + DAY / 2) for row in range(5)])
    (turn,) = here.loop.turn(here.bench.clock.now(), renew=lambda turn: turn)
    assert turn.decision.inputs["performance_fresh"] is True
    assert str(turn.decision.inputs["estimated_because"]) in turn.decision.because


@pytest.mark.row("M6")
def test_windows_like_those_that_judged_the_version_are_estimated_and_are_no_fall(tmp_path: Path) -> None:
    here = world(tmp_path)
    for number in range(4):
        assert lived(here, number, labelled=False).decision.inputs["estimated_because"] == ""
    with here.bench.store.read() as conn:
        kept = observations.latest(conn, "points")
    assert [sorted(one.estimated) for one in kept] == [["mae"]] * 4
    assert all(one.estimated["mae"].low < 0.55 < one.estimated["mae"].high for one in kept)


@pytest.mark.row("M6")
def test_a_score_that_cannot_be_estimated_well_is_shown_and_judged_by_another(tmp_path: Path) -> None:
    here = world(tmp_path, "binary")
    monitor = here.loop.monitor
    here.bench = replace(
        here.bench,
        loop=replace(here.loop, monitor=replace(monitor, foresee=replace(monitor.foresee, metric="roc_auc", known={}))),
    )
    observation = lived(here, 0, "binary").observation
    assert observation is not None and sorted(observation.estimated) == ["log_loss", "roc_auc"]


@pytest.mark.row("M6")
def test_a_version_that_nothing_judged_has_no_estimate(tmp_path: Path) -> None:
    here = world(tmp_path, "binary", rows=60)
    observation = lived(here, 0, "binary").observation
    assert observation is not None and observation.estimated == {}


@pytest.mark.row("M6")
def test_of_a_large_window_a_part_is_estimated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = world(tmp_path / "whole")
    monkeypatch.setattr(foresee, "MOST_ROWS", 100)
    part = world(tmp_path / "part")
    monkeypatch.setattr(foresee, "MOST_ROWS", 100)
    found = lived(part, 0).observation
    monkeypatch.undo()
    all_of_it = lived(whole, 0).observation
    assert found is not None and all_of_it is not None
    wide, narrow = (one.estimated["mae"].high - one.estimated["mae"].low for one in (found, all_of_it))
    assert wide > 1.3 * narrow


@pytest.mark.row("M6", "M11")
def test_every_window_of_a_replay_says_what_was_expected_of_it_before_its_labels_came(tmp_path: Path) -> None:
    """The line is learnt exactly, so no error is expected; the world then turns, and the expectation does not see it."""
    loaded = load(make_project(tmp_path / "points"))
    data = write_csv(tmp_path / "data.csv", days=45, slope=lambda day: 2.0 if day < 42 else 3.0)
    here = install(loaded, tmp_path / "bench", NEVER)
    project = loaded.projects["points"]
    recorded = history.read(data, project.schema, project.label_spec, time="ts")
    found = run(here.bench, recorded, policy="never", until=T0 + 40 * DAY, size=WindowSize(), progress=lambda share, words: None)
    assert [window.estimated for window in found.windows] == pytest.approx([0.0] * 5, abs=0.01)
    assert [window.metric is not None and window.metric > 1 for window in found.windows] == [False, False, True, True, True]
    assert METRICS["number"] == "mae"
