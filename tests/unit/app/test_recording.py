from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.benches import make_project, write_csv

from farero.adapters.inline_child import InlineChild
from farero.adapters.memory_tracker import MemoryTracker
from farero.app import App
from farero.app.recording import as_page, as_text, run_papers
from farero.app.tracking import is_tracked
from farero.errors import BadInput, ModelNotFound, VersionNotFound
from farero.wiring import open_app


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An installation with a tracker and version 1.0.0 in production."""
    monkeypatch.setattr("farero.wiring.ChildProcess", lambda *options, **named: InlineChild())
    monkeypatch.setattr("farero.wiring.MlflowTracker", lambda uri, **options: MemoryTracker())
    root = make_project(tmp_path / "points", toml='\n[tracking]\nuri = "http://127.0.0.1:9"\n')
    text = (root / "project.py").read_text()
    (root / "project.py").write_text(text.replace("fa.Drift(),", 'fa.Drift(), fa.Fairness(["shape"], max_gap=0.5),'))
    write_csv(root / "data.csv", days=5)
    app = open_app(root)
    app.promote("points", app.train("points", root / "data.csv", time="ts", until=None, because="first").number, by="ana", because="first")
    yield app
    app.close()


@pytest.mark.row("R8", "R12")
def test_documents_come_from_the_record(app: App) -> None:
    card = app.card("points", "1.0.0")
    assert (card.version.state, card.max_gap, [by.feature for by in card.fairness]) == ("production", 0.5, ["shape"])
    found, rows = app.fairness("points", "1.0.0")
    assert (found[0].feature, rows.count) == ("shape", 12)
    with pytest.raises(BadInput, match="no feature"):
        app.fairness("points", "1.0.0", ["colour"])
    assert "Groups of shape, in model cards." in as_text(app.deployment("points", "1.0.0"))
    assert "points 1.0.0 beside 1.0.0" in as_page(app.side_by_side("points", "1.0.0", "1.0.0"))
    for ask in (app.card, app.deployment):
        with pytest.raises(VersionNotFound):
            ask("points", "9.9.9")
        with pytest.raises(ModelNotFound):
            ask("moon", "1.0.0")


@pytest.mark.row("R8")
def test_a_turn_keeps_the_reports_of_runs_that_have_ended(app: App) -> None:
    (run,) = app.runs("points")
    assert app.keep_reports() == 1
    assert app.keep_reports() == 0
    found = app.run_report(run.id)
    assert "Training of points: 1.0.0" in as_page(found)
    assert sorted(run_papers(found, app._records.describes["points"])) == [
        "model-card.html", "model-card.md", "profile.json", "report.html", "report.json",
    ]  # fmt: skip


@pytest.mark.row("R9")
def test_the_tracker_is_told_by_whoever_calls_and_stands_in_order_then(app: App) -> None:
    assert app.tracks
    assert app.track_pending()
    assert app.track_waiting("points") == 3
    assert app.track() == 3
    assert not app.track_pending()
    assert app.tracking("points").in_order
    assert app.reconcile("points").in_order


@pytest.mark.parametrize(("text", "yes"), [("models:/a/1", True), ("runs:/x/model", True), ("models:/", False), ("m.pkl", False)])
def test_an_address_in_a_tracker_is_told_from_a_path(text: str, yes: bool) -> None:
    assert is_tracked(text) is yes
