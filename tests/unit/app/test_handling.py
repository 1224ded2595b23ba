from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.benches import NEVER, ROWS, Installation, day, install, make_project

from farero.app.handling import Handling
from farero.core.incident import Incident
from farero.errors import BadInput, IncidentNotFound
from farero.project.load import load
from farero.store import incidents


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    installed = install(load(make_project(tmp_path / "points")), tmp_path, NEVER)
    installed.start()
    return installed


@pytest.fixture
def handling(here: Installation, tmp_path: Path) -> Handling:
    projects = load(tmp_path / "points").projects
    loops = {"points": here.loop}
    return Handling(projects=projects, store=here.bench.store, loops=loops, pool=here.loop.predict.pool, clock=here.bench.clock)


def opened(here: Installation, kind: str) -> Incident:
    with here.bench.store.read() as conn:
        return next(each for each in incidents.open(conn, "points") if each.kind == kind)


@pytest.mark.row("A4")
def test_people_look_after_an_incident_and_close_it(here: Installation, handling: Handling) -> None:
    here.day(0, shift=3.0)
    incident = opened(here, "DATA_DRIFT")
    assert handling.acknowledge(incident.id, by="ana").acknowledged_by == "ana"
    assert handling.note(incident.id, "the sensor was moved", by="ana").timeline[-1].text == "the sensor was moved"
    assert handling.resolve(incident.id, by="ana").resolved == day(0).end
    with pytest.raises(IncidentNotFound):
        handling.note("points-9", "x", by="ana")


@pytest.mark.row("M9", "A4")
def test_a_drift_that_is_the_new_normal_is_resolved_and_does_not_come_again(here: Installation, handling: Handling) -> None:
    for number in range(14):
        here.day(number, shift=3.0)
    settled = handling.accept(opened(here, "DATA_DRIFT").id, by="ana", note="a new shop")
    assert settled.resolved == day(13).end
    assert settled.timeline[-1].text == "the new normal, as 14 windows since then showed it: a new shop"
    for number in range(14, 18):
        turn = here.day(number, shift=3.0)
        assert turn.observation is not None and turn.observation.drift is not None and not turn.observation.drift.alarm
    assert turn.observation.rows == ROWS


def test_only_drift_can_be_the_new_normal(here: Installation, handling: Handling) -> None:
    here.day(0, 40.0)
    with pytest.raises(BadInput, match="of kind PERFORMANCE_DEGRADATION"):
        handling.accept(opened(here, "PERFORMANCE_DEGRADATION").id, by="ana")
    old = replace(opened(here, "PERFORMANCE_DEGRADATION"), id="points-old", kind="DATA_DRIFT")
    with here.bench.store.write() as conn:
        incidents.save(conn, old)
    with pytest.raises(BadInput, match=r"No drift alarm of points 1\.0\.0 stands"):
        handling.accept("points-old", by="ana")
