"""The careful way: `POST /predict` as bare ASGI, from bytes to a recorded answer, for whatever the hot lane leaves.

A model may be slow, and a batch may be big, so all of it happens in threads. They are limited: a big batch never has more than
one of them, so that small requests go on beside it, and what would have to wait too long is told so at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from farero.core.endpoint import OWN
from farero.core.prediction import Answer, Served
from farero.core.schema import Fault
from farero.errors import BadInput, FareroError, Overloaded, TookTooLong
from farero.rest.errors import answer_error
from farero.rest.hot import ROUTE
from farero.rest.request import decode, read_body, request_id_of
from farero.rest.waking import Waking

if TYPE_CHECKING:
    from farero.app import App

BIG_BYTES = 64 << 10
"""A body of more bytes is a big batch."""

SMALL_AT_ONCE = 8
"""Threads for small requests to models that only run as they are."""

_encode = msgspec.json.Encoder().encode


class Infer:
    """Answers predictions itself and passes every other request on, so that they pay for no router and no middleware.

    Args:
        timeout_s: longest that a request may take [s].
        max_waiting: most requests under way; further ones are refused.
    """

    def __init__(
        self, app: App, then: ASGIApp, *, max_body_bytes: int, max_rows: int, timeout_s: float = 30.0, max_waiting: int = 64
    ) -> None:
        self._app = app
        self._then = then
        self._max_body_bytes = max_body_bytes
        self._max_rows = max_rows
        self._timeout_s = timeout_s
        self._max_waiting = max_waiting
        self._under_way = 0
        self._counting = threading.Lock()
        self._limiters: tuple[anyio.CapacityLimiter, anyio.CapacityLimiter] | None = None
        self._waking = Waking(app)
        self._waiting = app.meters.gauge("farero_requests_waiting")
        self._waiting.set(0.0)
        self._seconds = app.meters.histogram("farero_request_seconds", route=ROUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            path: str = scope["path"]
            parts = path.split("/")
            if path == "/predict" or (len(parts) == 5 and parts[1] == "v1" and parts[2] in _KINDS and parts[4] == "predict"):
                where = _Where() if path == "/predict" else _Where(**{_KINDS[parts[2]]: parts[3]})
                await self._answer(where, scope, receive, send)
                return
        await self._then(scope, receive, send)

    async def _answer(self, where: _Where, scope: Scope, receive: Receive, send: Send) -> None:
        begun = perf_counter()
        request_id = request_id_of(scope["headers"])
        try:
            body = await read_body(scope["headers"], receive, self._max_body_bytes)
            response = await self._in_a_thread(where, body, request_id)
        except Exception as error:  # the face's own edge: every failure becomes an answer, a bug is logged and answered 500
            response = answer_error(error, request_id)
            code = error.code if isinstance(error, FareroError) else "internal-error"
            self._app.meters.counter("farero_errors_total", code=code).add()
            # What clients make up must not become a label.
            named = self._app.model_behind(where.endpoint) if where.endpoint else where.model if where.model in self._app.models else None
            if isinstance(error, (Overloaded, TookTooLong, BadInput)):
                self._app.meters.counter("farero_refused_total", model=named or "", reason=code).add()
            if response.status_code >= 500 or response.status_code == 429:
                model = named or (self._app.models[0] if len(self._app.models) == 1 else "")
                self._app.meters.counter("farero_failed_requests_total", model=model).add()
        self._app.meters.counter("farero_requests_total", route=ROUTE, code=str(response.status_code)).add()
        self._seconds.observe(perf_counter() - begun)
        await response(scope, receive, send)

    async def _in_a_thread(self, where: _Where, body: bytes, request_id: str) -> Response:
        """Checking, predicting and recording block, and big bodies take long to decode: all of it leaves the event loop free."""
        model, endpoint = await self._addressed(where)
        if not self._app.is_resting(model, endpoint):
            if self._under_way >= self._max_waiting:
                raise Overloaded(
                    f"{self._under_way} requests are under way or wait already.", hint="Try again soon, or start more workers."
                )
            return await self._worked(model, endpoint, body, request_id, self._timeout_s)
        async with self._waking.held(model, endpoint, self._timeout_s) as left_s:
            return await self._worked(model, endpoint, body, request_id, left_s)

    async def _addressed(self, where: _Where) -> tuple[str, str]:
        """The model, and what its requests here are recorded under."""
        if where.endpoint is None:
            return self._app.only_model(where.model), OWN
        model = self._app.model_behind(where.endpoint)
        if model is None:  # another process may have made it a moment ago
            model = await anyio.to_thread.run_sync(self._app.look_for_endpoint, where.endpoint)
        return model, OWN if where.endpoint == model else where.endpoint

    async def _worked(self, model: str, endpoint: str, body: bytes, request_id: str, timeout_s: float) -> Response:
        """The answer, made in a thread.

        A thread cannot be stopped. One that is given up goes on for nobody and counts as under way until it ends, and it records
        nothing: whether an answer is recorded or given up is settled once, by whoever is first.
        """
        if self._limiters is None:  # they belong to the event loop that runs by now
            self._limiters = anyio.CapacityLimiter(SMALL_AT_ONCE), anyio.CapacityLimiter(1)
        limiter = self._limiters[len(body) > BIG_BYTES]
        self._count(1)
        place, fate = _Once(), _Once()

        def work() -> Response:
            if not place.mine():
                raise TookTooLong  # given up in the same moment; nobody hears it
            try:
                return self._predict(model, endpoint, body, request_id, fate.mine)
            finally:
                self._count(-1)

        task = asyncio.ensure_future(anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter))
        try:
            await asyncio.wait({task}, timeout=timeout_s)
            if task.done() or not fate.mine():  # an answer that is being recorded will be there in a moment
                return await task
        finally:
            task.cancel()
            if place.mine():  # no thread has begun, and none will
                self._count(-1)
        raise TookTooLong(
            f"The prediction took longer than {self._timeout_s:g} s; it was not recorded.",
            hint="Send fewer rows at a time, or raise timeout_s under [server] in farero.toml.",
        )

    def _count(self, by: int) -> None:
        with self._counting:
            self._under_way += by
            self._waiting.set(self._under_way)

    def _predict(self, model: str, endpoint: str, body: bytes, request_id: str, in_time: Callable[[], bool]) -> Response:
        rows, bare = read_rows(decode(body), self._max_rows)
        served = self._app.predict(
            model, rows, request_id=request_id, endpoint=endpoint, prefix="" if bare else "rows", in_time=in_time
        )  # fmt: skip
        content = _encode(served_json(served, bare=bare))
        return Response(content, media_type="application/json", headers={"X-Request-Id": request_id, "Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True)
class _Where:
    """What a request's address names: a model, an endpoint, or neither."""

    model: str | None = None
    endpoint: str | None = None


_KINDS: Final = {"models": "model", "endpoints": "endpoint"}


class _Once:
    """Something that one of two may have: whoever asks first."""

    def __init__(self) -> None:
        self._free = threading.Lock()

    def mine(self) -> bool:
        """Whether nobody had it yet."""
        return self._free.acquire(blocking=False)


def read_rows(value: object, max_rows: int) -> tuple[Sequence[object], bool]:
    """The rows of a decoded body, and whether it was one bare row.

    Raises:
        BadInput: neither `{"rows": [...]}` nor one row, no rows, or too many.
    """
    if not isinstance(value, dict):
        raise _refuse("", "wrong-type", f'Send one row as an object, or {{"rows": [...]}}; this is {_kind(value)}.')
    if "rows" not in value:
        return [value], True
    extra = sorted(str(name) for name in value if name != "rows")
    if extra:
        raise _refuse(extra[0], "unknown-field", f'Beside "rows" stands {extra[0]!r}; the rows are all that is read.')
    rows = value["rows"]
    if not isinstance(rows, list):
        raise _refuse("rows", "wrong-type", f"rows is {_kind(rows)}; it must be a list of rows.")
    if not rows:
        raise _refuse("rows", "empty", "rows is empty; send at least one row.")
    if len(rows) > max_rows:
        raise _refuse("rows", "too-many-rows", f"rows has {len(rows)} rows; at most {max_rows} are answered at a time.")
    return rows, False


def served_json(served: Served, *, bare: bool) -> dict[str, object]:
    """The body of the answer: a list of predictions, or for one bare row its fields beside the rest."""
    head: dict[str, object] = {"request_id": served.request_id, "model": served.model, "version": served.version}
    if bare:
        return head | answer_json(served.predictions[0])
    return head | {"predictions": [answer_json(answer) for answer in served.predictions]}


def answer_json(answer: Answer) -> dict[str, object]:
    """One prediction; `probabilities` is there for classes only."""
    body: dict[str, object] = {
        "prediction": answer.prediction,
        "probability": answer.probability,
        "risk_level": answer.risk_level,
    }
    if answer.probabilities is not None:
        body["probabilities"] = dict(answer.probabilities)
    return body


def _refuse(path: str, code: str, message: str) -> BadInput:
    return BadInput(message, faults=[Fault(path=path, code=code, message=message)])


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), "something else")
