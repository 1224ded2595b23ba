"""Endpoints: which versions of a model answer the requests to an address, and which one a request goes to."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from math import isfinite, log
from typing import Final
from zlib import crc32

from farero.core.schema import Fault

PRODUCTION: Final = "production"
"""In place of a version's number: whichever version is in production at the moment."""

OWN: Final = "predict"
"""What the prediction log calls a model's own endpoint. A file that is answered on the command line is logged as `FROM_FILE`."""

FROM_FILE: Final = "file"

MOST_ROUTES: Final = 16
"""Each version behind an endpoint is in memory: a limit against mistakes."""

SHORTEST_IDLE: Final = timedelta(seconds=1)

_RESERVED: Final = (OWN, FROM_FILE, "replay", PRODUCTION)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_STEP: Final = 0.01  # the smallest difference between two shares [percent]
_WORD: Final = (1 << 64) - 1
_ODD: Final = (0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93)  # multipliers of splitmix64 and of Steele and Vigna's rrmxmx
_UNIT: Final = 2.0**-53


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A part of an endpoint's requests, and the version that answers it.

    Attributes:
        version: a version's number, or `PRODUCTION`.
        share: of the requests [percent, 0-100], in steps of 0.01. A share of 0 keeps the version in memory, ready for more.
        name: what people call it, such as "canary"; empty = the version.
    """

    version: str
    share: float
    name: str = ""

    @property
    def called(self) -> str:
        """Its name, or its version where it has none."""
        return self.name or self.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address for predictions of one model. One without routes answers with the version in production.

    Attributes:
        routes: their shares add up to 100.
        shadow: versions that score copies of the requests; nobody sees their answers.
        sticky: requests with the same entity key go to the same version; a request is known by its first row's key.
        idle: how long without requests until its model leaves memory; None = it stays.
        revision: grows with every change; 0 = never stored.
    """

    name: str
    model: str
    routes: tuple[Route, ...] = ()
    shadow: tuple[str, ...] = ()
    sticky: bool = False
    idle: timedelta | None = None
    revision: int = 0
    changed_at: datetime | None = None

    @property
    def is_own(self) -> bool:
        """Whether it is its model's own endpoint, which is always there."""
        return self.name == self.model

    @property
    def versions(self) -> tuple[str, ...]:
        """The numbers of all versions that it needs beside the one in production, each once."""
        numbers = (*(route.version for route in self.routes), *self.shadow)
        return tuple(dict.fromkeys(number for number in numbers if number != PRODUCTION))


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChange:
    """One change of an endpoint: who made it, when and why. `endpoint` is what it was from then on; None = deleted."""

    name: str
    revision: int
    at: datetime
    by: str
    because: str
    endpoint: Endpoint | None


def own_endpoint(model: str) -> Endpoint:
    """The endpoint that a model has without anybody making it."""
    return Endpoint(name=model, model=model)


def faults_of(endpoint: Endpoint, *, versions: Container[str], models: Container[str], keyed: bool) -> list[Fault]:
    """Everything that is wrong with an endpoint; empty where it can serve.

    Args:
        versions: the numbers of the model's versions.
        models: the names of all models: an endpoint of such a name is that model's own.
        keyed: the model's rows have an entity key.

    >>> from datetime import timedelta
    >>> split = Endpoint(name="churn", model="churn", routes=(Route(version="1.0.0", share=90), Route(version="9.0.0", share=20)))
    >>> for fault in faults_of(split, versions={"1.0.0"}, models={"churn"}, keyed=False): print(fault)
    routes[1].version: churn has no version 9.0.0
    routes: the shares add up to 110, not to 100
    """
    faults: list[Fault] = []

    def fault(path: str, code: str, message: str) -> None:
        faults.append(Fault(path=path, code=code, message=message))

    if not _NAME.fullmatch(endpoint.name):
        fault("name", "bad-name", f"{endpoint.name!r} is no name: letters, digits, '-', '_' and '.', 64 at most, a letter or digit first")
    elif endpoint.name in _RESERVED and not endpoint.is_own:
        fault("name", "taken", f"{endpoint.name} means something else here; take another name")
    elif endpoint.name != endpoint.model and endpoint.name in models:
        fault("name", "taken", f"{endpoint.name} is the name of a model, so it is that model's own endpoint")
    if len(endpoint.routes) > MOST_ROUTES:
        fault("routes", "too-many-routes", f"there are {len(endpoint.routes)} routes, {MOST_ROUTES} at most")
    for at, route in enumerate(endpoint.routes):
        if route.version != PRODUCTION and route.version not in versions:
            fault(f"routes[{at}].version", "unknown-version", f"{endpoint.model} has no version {route.version}")
        if not (isfinite(route.share) and 0 <= route.share <= 100):
            fault(f"routes[{at}].share", "out-of-range", f"the share is {route.share:g}; it must be between 0 and 100")
        elif abs(route.share / _STEP - round(route.share / _STEP)) > 1e-6:
            fault(f"routes[{at}].share", "too-fine", f"the share is {route.share:g}; the smallest step is {_STEP:g}")
        if route.name and not _NAME.fullmatch(route.name):
            fault(f"routes[{at}].name", "bad-name", f"{route.name!r} is no name: letters, digits, '-', '_' and '.', 64 at most")
    faults += _twice("routes", "version", [route.version for route in endpoint.routes])
    faults += _twice("routes", "name", [route.called for route in endpoint.routes if route.name])
    total = sum(route.share for route in endpoint.routes)
    if endpoint.routes and not abs(total - 100) < _STEP / 2:
        fault("routes", "shares", f"the shares add up to {total:g}, not to 100")
    for at, number in enumerate(endpoint.shadow):
        if number != PRODUCTION and number not in versions:
            fault(f"shadow[{at}]", "unknown-version", f"{endpoint.model} has no version {number}")
        elif any(route.version == number and route.share > 0 for route in endpoint.routes):
            fault(f"shadow[{at}]", "serves-already", f"{number} answers requests here; a shadow version only scores copies")
    faults += _twice("shadow", "", list(endpoint.shadow))
    if endpoint.sticky and not keyed:
        fault("sticky", "no-key", f"{endpoint.model} declares no key that its requests could be known by; write key= in its project")
    if endpoint.idle is not None and endpoint.idle < SHORTEST_IDLE:
        fault("idle", "out-of-range", f"{endpoint.idle} without requests is too short a time; 1 s is the shortest")
    return faults


def _twice(path: str, field: str, values: Sequence[str]) -> list[Fault]:
    dot = f".{field}" if field else ""
    return [
        Fault(path=f"{path}[{at}]{dot}", code="twice", message=f"{value} stands there twice")
        for at, value in enumerate(values) if value in values[:at]
    ]  # fmt: skip


class Split:
    """Picks a route by a request's name: the same name, the same route, in every process, as long as the shares stay.

    Weighted rendezvous: every route draws a number from the name, stretched by its share, and the smallest wins. A route's draw does
    not depend on the other routes, so where one share grows at the others' cost, every request that it had stays with it, and none
    moves between two others. With two routes this holds for every change. (Where several of three or more grow by different factors,
    no rule without a memory could do it.)

    Args:
        name: the endpoint; two endpoints of one model draw independently.
        routes: whose shares are not all 0.

    Source: Schindelhauer and Schomaker (2005), Weighted distributed hash tables; Thaler and Ravishankar (1998), rendezvous hashing.

    >>> split = Split("churn", (Route(version="1.0.0", share=75), Route(version="1.1.0", share=25)))
    >>> [split.pick(f"C-{number}") for number in range(12)]
    [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    """

    def __init__(self, name: str, routes: Sequence[Route]) -> None:
        drawn = [(at, route) for at, route in enumerate(routes) if route.share > 0]
        self._draws = tuple((at, _seed(f"{name}/{route.version}"), 100.0 / route.share) for at, route in drawn)
        self._only = drawn[0][0] if len(drawn) == 1 else None

    def pick(self, name: str) -> int:
        """The place of the route that a request of this name (a request id or an entity key) goes to."""
        if self._only is not None:
            return self._only
        word = crc32(name.encode("utf-8", "surrogatepass"))
        best, found = float("inf"), 0
        for at, seed, stretch in self._draws:
            mixed = ((word ^ seed) * _ODD[0]) & _WORD
            mixed = ((mixed ^ (mixed >> 32)) * _ODD[1]) & _WORD
            drawn = -log(((mixed >> 11) + 0.5) * _UNIT) * stretch
            if drawn < best:
                best, found = drawn, at
        return found


def _seed(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
