"""What an installation has on record, to be read: the half of App that changes nothing."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from farero.core.incident import Incident
from farero.core.observation import Observation
from farero.core.run import Run
from farero.core.version import Move, Version
from farero.errors import BadInput, ModelNotFound
from farero.store import decisions, incidents, observations, outbox, runs, versions

if TYPE_CHECKING:
    from farero.project.declare import Project
    from farero.store.database import Store
    from farero.store.decisions import StoredDecision
    from farero.store.outbox import Delivery


class Reading:
    """The models of an installation, and everything that was stored about them."""

    def __init__(self, *, projects: Mapping[str, Project], store: Store) -> None:
        self._projects = projects
        self._store = store

    @property
    def models(self) -> tuple[str, ...]:
        """The models of this installation, in the order of farero.toml."""
        return tuple(self._projects)

    def project(self, model: str) -> Project:
        """The declaration of a model."""
        if model not in self._projects:
            near = difflib.get_close_matches(model, self.models, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(self.models)}."
            raise ModelNotFound(f"There is no model {model!r} in this installation.", hint=hint)
        return self._projects[model]

    def only_model(self, model: str | None) -> str:
        """The model named, or the only one there is."""
        if model is not None:
            self.project(model)
            return model
        if len(self.models) > 1:
            raise BadInput("This installation has several models.", hint=f"Name one with --model: {', '.join(self.models)}.")
        return next(iter(self._projects))

    def versions(self, model: str) -> list[Version]:
        """Every version, newest first."""
        self.project(model)
        with self._store.read() as conn:
            return versions.all(conn, model)

    def version(self, model: str, number: str) -> Version:
        """One version."""
        self.project(model)
        with self._store.read() as conn:
            return versions.get(conn, model, number)

    def moves(self, model: str, number: str | None = None) -> list[Move]:
        """Who moved which version, when and why; oldest first."""
        self.project(model)
        with self._store.read() as conn:
            return versions.moves(conn, model, number)

    def observations(self, model: str, last: int | None = None) -> list[Observation]:
        """Windows as they were seen, oldest first."""
        self.project(model)
        with self._store.read() as conn:
            return observations.latest(conn, model, last=last)

    def incidents(self, model: str | None = None, last: int = 100) -> list[Incident]:
        """Incidents, newest first."""
        with self._store.read() as conn:
            return incidents.all(conn, model, last=last)

    def incident(self, id: str) -> Incident:
        """One incident."""
        with self._store.read() as conn:
            return incidents.get(conn, id)

    def decisions(self, model: str, last: int | None = 100) -> list[StoredDecision]:
        """Decisions with what became of them, newest first; "no" included."""
        self.project(model)
        with self._store.read() as conn:
            return decisions.all(conn, model, last=last)

    def runs(self, model: str | None = None, last: int | None = 50) -> list[Run]:
        """Training runs, newest first."""
        with self._store.read() as conn:
            return runs.all(conn, model, last=last)

    def notifications(self, last: int | None = 50) -> list[Delivery]:
        """Messages with what became of them, newest first."""
        with self._store.read() as conn:
            return outbox.all(conn, last=last)
