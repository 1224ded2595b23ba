"""Connections without a socket: the real protocol, turn and hot lane around a model that doubles, and a log that is told what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import httptools
import msgspec
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from farero.app import App
from farero.core.label import LabelSpec
from farero.core.prediction import Thresholds
from farero.errors import FareroError, LogUnavailable
from farero.project.settings import LogSettings, Settings
from farero.server.turn import Routes, Turn
from farero.server.wire import Heads, Wire, wired
from farero.serving.lane import Scored
from farero.serving.meters import Meters


class Doubling:
    """A lane for bodies like `{"x": 2}`; any other body is left to the careful way."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    @property
    def shadowing(self) -> bool:
        return self._rig.shadowing

    def score(self, body: bytes, request_id: str) -> Scored | None:
        try:
            x = float(msgspec.json.decode(body)["x"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            return None
        return Scored("1.0.0", [2 * x], None, None, request_id.encode() + b";", True)


class Log:
    """Records at once, later, or not at all."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.failing: FareroError | None = None
        self.waits = False
        self.waiting: list[Callable[[], None]] = []

    def commit(self, frames: bytes, done: Callable[[FareroError | None], object]) -> None:
        def settle() -> None:
            if self.failing is None:
                self.frames.append(frames)
            done(self.failing)

        if self.waits:
            self.waiting.append(settle)
        else:
            settle()

    def release(self) -> None:
        waiting, self.waiting = self.waiting, []
        for settle in waiting:
            settle()


class Transport(asyncio.Transport):
    """What the protocol believes to be a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.paused = False
        self.closed = False
        self.ended = False
        self.protocol: Wire | None = None

    def write(self, data: Any) -> None:
        assert not self.closed, "nothing is written to a closed connection"
        self.sent += bytes(data)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            assert self.protocol is not None
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Answer:
    """One response as a client would read it."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def way(self) -> str:
        """`hot`, or `careful` where the application behind uvicorn has answered."""
        return "careful" if self.headers.get("way") == "careful" else "hot"


class Reader:
    """Takes the bytes apart into responses."""

    def __init__(self, sent: bytes) -> None:
        self.answers: list[Answer] = []
        rest = sent
        while rest:
            rest = self._read_one(rest)

    def _read_one(self, data: bytes) -> bytes:
        head, _, rest = data.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 100"):
            return rest
        answer = self._answer = Answer()
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(head + b"\r\n\r\n")
        answer.status = self._parser.get_status_code()
        length = int(answer.headers["content-length"])
        answer.body = rest[:length]
        assert len(answer.body) == length, "an answer was cut short"
        self.answers.append(answer)
        return rest[length:]

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.decode().lower()] = value.decode()


async def careful(scope: Scope, receive: Receive, send: Send) -> None:
    """The application behind uvicorn: says what it was asked. `/slow` takes its time."""
    assert scope["type"] == "http"
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if scope["path"] == "/slow":
        await asyncio.sleep(0.1)
    named = [value.decode() for name, value in scope["headers"] if name == b"x-request-id"]
    told = msgspec.json.encode({"path": scope["path"], "method": scope["method"], "bytes": len(body), "named": named})
    headers = [(b"way", b"careful"), (b"content-length", b"%d" % len(told))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": told})


class Rig:
    """A process's shared parts, and as many connections as a test opens. To be made within an event loop."""

    def __init__(self, *, record: Any = "write", models: tuple[str, ...] = ("lines",), keep_alive_s: float = 60.0) -> None:
        self.log = Log()
        self.meters = Meters(None, "test")
        label = LabelSpec(name="y", kind="number", arrives_within=timedelta(hours=1))
        project = SimpleNamespace(label_spec=label, thresholds=Thresholds())
        self.endpoints: dict[str, str] = {}
        self.copies: list[tuple[str, bytes, str, str]] = []
        self.shadowing = False
        app = SimpleNamespace(
            models=models, model_behind=self.endpoints.get, copied=lambda *copy: self.copies.append(copy), meters=self.meters,
            settings=Settings(references=(), log=LogSettings(record=record)), project=lambda model: project,
            lane=lambda model, max_rows, endpoint: Doubling(self), commit=self.log.commit,
        )  # fmt: skip
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"today")]
        self.turn = Turn(cast(App, app), lambda: self.state.default_headers)
        self.turn.begin(asyncio.get_running_loop())
        self.heads = Heads(Routes(cast(App, app), 100))
        self._make = wired(self.turn, self.heads)
        self._config = uvicorn.Config(careful, ws="none", lifespan="off", log_config=None, access_log=False, server_header=False)
        self._config.timeout_keep_alive = cast(int, keep_alive_s)

    def connect(self) -> tuple[Wire, Transport]:
        wire = self._make(config=self._config, server_state=self.state, app_state={}, _loop=asyncio.get_running_loop())
        transport = Transport()
        transport.protocol = wire
        wire.connection_made(transport)
        return wire, transport

    async def ask(self, *pieces: bytes) -> list[Answer]:
        """Send the pieces over a new connection, one a turn of the loop, and read what came."""
        wire, transport = self.connect()
        for piece in pieces:
            wire.data_received(piece)
            await turns(1)
        await turns(12 + 12 * len(wire.pipeline) + len(wire._later) // 8)
        return Reader(transport.sent).answers

    def counted(self, name: str) -> dict[tuple[str, ...], float]:
        return {sample.labels: sample.value for sample in self.meters.samples() if sample.name == name}


async def turns(count: int = 12) -> None:
    """Let the event loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


def post(
    x: object = 2, *, path: str = "/predict", body: bytes | None = None, length: int | None = None, more: str = "", version: str = "1.1"
) -> bytes:
    """A request as curl would write it."""
    sent = msgspec.json.encode({"x": x}) if body is None else body
    size = len(sent) if length is None else length
    return f"POST {path} HTTP/{version}\r\nHost: h\r\nContent-Length: {size}\r\n{more}\r\n".encode() + sent


def unrecorded() -> LogUnavailable:
    return LogUnavailable("The disk is full.", hint="Free some.")


def on_a_loop(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario to its end."""

    async def whole() -> None:
        await scenario()

    asyncio.run(whole())
