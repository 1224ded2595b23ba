"""Realized performance of a real installation, as far as labels are in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.benches import DAY, T0, make_project, write_csv

from farero.adapters.inline_child import InlineChild
from farero.adapters.manual_clock import ManualClock
from farero.app import App
from farero.app.performing import performance_report
from farero.core.label import LabelRow
from farero.errors import BadInput, ModelNotFound, VersionNotFound
from farero.wiring import open_app


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(T0)


@pytest.fixture
def app(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An installation whose version 1.0.0 has learnt y = 2x and is in production."""
    monkeypatch.setattr("farero.wiring.ChildProcess", lambda *options, **named: InlineChild())
    opened = open_app(make_project(tmp_path / "points"), clock=clock)
    data = write_csv(tmp_path / "data.csv", days=5, first=T0 - 5 * DAY)
    opened.promote("points", opened.train("points", data, time="ts", until=None, because="").number, by="ana", because="the first")
    opened.refresh()
    yield opened
    opened.close()


def live(app: App, clock: ManualClock, days: int, rows: int = 40) -> None:
    """Days of predictions with x from 1 to 5; labels are off by one and known an hour later."""
    for number in range(days):
        clock.set(T0 + number * DAY + timedelta(hours=6))
        x = [1 + 4 * n / rows for n in range(rows)]
        app.predict("points", [{"x": value, "shape": "ab"[n % 2]} for n, value in enumerate(x)], request_id=f"d{number}")
        known = clock.now() + timedelta(hours=1)
        app.label(
            "points",
            [LabelRow(raw=2 * v + (1 if n % 2 else -1), known_at=known, request_id=f"d{number}", row=n) for n, v in enumerate(x)],
        )
    clock.set(T0 + (days + 2) * DAY)


@pytest.mark.row("M5")
def test_performance_is_measured_on_what_was_predicted_and_labelled(app: App, clock: ManualClock) -> None:
    live(app, clock, 12)
    found = app.performance("points")
    assert (found.model, found.rows, found.labelled, found.metric) == ("points", 480, 480, "mae")
    mae = next(one for one in found.metrics if one.name == "mae")
    assert mae.value == pytest.approx(1.0, abs=0.01)
    assert found.by == ()
    assert len(found.windows) == 12
    assert found.baseline_version == "1.0.0"
    assert next(one.value for one in found.baseline if one.name == "mae") == pytest.approx(0.0, abs=0.01)
    asked = app.performance("points", by=["shape"], version="1.0.0", start=T0 + DAY, end=T0 + 3 * DAY)
    assert (asked.rows, [segment.name for segment in asked.by[0].segments]) == (80, ["a", "b"])


def test_a_prediction_of_a_moment_ago_counts(app: App, clock: ManualClock) -> None:
    app.predict("points", [{"x": 1.0, "shape": "a"}])
    clock.set(T0 + timedelta(hours=1))
    assert app.performance("points").rows == 1


def test_the_report_is_a_page(app: App, clock: ManualClock) -> None:
    live(app, clock, 3)
    html = performance_report(app.performance("points", by=["shape"]))
    assert html.startswith("<!doctype html>")
    assert "points: how good the answers were" in html


def test_wrong_names_are_refused(app: App) -> None:
    with pytest.raises(ModelNotFound):
        app.performance("pints")
    with pytest.raises(VersionNotFound):
        app.performance("points", version="9.9.9")
    with pytest.raises(BadInput, match="no feature 'shap'"):
        app.performance("points", by=["shap"])
