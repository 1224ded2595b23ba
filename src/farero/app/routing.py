"""Endpoints: the part of App that says which versions answer, and follows what was said."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from farero.app.reading import Reading
from farero.core.endpoint import OWN, Endpoint, EndpointChange, faults_of, own_endpoint
from farero.errors import BadInput, Conflict, EndpointNotFound, IllegalMove, StaleDecision, counted
from farero.store import endpoints, versions
from farero.telemetry import log

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farero.loop import Loop
    from farero.ports import Clock
    from farero.serving.router import Router

ATTEMPTS = 5
"""How often a change without a revision is made anew where somebody else was faster."""


class Routing(Reading):
    """Endpoints as objects, and as they are followed in this process."""

    _loops: Mapping[str, Loop]
    _clock: Clock
    _answers: bool

    def endpoints(self, model: str | None = None) -> list[Endpoint]:
        """Every endpoint, by name: each model's own, and those that were created."""
        if model is not None:
            self.project(model)
        with self._store.read() as conn:
            stored = endpoints.all(conn)
        names = {endpoint.name for endpoint in stored}
        every = [*stored, *(own_endpoint(name) for name in self.models if name not in names)]
        return sorted((one for one in every if model is None or one.model == model), key=lambda one: one.name)

    def endpoint(self, name: str) -> Endpoint:
        """One endpoint.

        Raises:
            EndpointNotFound: there is none of that name; names the nearest.
        """
        with self._store.read() as conn:
            found = endpoints.own(conn, name) if name in self._projects else endpoints.find(conn, name)
        if found is None:
            near = difflib.get_close_matches(name, [one.name for one in self.endpoints()], n=1)
            hint = f"Did you mean {near[0]}?" if near else "See them with: farero endpoints."
            raise EndpointNotFound(f"There is no endpoint {name}.", hint=hint, name=name)
        return found

    def endpoint_changes(self, name: str) -> list[EndpointChange]:
        """Who changed an endpoint, when and why; newest first. A deleted one's history is still there."""
        with self._store.read() as conn:
            found = endpoints.changes(conn, name)
        if not found:
            self.endpoint(name)
        return found[::-1]

    def create_endpoint(self, endpoint: Endpoint, *, by: str, because: str) -> Endpoint:
        """Store a new endpoint. Its versions are loaded and asked first; where one cannot answer, nothing changes.

        Raises:
            BadInput: it is not sound; lists every fault.
            Conflict: there is one of that name.
            Corrupt, PredictFailed: a version cannot be loaded.
        """
        self.project(endpoint.model)
        if endpoint.is_own:
            raise Conflict(
                f"{endpoint.name} is the endpoint of the model {endpoint.name} itself; it is there already.",
                hint=f"Change it with: farero endpoints update {endpoint.name}.",
            )
        return self._put(endpoint, own_endpoint(endpoint.model), expected=0, by=by, because=because)

    def change_endpoint(
        self, name: str, change: Callable[[Endpoint], Endpoint], *, by: str, because: str, revision: int | None = None
    ) -> Endpoint:
        """Change an endpoint. Versions that are new to it are loaded and asked first; where one cannot answer, nothing changes.

        Args:
            change: gives it as it shall be, from what it is. Called again where somebody else changed it meanwhile and no revision
                was given.
            revision: the one that the caller saw; it must still be that.

        Raises:
            EndpointNotFound: there is none of that name.
            BadInput: what it would be is not sound; lists every fault.
            StaleDecision: it is not at this revision any more.
            Corrupt, PredictFailed: a version cannot be loaded.
        """
        for attempt in range(ATTEMPTS):
            known = self.endpoint(name)
            wanted = replace(change(known), name=known.name, model=known.model)
            try:
                return self._put(wanted, known, expected=known.revision if revision is None else revision, by=by, because=because)
            except StaleDecision:
                if revision is not None or attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError  # the last attempt returns or raises

    def delete_endpoint(self, name: str, *, by: str, because: str, revision: int | None = None) -> Endpoint:
        """Take an endpoint away; its history stays.

        Raises:
            EndpointNotFound: there is none of that name.
            IllegalMove: it is a model's own.
            StaleDecision: it is not at this revision any more.
        """
        self.endpoint(name)
        if name in self._projects:
            raise IllegalMove(
                f"{name} is the endpoint of the model {name} itself and cannot be deleted.",
                hint=f"Let production answer everything again with: farero endpoints split {name} --route production=100.",
            )
        at = self._clock.now()
        with self._store.write() as conn:
            gone = endpoints.delete(conn, name, at=at, by=by, because=because.strip(), expected=revision)
        log("endpoint.deleted", endpoint=name, model=gone.model, by=by, because=because)
        self.follow_endpoints()
        return gone

    def check_unrouted(self, model: str, number: str) -> None:
        """See that no endpoint needs a version.

        Raises:
            Conflict: one does; names all.
        """
        with self._store.read() as conn:
            needed = endpoints.using(conn, model, number)
        if needed:
            raise Conflict(
                f"{model} {number} stands behind {counted(len(needed), 'endpoint')}: {', '.join(needed)}.",
                hint=f"Take it out of them first with: farero endpoints split {needed[0]} --route production=100.",
            )

    def model_behind(self, endpoint: str) -> str | None:
        """The model that answers behind an endpoint, as this process has it; None where there is no such endpoint."""
        if endpoint in self._projects:
            return endpoint
        table = self._router.find(endpoint)
        return table.endpoint.model if table is not None and table.endpoint.model in self._projects else None

    def look_for_endpoint(self, name: str) -> str:
        """The model that answers behind an endpoint which this process has not seen yet.

        Raises:
            EndpointNotFound: there is none of that name.
        """
        found = self.endpoint(name)
        self.follow_endpoints()
        return found.model

    def is_resting(self, model: str, endpoint: str = OWN) -> bool:
        """Whether a request here would have to load a version first."""
        return model in self._projects and self._router.is_resting(model, model if endpoint == OWN else endpoint)

    def wake(self, model: str, endpoint: str = OWN) -> None:
        """Load what a request here needs."""
        self._router.wake(model, model if endpoint == OWN else endpoint)

    def copied(self, model: str, body: bytes, request_id: str, endpoint: str) -> None:
        """Have shadow versions score a request that a lane has answered."""
        self._loops[model].predict.copied(body, request_id, endpoint, self._clock.now())

    def follow_endpoints(self, stamp: Mapping[str, int] | None = None) -> None:
        """Let requests go as the stored endpoints say. Cheap where `stamp` tells that nothing changed."""
        if stamp is not None and stamp == self._router.stamp:
            return

        def read() -> tuple[Mapping[str, int], Iterable[Endpoint]]:
            with self._store.read() as conn:
                return endpoints.stamp(conn), [one for one in endpoints.all(conn) if one.model in self._projects]

        self._router.follow(read, self.version, load=self._answers)

    @property
    def _router(self) -> Router:
        return next(iter(self._loops.values())).predict.router

    def _put(self, wanted: Endpoint, known: Endpoint, *, expected: int, by: str, because: str) -> Endpoint:
        self._check(wanted)
        at = self._clock.now()
        for number in wanted.versions:
            if number not in known.versions:
                self._loops[wanted.model].promote.smoke(self.version(wanted.model, number))
        with self._store.write() as conn:
            stored = endpoints.put(conn, wanted, at=at, by=by, because=because.strip() or "asked for", expected=expected)
        split = {route.called: route.share for route in stored.routes}
        log("endpoint.stored", endpoint=stored.name, model=stored.model, revision=stored.revision, by=by, because=because, split=split)
        self.follow_endpoints()
        return stored

    def _check(self, wanted: Endpoint) -> None:
        project = self.project(wanted.model)
        with self._store.read() as conn:
            known = [version.number for version in versions.all(conn, wanted.model)]
        faults = faults_of(wanted, versions=known, models=self.models, keyed=project.schema.key is not None)
        if faults:
            raise BadInput(f"The endpoint {wanted.name} cannot be so: {counted(len(faults), 'fault')}; nothing was changed.", faults=faults)
