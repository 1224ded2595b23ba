"""Runs both web faces and the worker: binds, serves, and on SIGTERM finishes what is under way within 10 s."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.types import ASGIApp

from farero.console.pages import make_console
from farero.core.health import Check
from farero.errors import BadInput, OutsideError
from farero.rest.api import make_api
from farero.telemetry import LOG_FILE, log, log_to_file, log_to_stream
from farero.wiring import open_app
from farero.worker import Worker

if TYPE_CHECKING:
    from farero.app import App

DRAIN_S = 5
"""How long requests under way may take after SIGTERM [s]; the rest of the 10 s is for the worker and for closing."""

WORKER_STOP_S = 3.0


def make_site(app: App, *, checks: Callable[[], Sequence[Check]] = lambda: ()) -> ASGIApp:
    """REST and console as one ASGI application."""
    limits = app.settings.server
    return make_api(
        app, console=make_console(app, checks=checks), checks=checks, max_body_bytes=limits.max_body_bytes, max_rows=limits.max_rows
    )


def serve(app: App, host: str, port: int, *, workers: int = 1, on_ready: Callable[[int], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT, then drain and stop the worker. Whoever opened the app closes it.

    Args:
        port: 0 takes a free one.
        workers: processes that answer requests; only this one runs the loop.
        on_ready: called with the real port once requests are answered.

    Returns:
        The exit code: 0 after a clean stop.

    Raises:
        OutsideError: the port is taken, or the address is not of this machine.
    """
    listener = bind(host, port)
    real_port: int = listener.getsockname()[1]
    worker = Worker(app, app.settings.worker.tick_s)
    site = make_site(app, checks=lambda: (worker.check(),))

    def ready() -> None:
        worker.start()
        log("server.started", host=host, port=real_port, workers=workers)
        if on_ready is not None:
            on_ready(real_port)

    with _helpers(app.root, listener, workers - 1):
        try:
            _Server(_config(site), ready).run(sockets=[listener])
        finally:
            log("server.stopping")
            if not worker.stop(WORKER_STOP_S):
                # A training would outlive its server as an orphan: its run is stored as running and is taken up at the next start.
                for child in multiprocessing.active_children():
                    child.kill()
                worker.stop(1.0)
            log("server.stopped")
    return 0


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        BadInput: there is no such port.
        OutsideError: it cannot be had; says why and what to do.
    """
    if not 0 <= port <= 65535:
        raise BadInput(f"There is no port {port}: a port is 0 to 65535.", hint="Choose one with --port (0 takes a free one).")
    listener: socket.socket | None = None
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        if listener is not None:
            listener.close()
        reason = error.strerror or str(error)
        raise OutsideError(
            f"Cannot listen on {host} port {port}: {reason}.",
            retryable=False,
            hint="Stop what uses it, or choose another with --port (0 takes a free one).",
        ) from error
    listener.set_inheritable(True)
    return listener


def _config(site: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        site, loop="uvloop", http="httptools", ws="none", lifespan="off", log_config=None, access_log=False,
        server_header=False, timeout_graceful_shutdown=DRAIN_S, timeout_keep_alive=30,
    )  # fmt: skip


class _Server(uvicorn.Server):
    """Says when it answers, and returns after a signal; uvicorn raises it again, which would end the process before all is closed."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT while serving."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def _helpers(root: Path, listener: socket.socket, count: int) -> Iterator[None]:
    """Further processes that answer on the same socket. Their standard input is their leash: it ends with this process, however it dies."""
    command = [sys.executable, "-m", "farero.server", str(root), str(listener.fileno())]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()]) for _ in range(count)]
    try:
        yield
    finally:
        for child in children:
            child.terminate()
        for child in children:
            try:
                child.wait(DRAIN_S + 2)
            except subprocess.TimeoutExpired:
                child.kill()


def _help(root: Path, descriptor: int) -> None:
    """Answer requests beside the process that started this one; the loop runs there alone."""
    app = open_app(root)
    log_to_file(root / LOG_FILE)
    log_to_stream(sys.stderr, level="warning", plain=True)
    listener = socket.socket(fileno=descriptor)
    refresher = Worker(app, loop=False)
    server = _Server(_config(make_site(app)), refresher.start)

    def leash() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=leash, daemon=True).start()
    try:
        server.run(sockets=[listener])
    finally:
        refresher.stop()
        app.close()


if __name__ == "__main__":
    _help(Path(sys.argv[1]), int(sys.argv[2]))
