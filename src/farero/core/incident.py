"""Incidents: what is wrong now, since when, and what was done about it. Pure moves from findings to incidents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias

from farero.core.finding import SEVERITIES, Finding, FindingKind, Severity, worst

EventKind: TypeAlias = Literal["opened", "seen", "escalated", "acknowledged", "noted", "resolved", "retrained", "promoted", "rejected"]

QUIET_WINDOWS = 2
"""An incident is resolved after this many windows in a row without its finding: one clean day may be chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of an incident's timeline."""

    at: datetime
    kind: EventKind
    by: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Findings of one kind on one model, from the first until they stay away. Open while `resolved` is None."""

    id: str
    model: str
    kind: FindingKind
    severity: Severity
    opened: datetime
    because: str
    version: str
    subjects: tuple[str, ...]
    quiet_windows: int = 0
    acknowledged_by: str | None = None
    resolved: datetime | None = None
    timeline: tuple[Event, ...] = ()

    def with_event(self, at: datetime, kind: EventKind, by: str, text: str) -> Incident:
        """The incident with one more line in its timeline."""
        return replace(self, timeline=(*self.timeline, Event(at=at, kind=kind, by=by, text=text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """What an update changed: every incident that is new or different, and those worth telling people about."""

    changed: tuple[Incident, ...]
    announce: tuple[Incident, ...]


def update(
    open_incidents: Sequence[Incident], findings: Sequence[Finding], *, model: str, version: str, at: datetime, new_id: str
) -> Updated:
    """Fold one window's findings into the open incidents: one incident a kind.

    Opened, escalated and resolved incidents are announced; one that merely goes on is not, so a fault that lasts
    a month makes two notifications. `new_id` is the stem for ids of new incidents; the kind is appended.
    """
    by_kind = {incident.kind: incident for incident in open_incidents}
    changed: list[Incident] = []
    announce: list[Incident] = []
    kinds: dict[FindingKind, None] = {finding.kind: None for finding in findings}
    for kind in kinds:
        of_kind = [finding for finding in findings if finding.kind == kind]
        severity = worst([finding.severity for finding in of_kind])
        because = "; ".join(finding.because for finding in of_kind[:5])
        subjects = tuple(dict.fromkeys(finding.subject for finding in of_kind))
        known = by_kind.get(kind)
        if known is None:
            slug = kind.lower().replace("_", "-")
            opened = Incident(
                id=f"{new_id}-{slug}", model=model, kind=kind, severity=severity, opened=at, because=because,
                version=version, subjects=subjects,
            ).with_event(at, "opened", "farero", because)  # fmt: skip
            changed.append(opened)
            announce.append(opened)
        elif SEVERITIES.index(severity) > SEVERITIES.index(known.severity):
            graver = replace(known, severity=severity, quiet_windows=0, subjects=subjects)
            graver = graver.with_event(at, "escalated", "farero", f"{known.severity} -> {severity}: {because}")
            changed.append(graver)
            announce.append(graver)
        else:
            changed.append(replace(known, quiet_windows=0, subjects=subjects).with_event(at, "seen", "farero", because))
    seen = {finding.kind for finding in findings}
    for incident in open_incidents:
        if incident.kind in seen:
            continue
        quieter = replace(incident, quiet_windows=incident.quiet_windows + 1)
        if quieter.quiet_windows >= QUIET_WINDOWS:
            text = f"{quieter.quiet_windows} windows in a row without it"
            quieter = replace(quieter, resolved=at).with_event(at, "resolved", "farero", text)
            announce.append(quieter)
        changed.append(quieter)
    return Updated(changed=tuple(changed), announce=tuple(announce))
