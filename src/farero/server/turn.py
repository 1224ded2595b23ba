"""One turn of the event loop: the answers that came up in it are recorded together, and leave together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from threading import get_ident
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from farero.errors import FareroError
from farero.rest.hot import ROUTE, Hot, Shot, refusal
from farero.telemetry import PredictionLines

if TYPE_CHECKING:
    from farero.app import App
    from farero.serving.meters import Cell

Headers = list[tuple[bytes, bytes]]

ENDPOINTS: Final = b"/v1/endpoints/"
"""What the address of every endpoint begins with."""


class Held(Protocol):
    """A connection that waits for its answer."""

    def answered(self, payload: bytes, now: float) -> None:
        """Send it."""
        ...


_Answer: TypeAlias = tuple[Held, Hot, Shot, str, float]
"""Connection, way, answer, request id, and when its request came [s]. A plain tuple: one is made for every request."""


class Turn:
    """Gathers answers, records them with one write, and sends them. One a process, for its event loop only.

    There is no timer: whatever requests the kernel had ready when the loop looked make one group, be it one or a hundred.

    Args:
        date: the headers that every answer begins with.
        connections: how many there are.
    """

    def __init__(self, app: App, date: Callable[[], Headers], connections: Callable[[], int] = lambda: 1) -> None:
        self._app = app
        self._date = date
        self._lines = PredictionLines()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[_Answer] = []
        self._by_thread = app.settings.log.record == "fsync"  # whether a thread of the spool says that it is safe
        self._connections = connections
        self._gathered = 0
        self._thread = 0
        self._dated: Headers | None = None
        self._start = b""
        self._answered = app.meters.counter("farero_requests_total", route=ROUTE, code="200")
        self._seconds = app.meters.histogram("farero_request_seconds", route=ROUTE)
        self._cells: dict[tuple[str, str], tuple[Cell, Cell, Cell]] = {}

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Work on this event loop, in the thread that calls this."""
        self._loop = loop
        self._thread = get_ident()

    def add(self, wire: Held, hot: Hot, shot: Shot, request_id: str, begun: float) -> None:
        """Send this answer with the turn's others, as soon as all are recorded."""
        if not self._waiting:
            assert self._loop is not None
            self._loop.call_soon(self._flush)
        self._waiting.append((wire, hot, shot, request_id, begun))

    def refusal(self, error: FareroError, request_id: str, *, route: str = ROUTE, more: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
        """The whole answer that tells an error; counted as sent."""
        status, headers, body = refusal(error, request_id)
        self._app.meters.counter("farero_requests_total", route=route, code=str(status)).add()
        self._app.meters.counter("farero_errors_total", code=error.code).add()
        said = _spelt([*self._date(), *headers, *more])
        return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status, HTTPStatus(status).phrase.encode(), said, body)

    def write_lines(self) -> None:
        """Let the log file have the lines that are still held."""
        self._lines.flush()

    def _flush(self) -> None:
        if self._by_thread and self._gather():
            return
        answers, self._waiting = self._waiting, []
        self._gathered = 0
        frames = answers[0][2].frame if len(answers) == 1 else b"".join([shot.frame for _, _, shot, _, _ in answers])
        self._app.commit(frames, lambda error: self._settle(answers, error))

    def _gather(self) -> bool:
        """Whether to wait one more turn of the loop before the disk is asked.

        A turn of the disk costs as much as ten answers, so it pays to share it. As long as each turn of the loop brings more requests,
        more are likely to be in the next; the first quiet one ends it, and so does an answer for every connection.
        """
        count = len(self._waiting)
        if count == self._gathered or count >= self._connections():
            return False
        self._gathered = count
        assert self._loop is not None
        self._loop.call_soon(self._flush)
        return True

    def _settle(self, answers: list[_Answer], error: FareroError | None) -> None:
        if not self._by_thread or get_ident() == self._thread:
            self._recorded(answers, error)
        elif self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._recorded, answers, error)

    def _recorded(self, answers: list[_Answer], error: FareroError | None) -> None:
        now = perf_counter()
        if error is not None:
            for wire, hot, _, request_id, _ in answers:
                wire.answered(self.refusal(error, request_id), now)
                self._app.meters.counter("farero_failed_requests_total", model=hot.model).add()
            return
        dated = self._date()
        if dated is not self._dated:
            self._dated = dated
            said = _spelt([*dated, (b"content-type", b"application/json"), (b"cache-control", b"no-store")])
            self._start = b"HTTP/1.1 200 OK\r\n%bx-request-id: " % said
        start, lines, observe = self._start, self._lines.add, self._seconds.observe
        counted: dict[tuple[str, str], list[int]] = {}
        for wire, hot, shot, request_id, begun in answers:
            body, model, version, rows = shot.body, hot.model, shot.version, shot.rows
            wire.answered(b"%b%b\r\ncontent-length: %d\r\n\r\n%b" % (start, request_id.encode("ascii"), len(body), body), now)
            seconds = now - begun
            lines(model, version, rows, hot.endpoint, request_id, int(seconds * 1e6))
            observe(seconds)
            if shot.copy is not None:
                hot.copied(shot.copy, request_id)
            counted.setdefault((model, version), []).append(rows)
        for key, each in counted.items():
            requests, of_rows, fast = self._cells.get(key) or self._make_cells(key)
            requests.add(len(each))
            of_rows.add(sum(each))
            fast.add(len(each))
        self._answered.add(len(answers))

    def _make_cells(self, key: tuple[str, str]) -> tuple[Cell, Cell, Cell]:
        meters, (model, version) = self._app.meters, key
        made = self._cells[key] = (
            meters.counter("farero_predictions_total", model=model, version=version),
            meters.counter("farero_prediction_rows_total", model=model, version=version),
            meters.counter("farero_fast_requests_total", model=model),
        )
        return made


class Routes:
    """The addresses of the hot lane. Those of models are there from the start, those of endpoints come with their first request."""

    def __init__(self, app: App, max_rows: int) -> None:
        self._app = app
        self._max_rows = max_rows
        self._known = {f"/v1/models/{model}/predict".encode(): Hot(app, model, max_rows=max_rows) for model in app.models}
        if len(app.models) == 1:
            self._known[b"/predict"] = Hot(app, app.models[0], max_rows=max_rows)

    def get(self, address: bytes) -> Hot | None:
        """The way from an address; None where it is none for the hot lane."""
        known = self._known.get(address)
        if known is not None or not address.startswith(ENDPOINTS) or not address.endswith(b"/predict"):
            return known
        name = address[len(ENDPOINTS) : -len(b"/predict")].decode("latin-1")
        model = self._app.model_behind(name)
        if model is None:
            return None
        made = self._known[address] = Hot(self._app, model, max_rows=self._max_rows, endpoint=None if name == model else name)
        return made

    def look(self) -> None:
        """Let every way follow what has changed, so that nothing stays in memory that no request needs."""
        for hot in list(self._known.values()):
            hot.look()


def _spelt(headers: Headers) -> bytes:
    return b"".join([name + b": " + value + b"\r\n" for name, value in headers])
