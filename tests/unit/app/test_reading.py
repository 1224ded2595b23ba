"""What is on record, and how a wrong name is answered."""

from __future__ import annotations

import pytest
from tests.benches import T0
from tests.standin import bikes, late, lived, version

from farero.adapters.manual_clock import ManualClock
from farero.app.reading import Reading
from farero.errors import BadInput, IncidentNotFound, ModelNotFound, VersionNotFound
from farero.store import incidents, versions
from farero.store.database import Store


@pytest.fixture
def store() -> Store:
    return Store.memory(clock=ManualClock(T0))


@pytest.fixture
def reading(store: Store) -> Reading:
    projects = {project.model: project for project in (late(), bikes())}
    return Reading(projects=projects, store=store)


def test_models_stand_in_the_order_in_which_they_were_declared(reading: Reading) -> None:
    assert reading.models == (late().model, bikes().model)
    assert reading.project("bikes").model == "bikes"


@pytest.mark.parametrize(("name", "hint"), [("bike", "Did you mean 'bikes'"), ("moon", "There are: ")])
def test_a_wrong_name_is_answered_with_the_nearest_or_with_all(reading: Reading, name: str, hint: str) -> None:
    asks = (reading.project, reading.only_model, reading.versions, reading.moves, reading.observations, reading.decisions)
    for ask in asks:
        with pytest.raises(ModelNotFound) as caught:
            ask(name)
        assert caught.value.hint is not None
        assert hint in caught.value.hint


def test_without_a_name_one_model_is_meant_and_of_several_none(reading: Reading, store: Store) -> None:
    assert reading.only_model("bikes") == "bikes"
    with pytest.raises(BadInput) as caught:
        reading.only_model(None)
    assert caught.value.hint is not None
    assert "bikes" in caught.value.hint
    assert Reading(projects={"bikes": bikes()}, store=store).only_model(None) == "bikes"


def test_versions_are_read_by_model_newest_first(reading: Reading, store: Store) -> None:
    stored = [version("bikes", number, "candidate", T0) for number in ("1.0.0", "1.1.0", "1.2.0")]
    with store.write() as conn:
        for each in stored:
            versions.add(conn, each)
    assert [each.number for each in reading.versions("bikes")] == ["1.2.0", "1.1.0", "1.0.0"]
    assert reading.version("bikes", "1.1.0") == stored[1]
    with pytest.raises(VersionNotFound):
        reading.version("bikes", "9.9.9")
    assert reading.versions(late().model) == []


def test_incidents_are_read_newest_first_for_one_model_or_all(reading: Reading, store: Store) -> None:
    known = lived(70).incidents("bikes")
    with store.write() as conn:
        for incident in known:
            incidents.save(conn, incident)
    newest = sorted(known, key=lambda incident: incident.opened, reverse=True)
    assert [incident.id for incident in reading.incidents()] == [incident.id for incident in newest]
    assert [incident.id for incident in reading.incidents("bikes", last=2)] == [incident.id for incident in newest[:2]]
    assert reading.incidents(late().model) == []
    assert reading.incident(newest[0].id).because == newest[0].because
    with pytest.raises(IncidentNotFound):
        reading.incident("none")


def test_what_never_happened_reads_as_nothing(reading: Reading) -> None:
    assert (reading.observations("bikes"), reading.decisions("bikes"), reading.runs(), reading.notifications()) == ([], [], [], [])
    assert reading.moves("bikes") == []
