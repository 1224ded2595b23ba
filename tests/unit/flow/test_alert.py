from __future__ import annotations

import pytest
from tests.benches import T0, day

from farero.core.finding import Finding, Severity
from farero.errors import BadInput, IncidentNotFound
from farero.flow.alert import Alert
from farero.store import outbox
from farero.store.database import Store


def finding(severity: Severity = "medium") -> Finding:
    return Finding(kind="DATA_DRIFT", subject="x", severity=severity, value=1.0, limit=0.1, because="x moved")


@pytest.fixture
def alert() -> Alert:
    return Alert(model="points", store=Store.memory(), channels={"pager": "high", "chat": "low"})


def told(alert: Alert) -> list[tuple[str, str]]:
    with alert.store.read() as conn:
        return sorted((delivery.channel, delivery.message.event) for delivery in outbox.all(conn))


@pytest.mark.row("M5", "R4")
def test_a_window_that_was_folded_in_before_changes_nothing(alert: Alert) -> None:
    (opened,) = alert.update(day(0), "1.0.0", [finding()])
    assert alert.update(day(0), "1.0.0", [finding("critical")]) == [opened]
    assert told(alert) == [("chat", "incident.opened")]


def test_a_channel_hears_only_what_is_grave_enough_for_it(alert: Alert) -> None:
    alert.update(day(0), "1.0.0", [finding("low")])
    alert.update(day(1), "1.0.0", [finding("high")])
    assert told(alert) == [("chat", "incident.escalated"), ("chat", "incident.opened"), ("pager", "incident.escalated")]


def test_a_fault_that_lasts_makes_one_message_when_it_opens_and_one_when_it_is_over(alert: Alert) -> None:
    for number in range(5):
        alert.update(day(number), "1.0.0", [finding()])
    assert told(alert) == [("chat", "incident.opened")]
    assert len(alert.update(day(5), "1.0.0", [])) == 1
    assert alert.update(day(6), "1.0.0", []) == []
    assert told(alert) == [("chat", "incident.opened"), ("chat", "incident.resolved")]


def test_people_acknowledge_note_and_resolve_and_the_timeline_names_them(alert: Alert) -> None:
    (opened,) = alert.update(day(0), "1.0.0", [finding()])
    alert.acknowledge(opened.id, by="ana", note="", at=T0)
    alert.note(opened.id, by="ben", text=" the sensor was moved ", at=T0)
    closed = alert.resolve(opened.id, by="ana", note="repaired", at=T0)
    assert [(event.kind, event.by, event.text) for event in closed.timeline] == [
        ("opened", "farero", "x moved"),
        ("acknowledged", "ana", "acknowledged"),
        ("noted", "ben", "the sensor was moved"),
        ("resolved", "ana", "repaired"),
    ]
    assert (closed.acknowledged_by, closed.resolved) == ("ana", T0)
    assert alert.resolve(opened.id, by="cy", note="me too", at=T0) == closed


def test_an_incident_that_is_not_there_and_an_empty_note_are_refused(alert: Alert) -> None:
    with pytest.raises(IncidentNotFound):
        alert.acknowledge("points-9", by="ana", note="", at=T0)
    (opened,) = alert.update(day(0), "1.0.0", [finding()])
    with pytest.raises(BadInput, match="needs a text"):
        alert.note(opened.id, by="ana", text="  ", at=T0)
