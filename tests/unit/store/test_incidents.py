from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.store.values import DAY, T0, incident

from farero.errors import IncidentNotFound
from farero.store import incidents
from farero.store.database import Store


@pytest.mark.row("A4")
def test_an_incident_keeps_its_severity_and_timeline(store: Store) -> None:
    with store.write() as conn:
        incidents.save(conn, incident())
        graver = replace(incident(), severity="critical").with_event(T0 + DAY, "escalated", "farero", "worse")
        incidents.save(conn, graver)
        assert incidents.get(conn, "churn-1") == graver
        assert incidents.all(conn) == [graver]


@pytest.mark.row("A4")
def test_a_resolved_incident_is_not_open_but_still_listed(store: Store) -> None:
    with store.write() as conn:
        incidents.save(conn, incident("a"))
        incidents.save(conn, incident("b", opened=T0 + DAY))
        incidents.save(conn, incident("c", model="risk", opened=T0 + 2 * DAY))
        incidents.save(conn, replace(incident("a"), resolved=T0 + DAY))
        assert [found.id for found in incidents.open(conn, "churn")] == ["b"]
        assert [found.id for found in incidents.open(conn)] == ["b", "c"]
        assert [found.id for found in incidents.all(conn, "churn")] == ["b", "a"]
        assert [found.id for found in incidents.all(conn, last=1)] == ["c"]


def test_an_unknown_incident_says_where_to_look(store: Store) -> None:
    with store.read() as conn, pytest.raises(IncidentNotFound, match="farero incidents"):
        incidents.get(conn, "nothing")
