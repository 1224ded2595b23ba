"""What the pages show."""

from __future__ import annotations

from typing import cast

import pytest
from tests.standin import Standin, fresh, lived

from farero.app import App
from farero.console import views
from farero.console.i18n import Words

EN = Words("en")


@pytest.mark.row("P1")
def test_models_in_trouble_come_first() -> None:
    app = lived(30)
    assert [row.health.model for row in views.fleet(cast(App, app), app.health(), EN)] == ["bikes", "churn", "flights"]


@pytest.mark.row("P1")
def test_of_many_windows_the_last_120_are_shown_and_it_is_said() -> None:
    app = lived(800)
    view = views.model(cast(App, app), app.health(), "bikes", EN)
    assert (len(view.seen), view.more) == (120, True)
    assert view.seen[-1] == app.seen["bikes"][-1]


@pytest.mark.row("P1")
def test_a_model_without_a_version_has_a_page_too() -> None:
    app = Standin(fresh())
    view = views.model(cast(App, app), app.health(), "churn", EN)
    assert (view.line_wide, view.heat_wide, view.seen, view.versions) == ("", "", (), ())
    assert view.predict_path == "/predict"
    assert set(view.example) >= {"season", "hr", "workingday"}


def test_decisions_to_keep_are_folded_and_others_stand_out() -> None:
    app = lived(40)
    groups = views.grouped(app.decided["bikes"], Words("en"))
    assert sum(len(group.all) for group in groups) == 40
    assert [group.action for group in groups if group.action == "retrain"] == ["retrain"] * 3
    assert len(groups) == 7


def test_sightings_in_a_row_are_folded_in_a_timeline() -> None:
    events = lived(70).trouble[-1].timeline
    seen = events[1]
    lines = views.timeline([events[0], seen, seen, seen, events[-1]])
    assert [(line.event.kind, line.count) for line in lines] == [("opened", 1), ("seen", 3), ("resolved", 1)]
