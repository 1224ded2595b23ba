"""Bytes out, answers in: a client that sends anything at all and believes nothing of what comes back."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

PATIENCE_S = 30.0
"""A request that should be answered and is not within this time hangs."""

QUIET_S = 0.06
"""How long to listen where nobody can say whether an answer is due."""

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [A-Za-z '-]*")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_MEMBERS = {"type", "title", "status", "code", "detail", "faults", "request_id"}


@dataclass(frozen=True)
class Case:
    """What is sent, and what must come back.

    Attributes:
        source: the line of the report it counts for.
        kind: for people, who have to find out what went wrong.
        pieces: sent one after the other; the kernel is given time to send each alone.
        answers: how many must come; None = as many as come within `QUIET_S`, and `most` at most.
        statuses: which are right; empty = any but 5xx.
        counts: requests in it.
        ids: the request ids that the answers must carry, in this order; empty = any.
        alone: on a connection of its own, that is closed afterwards.
        twin: the same request by the careful way, whose answer must be the same.
        wait: False = close without reading anything.
    """

    source: str
    kind: str
    pieces: tuple[bytes, ...]
    answers: int | None = 1
    most: int = 50
    statuses: frozenset[int] = frozenset()
    counts: int = 1
    ids: tuple[str, ...] = ()
    alone: bool = False
    twin: bytes = b""
    wait: bool = True
    head_only: bool = False
    pages: bool = False


@dataclass
class Answer:
    """One answer, as it came."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    json: Any = None
    faults: list[str] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """The values of every header of this name."""
        return [value for known, value in self.headers if known == name]

    def first(self, name: str) -> str:
        """The value of the first header of this name, or nothing."""
        return next(iter(self.all(name)), "")


class Broken(Exception):
    """What came is no HTTP."""


class Connection:
    """One connection to the service; opened when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, pieces: Sequence[bytes]) -> None:
        """Send each piece for itself. That the service hangs up meanwhile is its right."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=64 << 20)
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(0 if len(pieces) > 8 else 0.002)
            self._writer.write(piece)
            with suppress(ConnectionError):
                await asyncio.wait_for(self._writer.drain(), PATIENCE_S)

    async def read(self, *, head_only: bool = False, within_s: float = PATIENCE_S) -> Answer | None:
        """The next answer; None where the service has closed the connection.

        Raises:
            TimeoutError: nothing came in time.
            Broken: it is no HTTP.
        """
        assert self._reader is not None
        while True:
            try:
                head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), within_s)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                partial = getattr(error, "partial", b"")
                if partial:
                    raise Broken(f"closed within a head: {partial[:200]!r}") from error
                return None
            answer = _read_head(head)
            if answer.status >= 200:
                break
        try:
            answer.body = await asyncio.wait_for(self._body(answer, head_only), PATIENCE_S)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            raise Broken(f"{answer.status} whose body is not what its head says: {error}") from error
        return answer

    def close(self) -> None:
        """Hang up at once."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    async def _body(self, answer: Answer, head_only: bool) -> bytes:
        assert self._reader is not None
        if head_only or answer.status in (204, 304):
            return b""
        if answer.all("transfer-encoding") == ["chunked"]:
            chunks = []
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                chunks.append((await self._reader.readexactly(size + 2))[:-2])
            await self._reader.readexactly(2)
            return b"".join(chunks)
        return await self._reader.readexactly(int(answer.first("content-length")))


def _read_head(head: bytes) -> Answer:
    first, *lines = head[:-4].split(b"\r\n")
    status = _STATUS_LINE.fullmatch(first)
    if status is None:
        raise Broken(f"no status line: {first[:200]!r}")
    headers = []
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None:
            raise Broken(f"no header: {line[:200]!r}")
        headers.append((header[1].decode().lower(), header[2].decode("latin-1")))
    answer = Answer(int(status[1]), headers, b"")
    lengths, codings = answer.all("content-length"), answer.all("transfer-encoding")
    if answer.status >= 200 and answer.status not in (204, 304) and (len(lengths), len(codings)) not in ((1, 0), (0, 1)):
        raise Broken(f"{answer.status} with Content-Length {lengths} and Transfer-Encoding {codings}")
    return answer


def judge(answer: Answer, case: Case) -> list[str]:
    """Everything that is wrong with an answer for itself."""
    wrong = []
    status, kind = answer.status, answer.first("content-type")
    if status >= 500:
        wrong.append(f"{status}")
    if case.statuses and status not in case.statuses:
        wrong.append(f"{status} where one of {sorted(case.statuses)} was due")
    once = ("content-type", "x-request-id", "date")
    wrong += [f"{len(answer.all(name))} headers {name}" for name in once if len(answer.all(name)) > 1]
    if case.head_only:
        return wrong
    if answer.body and not kind:
        wrong.append("a body without Content-Type")
    if "json" in kind:
        try:
            answer.json = json.loads(answer.body.decode("utf-8"), parse_constant=_refuse)
        except ValueError as error:
            wrong.append(f"JSON that is none: {error}")
            return wrong
    if status >= 400 and not (case.pages and kind.startswith("text/html")):
        if kind != "application/problem+json":
            wrong.append(f"{status} as {kind or 'nothing'}: {answer.body[:100]!r}")
        elif not isinstance(answer.json, dict) or set(answer.json) != _MEMBERS or answer.json["status"] != status:
            wrong.append(f"{status} whose problem document is not one: {answer.body[:200]!r}")
        elif not answer.json["request_id"] or answer.json["request_id"] != answer.first("x-request-id"):
            wrong.append(f"{status} with request id {answer.json['request_id']!r}, X-Request-Id {answer.first('x-request-id')!r}")
    return wrong


def rows_of(answer: Answer) -> int:
    """How many rows it says were predicted; 0 where it is no prediction."""
    told = answer.json
    if answer.status != 200 or not isinstance(told, dict) or not {"request_id", "model", "version"} <= set(told):
        return 0
    if "predictions" in told:
        return len(told["predictions"])
    return 1 if "prediction" in told else 0


def agrees(one: Answer, other: Answer) -> bool:
    """Whether two answers say the same; their request ids and connections apart."""
    if one.status != other.status or not isinstance(one.json, dict) or not isinstance(other.json, dict):
        return False
    return _plain(one.json) == _plain(other.json)


def _plain(value: dict[str, Any]) -> str:
    return json.dumps({name: _rounded(member) for name, member in value.items() if name != "request_id"}, sort_keys=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, dict):
        return {name: _rounded(member) for name, member in value.items()}
    return [_rounded(member) for member in value] if isinstance(value, list) else value


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
