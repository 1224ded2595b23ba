"""Which windows App puts ways to watch through, and what it says where there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.benches import T0
from tests.standin import bikes, late

from farero.adapters.manual_clock import ManualClock
from farero.app.tuning import Tuning
from farero.core.tuning import Tuned
from farero.errors import ModelNotFound, NotReady
from farero.replay import monitors
from farero.store.database import Store

NOTHING = Tuned(judged=(), windows=0, normal=0, years=0, into={})


@pytest.fixture
def tuning() -> Tuning:
    projects = {project.model: project for project in (late(), bikes())}
    return Tuning(projects=projects, store=Store.memory(clock=ManualClock(T0)))


@pytest.mark.row("M11")
def test_a_file_is_read_in_the_projects_own_windows(tuning: Tuning, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[monitors.Question, dict[str, Any]]] = []

    def of_file(asked: monitors.Question, path: Path, **options: Any) -> Tuned:
        seen.append((asked, {"path": path, **options}))
        return NOTHING

    monkeypatch.setattr(monitors, "of_file", of_file)
    assert tuning.monitors("bikes", data=Path("rows.csv"), time="ts", train_until="0.5") is NOTHING
    ((asked, options),) = seen
    assert (asked.model, asked.size, asked.models) == ("bikes", bikes().window, 2)
    assert (options["path"], options["time"], options["until"]) == (Path("rows.csv"), "ts", "0.5")


def test_without_a_file_and_a_version_in_production_a_file_is_asked_for(tuning: Tuning) -> None:
    with pytest.raises(NotReady) as caught:
        tuning.monitors("bikes")
    assert caught.value.hint == "Name a file instead: farero tune DATA --time COLUMN."


def test_a_wrong_name_is_answered_with_the_nearest(tuning: Tuning) -> None:
    with pytest.raises(ModelNotFound):
        tuning.monitors("bike")
