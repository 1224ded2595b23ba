"""A server of one process: it begins to answer, publishes, ends silent connections, and drains before it stops."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from tests.running import soon
from tests.standin import Standin, lived

from farero.app import App
from farero.core.health import Check
from farero.errors import FareroError
from farero.project.settings import Settings
from farero.server import answering
from farero.server.answering import Server
from farero.server.binding import bind
from farero.serving.lane import Scored

ROW = {"season": "spring", "hr": 3, "workingday": True, "weathersit": "mist", "temp": 3, "hum": 4}


class Answering(Standin):
    """A stand-in with a hot lane that answers `{"x": ...}`, and a log that keeps whoever asks waiting while it is told to."""

    def prepare(self) -> None:
        self.settings = Settings(references=())  # type: ignore[assignment]
        self.measured = 0
        self.waits = False
        self.waiting: list[Callable[[FareroError | None], object]] = []

    def lane(self, model: str, max_rows: int, endpoint: str | None) -> SimpleNamespace:
        def score(body: bytes, request_id: str) -> Scored | None:
            return Scored("1.0.0", [7.0], None, None, b"", True) if body == b'{"x": 1}' else None

        return SimpleNamespace(score=score, shadowing=False, look=lambda: None)

    def commit(self, frames: bytes, done: Callable[[FareroError | None], object]) -> None:
        if self.waits:
            self.waiting.append(done)
        else:
            done(None)

    def measure(self) -> None:
        self.measured += 1

    def metrics(self) -> list[object]:
        return list(self.meters.samples())


class Served:
    """A server in a thread of its own."""

    def __init__(self) -> None:
        app = lived(8)
        app.__class__ = Answering
        self.app = cast(Answering, app)
        self.app.prepare()
        self.ready = threading.Event()
        self.server = Server(cast(App, self.app), lambda: (Check(name="worker", status="healthy"),), self.ready.set)
        self.listener = bind("127.0.0.1", 0)
        self.port: int = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]})
        self.thread.start()
        assert self.ready.wait(20)

    def post(self, path: str = "/v1/models/bikes/predict", content: bytes = b'{"x": 1}') -> httpx.Response:
        return httpx.post(f"http://127.0.0.1:{self.port}{path}", content=content, timeout=20)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.listener.close()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(answering, "KEEP_ALIVE_S", 0.6)
    running = Served()
    yield running
    if running.thread.is_alive():
        running.stop()


REQUEST = b'POST /v1/models/bikes/predict HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n{"x": 1}'


@pytest.mark.row("S1", "S3")
def test_once_it_is_ready_it_answers_on_both_ways_and_publishes(served: Served) -> None:
    hot = served.post()
    assert (hot.status_code, hot.json()["prediction"]) == (200, 7.0)
    careful = httpx.post(f"http://127.0.0.1:{served.port}/v1/models/bikes/predict", json=ROW, timeout=20)
    assert (careful.status_code, careful.json()["prediction"]) == (200, 161.5)
    assert "date" in hot.headers
    assert "server" not in hot.headers
    soon(lambda: served.app.measured >= 3, within_s=10, what="the figures are published again and again")
    with served.connect(), served.connect():
        soon(lambda: served.app.meters.gauge("farero_connections_open").value >= 2, within_s=5, what="open connections are counted")


def test_silent_connections_are_closed_and_busy_ones_are_not(served: Served) -> None:
    with served.connect() as silent, served.connect() as busy:
        silent.setblocking(False)
        gone = threading.Event()

        def ask() -> bool:
            busy.sendall(REQUEST)
            assert busy.recv(4096).startswith(b"HTTP/1.1 200")
            try:
                if silent.recv(1) == b"":
                    gone.set()
            except BlockingIOError:
                pass
            return gone.is_set()

        took_s = soon(ask, within_s=10, what="the silent connection is closed")
        assert took_s > 0.3
        busy.sendall(REQUEST)
        assert busy.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.row("S3", "L1")
def test_a_stop_waits_for_the_answer_that_is_being_recorded(served: Served) -> None:
    served.app.waits = True
    with served.connect() as asked, served.connect() as idle:
        asked.sendall(REQUEST)
        soon(lambda: len(served.app.waiting) == 1, within_s=10, what="the request is scored")
        served.server.should_exit = True
        assert idle.recv(1) == b"", "a connection without a request is closed at once"
        assert served.thread.is_alive()
        loop_done = served.app.waiting[0]
        served.server._turn._loop.call_soon_threadsafe(loop_done, None)  # type: ignore[union-attr]
        answer = b""
        while got := asked.recv(4096):
            answer += got
        assert answer.startswith(b"HTTP/1.1 200")
        assert b'"prediction":7.0' in answer
    served.thread.join(10)
    assert not served.thread.is_alive()
    served.listener.close()
    with pytest.raises(ConnectionRefusedError):
        served.connect()


def test_a_signal_is_taken_and_not_raised_again() -> None:
    app = lived(8)
    app.__class__ = Answering
    cast(Answering, app).prepare()
    server = Server(cast(App, app), lambda: (), lambda: None)
    before = signal.getsignal(signal.SIGTERM)
    with server.capture_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        soon(lambda: server.should_exit, within_s=5, what="the signal is heard")
    assert signal.getsignal(signal.SIGTERM) == before
