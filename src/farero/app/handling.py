"""What people say of incidents: that they look after one, what they know of it, that it is over, or that it is the new normal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from farero.app.reading import Reading
from farero.core.incident import Incident
from farero.errors import BadInput, counted

if TYPE_CHECKING:
    from farero.loop import Loop
    from farero.ports import Clock
    from farero.project.declare import Project
    from farero.serving.pool import Pool
    from farero.store.database import Store


class Handling(Reading):
    """The half of App that deals with incidents."""

    def __init__(self, *, projects: Mapping[str, Project], store: Store, loops: Mapping[str, Loop], pool: Pool, clock: Clock) -> None:
        super().__init__(projects=projects, store=store)
        self._loops = loops
        self._pool = pool
        self._clock = clock

    def acknowledge(self, id: str, *, by: str, note: str = "") -> Incident:
        """Say that somebody looks after it."""
        return self._loops[self.incident(id).model].alert.acknowledge(id, by=by, note=note, at=self._clock.now())

    def note(self, id: str, text: str, *, by: str) -> Incident:
        """Add a line to its timeline."""
        return self._loops[self.incident(id).model].alert.note(id, by=by, text=text, at=self._clock.now())

    def resolve(self, id: str, *, by: str, note: str = "") -> Incident:
        """Close it by hand."""
        return self._loops[self.incident(id).model].alert.resolve(id, by=by, note=note, at=self._clock.now())

    def accept(self, id: str, *, by: str, note: str = "") -> Incident:
        """Say that what an incident of drift tells is the new normal: it is compared with from now on, and the incident is resolved.

        Raises:
            BadInput: the incident is of another kind, or its version is not in production any more.
        """
        incident = self.incident(id)
        if incident.kind not in ("DATA_DRIFT", "PREDICTION_DRIFT"):
            raise BadInput(
                f"{id} is of kind {incident.kind}: only drift of inputs or answers can be the new normal.",
                hint="Retrain the model, or close it by hand with: farero incidents resolve.",
            )
        loop = self._loops[incident.model]
        count = loop.monitor.accept(self._pool.get(loop.decide.production() or self.version(incident.model, incident.version), gate=False))
        text = f"the new normal, as {counted(count, 'window')} since then showed it" + (f": {note}" if note else "")
        return loop.alert.resolve(id, by=by, note=text, at=self._clock.now())
