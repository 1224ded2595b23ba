"""The way of a request to this installation: over HTTP to a service that runs, or through the same application in this process."""

from __future__ import annotations

import asyncio
import http.client
from typing import TYPE_CHECKING, Any

from farero.flow.rollout.smoke import Door
from farero.server.site import make_site

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message

    from farero.app import App

TIMEOUT_S = 30.0


def over_http(host: str, port: int) -> Door:
    """To the service that listens there."""
    at = "127.0.0.1" if host in ("0.0.0.0", "") else "::1" if host == "::" else host

    def post(path: str, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(at, port, timeout=TIMEOUT_S)
        try:
            connection.request("POST", path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as failure:
            raise OSError(f"{type(failure).__name__}: {failure}") from failure
        finally:
            connection.close()

    return Door(how="over HTTP", post=post)


def in_process(app: App) -> Door:
    """Through the same application that a service would run, called directly: no service needs to run."""

    def post(path: str, body: bytes) -> tuple[int, bytes]:
        app.refresh()  # the address may be newer than this process's last look
        return asyncio.run(_ask(make_site(app), path, body))

    return Door(how="through the application in this process", post=post)


async def _ask(site: ASGIApp, path: str, body: bytes) -> tuple[int, bytes]:
    status, parts = 0, list[bytes]()
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": path, "raw_path": path.encode(),
        "query_string": b"", "root_path": "", "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 0),
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
    }  # fmt: skip
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await site(scope, receive, send)
    return status, b"".join(parts)
