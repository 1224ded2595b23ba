"""HTTP on the hot lane: a whole prediction request that came in one piece is answered on the spot, everything else goes uvicorn's way.

A head is read by the same parser as everywhere (llhttp). Its bytes are then remembered with what they meant: a client sends
nearly the same head with every request, and the very same bytes mean the very same thing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from secrets import token_hex
from time import perf_counter
from typing import Any, Final, Protocol

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from farero.rest.errors import HeadTooLarge, NotHttp
from farero.rest.hot import MOST_BYTES, Hot
from farero.rest.request import request_id_of
from farero.server.turn import ENDPOINTS, Turn

REMEMBERED: Final = 4096
"""Heads that are remembered. A client that varies its heads without end must not fill the memory."""

REMEMBERED_BYTES: Final = 2 << 10
"""Heads beyond this size are read anew each time, for the same reason."""

MOST_HEAD: Final = 64 << 10
"""Bytes of an address and its headers that are read. The parser itself has no limit."""

LINGER_S: Final = 1.0
"""How long a client that was told off may take to read it [s]."""

MOST_LATER: Final = 256 << 10
"""Bytes that a client may send ahead of its answers; then it is not read from until they are out."""

_SANE_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")
# Whatever changes how a body is to be read, or what shall become of the connection, is uvicorn's to decide.
_NOT_HOT: Final = frozenset((b"transfer-encoding", b"expect", b"upgrade", b"content-encoding", b"te", b"trailer"))


class Head:
    """What a request's head means. `hot` is None where it is none for the hot lane."""

    __slots__ = ("hot", "length", "request_id")

    def __init__(self, hot: Hot | None, length: int, request_id: str | None) -> None:
        self.hot = hot
        self.length = length
        self.request_id = request_id


class Addresses(Protocol):
    """What knows the ways from addresses."""

    def get(self, address: bytes, /) -> Hot | None:
        """The way from an address; None where it is none for the hot lane."""
        ...


class Heads:
    """Reads heads and remembers them. One a process."""

    def __init__(self, routes: Addresses) -> None:
        self._routes = routes
        self._known: dict[bytes, Head] = {}
        self._prefix = token_hex(8)
        self._numbers = count()

    def read(self, head: bytes) -> Head:
        """What these bytes, up to the empty line, mean."""
        known = self._known.get(head)
        if known is not None:
            return known
        found = _HeadReader(self._routes).read(head)
        later = found.hot is None and head.startswith(b"POST " + ENDPOINTS)  # such an endpoint may come yet
        if found.request_id is None and len(head) <= REMEMBERED_BYTES and not later:  # one with an id of its own hardly comes twice
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[head] = found
        return found

    def new_id(self) -> str:
        """A request id that nobody else has: 64 random bits of this process, and a number."""
        return f"{self._prefix}{next(self._numbers):016x}"


class _HeadReader:
    """llhttp's callbacks for one head."""

    def __init__(self, routes: Addresses) -> None:
        self._routes = routes
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._complete = False

    def read(self, head: bytes) -> Head:
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return Head(None, 0, None)
        hot = self._routes.get(self._url)
        names = {name for name, _ in self._headers}
        length = dict(self._headers).get(b"content-length", b"")
        sound = (
            hot is not None and self._complete and parser.get_method() == b"POST" and parser.get_http_version() == "1.1"
            and parser.should_keep_alive() and not names & _NOT_HOT and length.isdigit() and 0 < int(length) <= MOST_BYTES
        )  # fmt: skip
        if not sound:
            return Head(None, 0, None)
        # The first that is sane, as everywhere: a request must not change its name with the way it goes.
        own = next((value for name, value in self._headers if name == b"x-request-id" and _SANE_ID.fullmatch(value)), None)
        return Head(hot, int(length), None if own is None else own.decode("ascii"))

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._complete = True


class Wire(HttpToolsProtocol):
    """One connection. `turn` and `heads` are shared by all of a process."""

    def __init__(self, *, turn: Turn, heads: Heads, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._turn = turn
        self._heads = heads
        self._between = True  # whether uvicorn's parser stands between two messages
        self._held = False  # whether an answer of the hot lane is on its way
        self._gathered = b""  # a hot request whose body has not come whole
        self._later = b""  # what came while an answer was on its way
        self._leaving = False
        self._named: str | None = None  # what the hot lane called the request that it leaves to uvicorn
        self._headed = True  # whether uvicorn's parser has read the head of its message to the end
        self._head_bytes = 0  # how much of it came so far
        self._refusal: NotHttp | None = None  # why nothing more is read; told once all answers before are out
        self.seen = perf_counter()

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._refusal is not None:
            return
        if self._held:
            self._later += data
            if len(self._later) > MOST_LATER:
                self.flow.pause_reading()
            return
        if self._gathered:
            data, self._gathered = self._gathered + data, b""
        if self._between and data.startswith(b"POST /") and (self.cycle is None or self.cycle.response_complete) and self._take(data):
            return
        self.seen = perf_counter()
        super().data_received(data)
        if not self._headed:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD and self._refusal is None:
                self._refuse(HeadTooLarge())

    def on_message_begin(self) -> None:
        """uvicorn's parser has begun a message."""
        self._between = self._headed = False
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """uvicorn's parser has read a head to its end."""
        size = len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers])
        if size > MOST_HEAD:
            self._head_bytes = size
            raise HeadTooLarge  # the parser stops with an error of its own
        if self._named is not None:
            self.headers.append((b"x-request-id", self._named.encode("ascii")))
            self._named = None
        super().on_headers_complete()
        self._headed = True

    def on_message_complete(self) -> None:
        """uvicorn's parser has read a message to its end."""
        self._between = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """uvicorn has answered: from now on the connection may be idle, and not since the last request of the hot lane."""
        self.seen = perf_counter()
        last = not self.pipeline
        super().on_response_complete()
        if last and self._refusal is not None:
            self._tell(self._refusal)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's words)
        """uvicorn's parser cannot go on."""
        self._refuse(HeadTooLarge() if self._head_bytes > MOST_HEAD else NotHttp())

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing here speaks another protocol. It is answered in this one; but its parser reads no further, so the connection ends."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            self.cycle.keep_alive = False

    def answered(self, payload: bytes, now: float) -> None:
        """Send the answer that was held until it was recorded."""
        self._held = False
        self.seen = now
        transport = self.transport
        if transport.is_closing():
            return
        transport.write(payload)
        if self._leaving:
            transport.close()
        elif self._later:
            data, self._later = self._later, b""
            self.flow.resume_reading()
            self.data_received(data)

    def shutdown(self) -> None:
        """The server stops: go, but not before an answer that is on its way."""
        if self._held:
            self._leaving = True
        else:
            super().shutdown()

    def is_idle(self, since: float) -> bool:
        """Whether the client has sent nothing since then, although it is its turn; uvicorn watches only between its own requests."""
        if self._held or self.seen >= since:
            return False
        if not self._between:  # within a message: half a head, or half a body
            return not self.flow.read_paused
        return self.cycle is None or self.cycle.response_complete

    def _refuse(self, refusal: NotHttp) -> None:
        """Read nothing more. Requests that came whole before are answered first: a refusal must not be taken for their answer."""
        if self.transport.is_closing():
            return
        self._refusal = refusal
        begun = self.cycle if self._headed and not self._between else None  # the request within which it happened
        if begun is not None and begun.response_started:
            self.transport.close()
            return
        due = begun is None and self.cycle is not None and not self.cycle.response_complete
        if begun is not None and self.pipeline and self.pipeline[0][0] is begun:
            self.pipeline.popleft()
            due = True
        elif begun is not None:  # it is told that the client is gone, and stores nothing
            begun.disconnected = True
            begun.message_event.set()
        if due:
            self.flow.pause_reading()
        else:
            self._tell(refusal)

    def _tell(self, refusal: NotHttp) -> None:
        if self.transport.is_closing():
            return
        own = request_id_of(() if self._between else self.headers)
        self.transport.write(self._turn.refusal(refusal, own, route="(none)", more=((b"connection", b"close"),)))
        # Closed at once, a client that is still sending would be reset before it has read this: it may go on for a moment, unheard.
        self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(LINGER_S, self.transport.close)

    def _take(self, data: bytes) -> bool:
        begun = perf_counter()
        end = data.find(b"\r\n\r\n") + 4
        if not 4 <= end <= MOST_HEAD or self.flow.write_paused:
            return False
        head = self._heads.read(data[:end])
        hot = head.hot
        if hot is None:
            return False
        self.seen = begun
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        whole = end + head.length
        if len(data) < whole:
            self._gathered = data
            return True
        request_id = head.request_id or self._heads.new_id()
        shot = hot.answer(data[end:whole], request_id)
        if shot is None:
            # The version that answers is picked by the id: with another one, those that the hot lane cannot serve would lose requests.
            self._named = None if head.request_id else request_id
            return False
        self._held = True
        if len(data) > whole:
            self._later = data[whole:]
        self._turn.add(self, hot, shot, request_id, begun)
        return True


def wired(turn: Turn, heads: Heads) -> Callable[..., Wire]:
    """What uvicorn makes a connection with."""

    def make(**uvicorns: Any) -> Wire:
        return Wire(turn=turn, heads=heads, **uvicorns)

    return make
