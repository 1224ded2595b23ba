"""alert: findings become incidents, and incidents become messages in the outbox, all in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from farero.core import incident as incidents_core
from farero.core.finding import Finding, FindingKind, Severity
from farero.core.incident import Incident
from farero.core.window import Window, stamp
from farero.errors import BadInput
from farero.ports import Message
from farero.store import incidents, outbox, steps
from farero.store.database import Store
from farero.telemetry import Level, log


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Keeps the incidents of one model. `channels`: name -> least severity that is sent there."""

    model: str
    store: Store
    channels: Mapping[str, Severity]

    def update(self, window: Window, version: str, findings: Sequence[Finding]) -> Sequence[Incident]:
        """Fold a window's findings in; a window that was folded in before changes nothing.

        Returns:
            The incidents that are open afterwards.
        """
        return self._fold(window, version, findings, step="alert", only=None)

    def silence(self, window: Window, version: str, finding: Finding) -> Sequence[Incident]:
        """Fold in that rows stay away; once a window. Incidents of other kinds stay as they are: nothing was seen that speaks of them."""
        return self._fold(window, version, [finding], step="silence", only=finding.kind)

    def promise(self, window: Window, version: str, findings: Sequence[Finding]) -> Sequence[Incident]:
        """Fold in how requests keep what was promised of them; once a window, and only where there is something to tell, or to end."""
        with self.store.read() as conn:
            known = any(incident.kind == "SLO_BURN" for incident in incidents.open(conn, self.model))
        return self._fold(window, version, findings, step="promise", only="SLO_BURN") if known or findings else []

    def _fold(
        self, window: Window, version: str, findings: Sequence[Finding], *, step: str, only: FindingKind | None
    ) -> Sequence[Incident]:
        with self.store.write() as conn:
            if not steps.put(conn, self.model, window, step, b"", window.end):
                return incidents.open(conn, self.model)
            updated = incidents_core.update(
                [known for known in incidents.open(conn, self.model) if known.kind == only or (only is None and known.kind != "SLO_BURN")],
                findings,
                model=self.model,
                version=version,
                at=window.end,
                new_id=f"{self.model}-{stamp(window.end)}",
            )
            for incident in updated.changed:
                incidents.save(conn, incident)
            for incident in updated.announce:
                outbox.announce(conn, self.channels, _message(incident), incident.severity)
            remaining = incidents.open(conn, self.model)
        for incident in updated.announce:
            _tell(incident)
        return remaining

    def acknowledge(self, id: str, *, by: str, note: str, at: datetime) -> Incident:
        """Note that somebody looks after an incident."""
        with self.store.write() as conn:
            incident = replace(incidents.get(conn, id), acknowledged_by=by).with_event(at, "acknowledged", by, note or "acknowledged")
            incidents.save(conn, incident)
        _tell(incident)
        return incident

    def note(self, id: str, *, by: str, text: str, at: datetime) -> Incident:
        """Add a line to an incident's timeline, open or not.

        Raises:
            BadInput: the text is empty.
        """
        if not text.strip():
            raise BadInput("A note needs a text.", hint="Write it after the incident's id.")
        with self.store.write() as conn:
            incident = incidents.get(conn, id).with_event(at, "noted", by, text.strip())
            incidents.save(conn, incident)
            return incident

    def resolve(self, id: str, *, by: str, note: str, at: datetime) -> Incident:
        """Close an incident by hand; one that is resolved already stays as it is."""
        with self.store.write() as conn:
            incident = incidents.get(conn, id)
            if incident.resolved is None:
                incident = replace(incident, resolved=at).with_event(at, "resolved", by, note or "resolved by hand")
                incidents.save(conn, incident)
        _tell(incident)
        return incident


def _tell(incident: Incident) -> None:
    last = incident.timeline[-1]
    level: Level = "warning" if last.kind in ("opened", "escalated") else "info"
    # What people wrote stays in the timeline: it may name anybody.
    log(
        f"incident.{last.kind}",
        level=level,
        model=incident.model,
        id=incident.id,
        kind=incident.kind,
        severity=incident.severity,
        by=last.by,
    )


def _message(incident: Incident) -> Message:
    event = incident.timeline[-1]
    return Message(
        id=f"{incident.id}/{len(incident.timeline)}",
        event=f"incident.{event.kind}",
        severity=incident.severity,
        title=f"{incident.model}: {incident.kind} {event.kind} ({incident.severity})",
        text=event.text,
        model=incident.model,
        at=event.at,
    )
