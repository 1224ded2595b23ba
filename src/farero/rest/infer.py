"""The hot path: `POST /predict` as bare ASGI, from bytes to a recorded answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio.to_thread
import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from farero.core.prediction import Answer, Served
from farero.core.schema import Fault
from farero.errors import BadInput
from farero.rest.errors import answer_error
from farero.rest.request import decode, read_body, request_id_of

if TYPE_CHECKING:
    from farero.app import App

_encode = msgspec.json.Encoder().encode


class Infer:
    """Answers predictions itself and passes every other request on, so that the hot path pays for no router and no middleware."""

    def __init__(self, app: App, then: ASGIApp, *, max_body_bytes: int, max_rows: int) -> None:
        self._app = app
        self._then = then
        self._max_body_bytes = max_body_bytes
        self._max_rows = max_rows

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            path: str = scope["path"]
            parts = path.split("/")
            if path == "/predict" or (len(parts) == 5 and parts[1:3] == ["v1", "models"] and parts[4] == "predict"):
                await self._answer(None if path == "/predict" else parts[3], scope, receive, send)
                return
        await self._then(scope, receive, send)

    async def _answer(self, model: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = request_id_of(scope["headers"])
        try:
            body = await read_body(scope["headers"], receive, self._max_body_bytes)
            # Checking, predicting and recording block, and big bodies take long to decode: all of it leaves the event loop free.
            response = await anyio.to_thread.run_sync(self._predict, model, body, request_id)
        except Exception as error:  # the face's own edge: every failure becomes an answer, a bug is logged and answered 500
            response = answer_error(error, request_id)
        await response(scope, receive, send)

    def _predict(self, model: str | None, body: bytes, request_id: str) -> Response:
        name = self._app.only_model(model)
        rows, bare = read_rows(decode(body), self._max_rows)
        served = self._app.predict(name, rows, request_id=request_id, prefix="" if bare else "rows")
        content = _encode(served_json(served, bare=bare))
        return Response(content, media_type="application/json", headers={"X-Request-Id": request_id, "Cache-Control": "no-store"})


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
