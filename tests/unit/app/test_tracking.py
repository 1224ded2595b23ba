from __future__ import annotations

from pathlib import Path

import pytest
from tests.benches import make_project

from farero.app import App
from farero.errors import BadInput, ModelNotFound
from farero.wiring import open_app


@pytest.fixture
def app(tmp_path: Path) -> App:
    return open_app(make_project(tmp_path / "points"))


@pytest.mark.row("R9")
def test_where_no_tracker_is_named_nothing_is_told_and_asking_says_what_to_write(app: App) -> None:
    assert (app.tracks, app.track(), app.track_pending(), app.track_waiting("points")) == (False, 0, False, 0)
    for ask in (app.tracking, app.reconcile):
        with pytest.raises(BadInput, match="names no tracker"):
            ask("points")
        with pytest.raises(ModelNotFound):
            ask("moon")
    with pytest.raises(BadInput, match="names none"):
        app.register_from("points", "models:/points/1", by="ana", because="x")
    app.close()
