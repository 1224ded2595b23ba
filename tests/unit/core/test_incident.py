"""Incidents open, go on, get graver and end; only changes are announced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from farero.core.finding import Finding, FindingKind, Severity
from farero.core.incident import QUIET_WINDOWS, Incident, Updated, update

T0 = datetime(2024, 1, 1, tzinfo=UTC)


def finding(kind: FindingKind = "DATA_DRIFT", severity: Severity = "medium", subject: str = "tenure") -> Finding:
    return Finding(kind=kind, subject=subject, severity=severity, value=0.4, limit=0.1, because=f"{subject} moved")


def step(open_incidents: tuple[Incident, ...], *findings: Finding, day: int = 0) -> Updated:
    at = T0 + timedelta(days=day)
    return update(open_incidents, findings, model="m", version="1.0.0", at=at, new_id=f"m-{day}")


@pytest.mark.row("A4")
def test_the_first_finding_opens_an_incident_and_announces_it() -> None:
    updated = step((), finding())
    (incident,) = updated.changed
    assert updated.announce == (incident,)
    assert (incident.id, incident.kind, incident.severity, incident.opened) == ("m-0-data-drift", "DATA_DRIFT", "medium", T0)
    assert [event.kind for event in incident.timeline] == ["opened"]


@pytest.mark.row("A4")
def test_findings_of_one_kind_share_an_incident_with_the_gravest_severity() -> None:
    (incident,) = step((), finding(subject="a", severity="low"), finding(subject="b", severity="high")).changed
    assert incident.severity == "high"
    assert incident.subjects == ("a", "b")


@pytest.mark.row("A4")
def test_an_incident_that_goes_on_is_noted_and_not_announced_again() -> None:
    first = step((), finding()).changed
    again = step(first, finding(), day=1)
    assert again.announce == ()
    assert [event.kind for event in again.changed[0].timeline] == ["opened", "seen"]


@pytest.mark.row("A4")
def test_a_graver_finding_escalates_and_is_announced() -> None:
    first = step((), finding(severity="low")).changed
    graver = step(first, finding(severity="critical"), day=1)
    assert graver.announce[0].severity == "critical"
    assert graver.announce[0].timeline[-1].kind == "escalated"


@pytest.mark.row("A4")
def test_an_incident_is_resolved_after_enough_quiet_windows_and_not_before() -> None:
    current = step((), finding()).changed
    for day in range(1, QUIET_WINDOWS):
        updated = step(current, day=day)
        assert updated.announce == () and updated.changed[0].resolved is None
        current = updated.changed
    ended = step(current, day=QUIET_WINDOWS)
    assert ended.announce[0].resolved == T0 + timedelta(days=QUIET_WINDOWS)


@pytest.mark.row("A4")
def test_a_quiet_window_between_findings_starts_the_count_anew() -> None:
    current = step(step((), finding()).changed, day=1).changed
    current = step(current, finding(), day=2).changed
    assert current[0].quiet_windows == 0
    assert step(current, day=3).changed[0].resolved is None


@pytest.mark.row("A4")
def test_different_kinds_are_different_incidents() -> None:
    updated = step((), finding(), finding(kind="DATA_QUALITY"))
    assert {incident.kind for incident in updated.changed} == {"DATA_DRIFT", "DATA_QUALITY"}
    assert len({incident.id for incident in updated.changed}) == 2
