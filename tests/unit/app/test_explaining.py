"""Estimates and explanations of a real installation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.benches import DAY, T0, make_project, write_csv

from farero.adapters.inline_child import InlineChild
from farero.adapters.manual_clock import ManualClock
from farero.app import App
from farero.app.explaining import drop_page
from farero.core.label import LabelRow
from farero.errors import BadInput, ModelNotFound
from farero.wiring import open_app


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(T0)


@pytest.fixture
def app(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An installation whose version 1.0.0 has learnt y = 2x, was judged by 120 rows, and is in production."""
    monkeypatch.setattr("farero.wiring.ChildProcess", lambda *options, **named: InlineChild())
    opened = open_app(make_project(tmp_path / "points"), clock=clock)
    data = write_csv(tmp_path / "data.csv", days=50, first=T0 - 50 * DAY)
    opened.promote("points", opened.train("points", data, time="ts", until=None, because="").number, by="ana", because="the first")
    opened.refresh()
    yield opened
    opened.close()


def live(app: App, clock: ManualClock, number: int, *, off: float = 0.0, rows: int = 60) -> None:
    """A day whose labels lie `off` beside the line, known an hour later."""
    clock.set(T0 + number * DAY + timedelta(hours=6))
    x = [1 + 4 * n / rows for n in range(rows)]
    app.predict("points", [{"x": value, "shape": "ab"[n % 2]} for n, value in enumerate(x)], request_id=f"d{number}")
    known = clock.now() + timedelta(hours=1)
    app.label("points", [LabelRow(raw=2 * v + off, known_at=known, request_id=f"d{number}", row=n) for n, v in enumerate(x)])
    clock.set(T0 + (number + 1) * DAY)


@pytest.mark.row("M6")
def test_what_was_predicted_a_moment_ago_is_estimated_before_its_labels_come(app: App, clock: ManualClock) -> None:
    app.predict("points", [{"x": 1.0, "shape": "a"}])
    clock.set(T0 + timedelta(hours=1))
    (one,) = app.estimate("points").windows
    assert (one.rows, one.labelled, one.version) == (1, 0, "1.0.0")
    assert one.estimated["mae"].value == pytest.approx(0.0, abs=0.01)


@pytest.mark.row("M7")
def test_a_fall_that_no_input_explains_is_put_down_to_the_relation(app: App, clock: ManualClock) -> None:
    live(app, clock, 0)
    live(app, clock, 1, off=3.0)
    found = app.explain_drop("points", start=T0 + DAY, against=(T0, T0 + DAY))
    assert found.explanation.total.value == pytest.approx(3.0, abs=0.05)
    assert found.explanation.relation.value == pytest.approx(3.0, abs=0.05)
    assert "concept drift" in drop_page(found)
    seen = app.estimate("points", version="1.0.0").backtest
    assert seen is not None and seen.windows == 2 and seen.bias == pytest.approx(1.5, abs=0.05)


def test_wrong_names_and_spans_are_refused(app: App) -> None:
    for ask in (app.estimate, app.explain_drop):
        with pytest.raises(ModelNotFound):
            ask("nobody")
        with pytest.raises(BadInput, match="before it begins"):
            ask("points", start=T0, end=T0)
    with pytest.raises(BadInput, match="before it begins"):
        app.explain_drop("points", against=(T0, T0 - DAY))
