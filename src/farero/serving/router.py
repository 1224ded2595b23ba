"""Which version answers behind each endpoint, as this process has it. Readers never wait: a change loads first, then sets one reference."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from farero.core.endpoint import PRODUCTION, Endpoint, Split
from farero.core.version import Version
from farero.errors import FareroError
from farero.serving.memory import give_back
from farero.serving.pool import Loaded, Pool
from farero.telemetry import log


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A version that an endpoint needs.

    Attributes:
        number: its number, or `PRODUCTION`: the pool has that one.
        version: None where it is `PRODUCTION`, or unknown.
        loaded: None where it is not in memory now.
        failure: why it cannot be loaded; it is not tried again before the endpoint changes.
    """

    number: str
    version: Version | None = None
    loaded: Loaded | None = None
    failure: FareroError | None = None


class Use:
    """How many requests an endpoint had in this process."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What an endpoint does with a request. Never changed, only replaced.

    Attributes:
        ways: one for each of the endpoint's routes, in their order.
        split: picks one of them; None = the version in production answers everything.
        shadows: score copies.
    """

    endpoint: Endpoint
    ways: tuple[Way, ...]
    split: Split | None
    shadows: tuple[Way, ...]
    use: Use

    def pick(self, request_id: str, key: str | None) -> Way | None:
        """The way of a request; None = the version in production.

        Args:
            key: the entity key of its first row, if it has one.
        """
        if self.split is None:
            return None
        way = self.ways[self.split.pick(key if key and self.endpoint.sticky else request_id)]
        return None if way.number == PRODUCTION else way


class Router:
    """The tables of all stored endpoints, by name. A model without one answers with its version in production.

    Attributes:
        stamp: what `store.endpoints.stamp` said of what is followed; None = nothing was read yet.
    """

    def __init__(self, pool: Pool) -> None:
        self.stamp: Mapping[str, int] | None = None
        self._pool = pool
        self._changing = threading.Lock()
        self._tables: Mapping[str, Table] = {}  # never changed in place, so that readers need no lock
        self._seen: dict[str, tuple[int, datetime]] = {}

    @property
    def tables(self) -> Mapping[str, Table]:
        """All of them as they are now."""
        return self._tables

    def find(self, name: str) -> Table | None:
        """An endpoint's table; never waits."""
        return self._tables.get(name)

    def follow(
        self, read: Callable[[], tuple[Mapping[str, int], Iterable[Endpoint]]], version_of: Callable[[str, str], Version], *, load: bool
    ) -> None:
        """Let the endpoints that are stored, and no others, be as they are stored, all in the same moment.

        A version that cannot be loaded costs nobody an answer: production answers in its place, and the log says why.

        Args:
            read: gives the stamp and all endpoints of one moment. Called inside, so that of two threads the later one reads later.
            version_of: a version by model and number; may raise a `FareroError`.
            load: have the versions in memory first, where their model is. Otherwise the first request loads each.
        """
        with self._changing:
            stamp, endpoints = read()
            tables = {endpoint.name: self._table(endpoint, version_of, load) for endpoint in endpoints}
            before, self._tables = self._tables, tables
            began, self.stamp = self.stamp is None, stamp
            self._let_go(before)
        for name, table in tables.items():
            known = before.get(name)
            if not began and (known is None or known.endpoint.revision != table.endpoint.revision):
                split = {route.called: route.share for route in table.endpoint.routes}
                log("endpoint.changed", endpoint=name, model=table.endpoint.model, revision=table.endpoint.revision, split=split)

    def load(self, table: Table, way: Way) -> Loaded:
        """The version of a way, loaded first where it is not in memory.

        Raises:
            FareroError: it cannot be loaded.
        """
        if way.loaded is not None:
            return way.loaded
        if way.failure is not None:
            raise way.failure
        with self._changing:
            found = self._loaded(way)
            current = self._tables.get(table.endpoint.name)
            if current is not None and current.endpoint.model == table.endpoint.model:
                self._tables = {**self._tables, current.endpoint.name: _put(current, found)}
        if found.loaded is None:
            assert found.failure is not None
            raise found.failure
        return found.loaded

    def is_resting(self, model: str, name: str) -> bool:
        """Whether a request here would have to load something first."""
        if self._pool.expected(model) is not None:
            return True
        table = self._tables.get(name)
        return table is not None and any(_is_resting(way) for way in table.ways)

    def wake(self, model: str, name: str) -> None:
        """Load what a request here needs. What cannot be loaded is left: the request itself is told why."""
        if self._pool.expected(model) is not None:
            with suppress(FareroError):
                self._pool.production(model)
        table = self._tables.get(name)
        for way in table.ways if table is not None else ():
            if table is not None and _is_resting(way):
                with suppress(FareroError):
                    self.load(table, way)

    def rest(self, now: datetime) -> None:
        """Let what has had no request for its endpoint's idle time leave memory. The next request loads it again.

        A model's own endpoint is idle when no endpoint of the model had a request: the version in production stands behind all of them.
        """
        idle: list[Table] = []
        for name, table in self._tables.items():
            if table.endpoint.idle is None:
                continue
            count, since = self._seen.get(name, (-1, now))
            used = self._uses(table.endpoint)
            if used != count:
                self._seen[name] = (used, now)
            elif now - since >= table.endpoint.idle:
                idle.append(table)
        left = [table for table in idle if self._unload(table.endpoint)]
        if left:
            give_back()
            for table in left:
                log("endpoint.resting", endpoint=table.endpoint.name, model=table.endpoint.model)

    def _uses(self, endpoint: Endpoint) -> int:
        if not endpoint.is_own:
            return self._tables[endpoint.name].use.count
        return sum(table.use.count for table in self._tables.values() if table.endpoint.model == endpoint.model)

    def _unload(self, endpoint: Endpoint) -> bool:
        """Whether there was something to unload."""
        with self._changing:
            table = self._tables.get(endpoint.name)
            if table is None or table.endpoint.revision != endpoint.revision:
                return False
            loaded = any(way.loaded is not None for way in (*table.ways, *table.shadows))
            if loaded:
                bare = replace(table, ways=tuple(map(_emptied, table.ways)), shadows=tuple(map(_emptied, table.shadows)))
                before, self._tables = self._tables, {**self._tables, endpoint.name: bare}
                self._let_go(before)
            rested = endpoint.is_own and self._pool.rest(endpoint.model)
        return loaded or rested

    def _let_go(self, before: Mapping[str, Table]) -> None:
        """The pool need not keep what only earlier tables held."""
        gone = _digests(before.values()) - _digests(self._tables.values())
        if gone:
            self._pool.release(gone)

    def _table(self, endpoint: Endpoint, version_of: Callable[[str, str], Version], load: bool) -> Table:
        known = self._tables.get(endpoint.name)
        if known is not None and known.endpoint == endpoint:
            return known
        load = load and self._pool.expected(endpoint.model) is None

        def way(number: str) -> Way:
            if number == PRODUCTION:
                return Way(number=number)
            try:
                found = Way(number=number, version=version_of(endpoint.model, number))
            except FareroError as failure:
                return _refused(Way(number=number), endpoint.model, failure)
            return self._loaded(found) if load else found

        return Table(
            endpoint=endpoint,
            ways=tuple(way(route.version) for route in endpoint.routes),
            split=Split(endpoint.name, endpoint.routes) if endpoint.routes else None,
            shadows=tuple(way(number) for number in endpoint.shadow),
            use=known.use if known is not None else Use(),
        )

    def _loaded(self, way: Way) -> Way:
        version = way.version
        assert version is not None
        for table in self._tables.values():
            for other in (*table.ways, *table.shadows):
                if other.loaded is not None and other.loaded.version.digest == version.digest:
                    return replace(way, loaded=replace(other.loaded, version=version))
        try:
            return replace(way, loaded=self._pool.get(version))
        except FareroError as failure:
            return _refused(way, version.model, failure)


def _is_resting(way: Way) -> bool:
    return way.version is not None and way.loaded is None and way.failure is None


def _refused(way: Way, model: str, failure: FareroError) -> Way:
    log("model.refused", level="error", error=failure, model=model, version=way.number)
    return replace(way, failure=failure)


def _put(table: Table, found: Way) -> Table:
    """The table with this way in place of the same version's."""

    def same(way: Way) -> Way:
        return found if way.number == found.number and way.loaded is None else way

    return replace(table, ways=tuple(map(same, table.ways)), shadows=tuple(map(same, table.shadows)))


def _emptied(way: Way) -> Way:
    return replace(way, loaded=None)


def _digests(tables: Iterable[Table]) -> set[str]:
    ways = (way for table in tables for way in (*table.ways, *table.shadows))
    return {way.loaded.version.digest for way in ways if way.loaded is not None}
