"""Clients that keep asking a running server, and remember what they were told."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import msgspec
from tests.running import read_log, soon


@dataclass
class Asked:
    """One request and what became of it."""

    request_id: str
    xs: tuple[float, ...]
    sent: float
    status: int = 0
    version: str = ""
    predictions: tuple[float, ...] = ()


@dataclass
class Load:
    """Asks from several threads until the block ends. A client whose connection breaks opens another.

    Attributes:
        many: how often a request has five rows instead of one [0-1].
        careful: how often one is sent so that the hot lane leaves it [0-1].
        asked: every request that was answered, whatever the answer.
        broken: those that nobody answered, because their connection broke.
    """

    url: str
    name: str = "load"
    clients: int = 3
    many: float = 0.0
    careful: float = 0.0
    seed: int = 20260101
    asked: list[Asked] = field(default_factory=list)
    broken: list[Asked] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on, args=(number,)) for number in range(self.clients)]
        for thread in self._threads:
            thread.start()
        self.goes_on()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    @property
    def answered(self) -> list[Asked]:
        """Those that got a prediction."""
        return [one for one in self.asked if one.status == 200]

    def goes_on(self, more: int = 30) -> None:
        """Wait for so many predictions that are asked for from now on."""
        now = time.monotonic()
        soon(lambda: sum(one.sent > now for one in self.answered) >= more, within_s=20, what="requests are answered")

    def end(self) -> None:
        """No further request; those under way are waited for."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask_on(self, client: int) -> None:
        chance = random.Random(f"{self.seed}-{self.name}-{client}")
        number = 0
        while not self._stop.is_set():
            try:
                with httpx.Client(base_url=self.url, timeout=20) as http:
                    while not self._stop.is_set():
                        number += 1
                        rows = 5 if chance.random() < self.many else 1
                        xs = tuple(round(chance.uniform(0, 1000), 3) for _ in range(rows))
                        one = Asked(f"{self.name}-{client}-{number}", xs, time.monotonic())
                        self._ask(http, one, in_chunks=chance.random() < self.careful)
            except httpx.TransportError:
                self._stop.wait(0.01)

    def _ask(self, http: httpx.Client, one: Asked, *, in_chunks: bool) -> None:
        body = msgspec.json.encode({"rows": [{"x": x, "kind": "a"} for x in one.xs]})
        try:
            # A body of unknown length is sent in chunks, and those are for the careful way.
            answer = http.post("/predict", content=_chunks(body) if in_chunks else body, headers={"X-Request-Id": one.request_id})
        except httpx.TransportError:
            self.broken.append(one)
            raise
        one.status = answer.status_code
        if one.status == 200:
            told = answer.json()
            assert told["request_id"] == one.request_id
            one.version, one.predictions = told["version"], tuple(row["prediction"] for row in told["predictions"])
        self.asked.append(one)


@dataclass(frozen=True)
class Kept:
    """What the log has of what was acknowledged.

    Attributes:
        lost: rows that were answered and are not there.
        doubled: rows that are there more than once, answered or not.
    """

    lost: list[tuple[str, int]]
    doubled: list[tuple[str, int]]


def kept(root: Path, answered: Iterable[Asked]) -> Kept:
    """Compare the log, handed over to its end, with what clients were told."""
    found = Counter((str(row["request_id"]), int(str(row["row"]))) for row in read_log(root, "lines"))
    told = ((one.request_id, row) for one in answered for row in range(len(one.xs)))
    return Kept(lost=[row for row in told if row not in found], doubled=[row for row, times in found.items() if times > 1])


def _chunks(body: bytes) -> Iterator[bytes]:
    yield body
