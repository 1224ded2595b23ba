"""What every request passes that is not a prediction: an id, a body within limits, JSON in it, and headers that protect a browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from farero.errors import FareroError
from farero.rest.errors import answer_error, problem
from farero.rest.request import decode, read_body, request_id_of
from farero.telemetry import answering

# Everything comes from this server: no script, style or font of another one, and nobody may frame it.
POLICY = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
# Swagger UI writes style attributes; it is the one page that needs them.
DOCS_POLICY = f"{POLICY}; style-src 'self' 'unsafe-inline'"

HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Wraps both faces.

    Args:
        count: told of every answer: its route, its status and the seconds it took.
    """

    def __init__(self, then: ASGIApp, *, max_body_bytes: int, count: Callable[[str, int, float], None]) -> None:
        self._then = then
        self._max_body_bytes = max_body_bytes
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._then(scope, receive, send)
            return
        begun = perf_counter()
        status = 500

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._answer(scope, receive, send_counted)
        finally:
            self._count(_route(scope), status, perf_counter() - begun)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = request_id_of(scope["headers"])
        scope.setdefault("state", {})["request_id"] = request_id
        policy = DOCS_POLICY if scope["path"].startswith("/docs") else POLICY
        extra = [(name.encode(), value.encode()) for name, value in ({**HEADERS, "content-security-policy": policy}).items()]

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name for name, _ in message["headers"]}
                added = [*extra, (b"x-request-id", request_id.encode())]
                message["headers"] = [*message["headers"], *(pair for pair in added if pair[0] not in known)]
            await send(message)

        with answering(request_id):
            try:
                checked = await self._checked(scope, receive)
            except FareroError as error:
                await answer_error(error, request_id)(scope, receive, send_guarded)
                return
            if isinstance(checked, str):
                await problem(415, "not-json", checked, request_id)(scope, receive, send_guarded)
                return
            await self._then(scope, checked, send_guarded)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive | str:
        """A receive that gives the whole body again, or what is wrong with its declared type."""
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return receive
        body = await read_body(scope["headers"], receive, self._max_body_bytes)
        if body:
            kind = dict(scope["headers"]).get(b"content-type", b"").split(b";")[0].strip().lower()
            # A form on somebody else's page can post text, never this type: asking for it keeps foreign pages from promoting versions.
            if kind != b"application/json" and not kind.endswith(b"+json"):
                return "Send JSON with the header Content-Type: application/json."
            decode(body)
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        return again


def _route(scope: Scope) -> str:
    """The address as it was declared, never as it was sent: what clients make up must not become a label."""
    if scope["path"].startswith("/console"):
        return "/console"
    return getattr(scope.get("route"), "path", "(none)")
