"""A process that answers requests: its own event loop, its own engines, its own segment of the log."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import anyio.to_thread
import uvicorn

from farero.core.health import Check
from farero.server.keeping import keeper_check
from farero.server.site import make_site
from farero.server.turn import Routes, Turn
from farero.server.wire import Heads, Wire, wired
from farero.wiring import open_app
from farero.worker import Worker

if TYPE_CHECKING:
    from farero.app import App

DRAIN_S = 5
"""How long requests under way may take after SIGTERM [s]; the rest of the 10 s is for closing."""

KEEP_ALIVE_S = 30
"""How long a connection may be silent [s]."""

PUBLISH_S = 0.25
LINES_S = 0.05

GARBAGE = 10_000
"""Containers made and not freed, after which the youngest are looked through."""

SWITCH_S = 0.0002
"""How long a thread goes on while another one waits for its turn [s]. Python's own 5 ms would be 30 turns of the disk that a record waits
for, and the event loop would wait as long for a thread that looks after something else."""

THREADS = 8
"""Threads for everything but predictions."""


def answer(root: Path, name: str, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Answer requests until SIGTERM; requests under way are finished.

    Args:
        name: this process's own among those that answer.
        ready: called once requests are answered.
    """
    app = open_app(root, answering=name)
    sys.setswitchinterval(SWITCH_S)
    refresher = Worker(app, loop=False)
    try:
        app.refresh()
        # A whole collection waits for a quarter of what the last one found. The last one was the supervisor's, before everything was
        # frozen: without this, hundreds of MB of broken requests would gather before the next.
        gc.collect()
        # An answer leaves no cycle behind, and looking for one after every few of them costs more than it finds.
        gc.set_threshold(GARBAGE, 10, 10)
        refresher.start()
        Server(app, lambda: (keeper_check(root),), ready).run(sockets=[listener])
    finally:
        refresher.stop()
        app.measure()
        app.close()


class Server(uvicorn.Server):
    """uvicorn with the hot lane before it. It returns after a signal; uvicorn raises it again, which would end the process too early."""

    def __init__(self, app: App, checks: Callable[[], Sequence[Check]], ready: Callable[[], None]) -> None:
        self._app = app
        self._ready = ready
        self._turn = Turn(app, lambda: self.server_state.default_headers, lambda: len(self.server_state.connections))
        self._routes = Routes(app, app.settings.server.max_rows)
        config = uvicorn.Config(
            make_site(app, checks=checks), loop="uvloop", ws="none", lifespan="off", log_config=None, access_log=False, server_header=False,
            timeout_graceful_shutdown=DRAIN_S, timeout_keep_alive=KEEP_ALIVE_S,
        )  # fmt: skip
        config.http = wired(self._turn, Heads(self._routes))  # type: ignore[assignment]  # a class is asked for, a maker of connections is what is called
        super().__init__(config)
        self._open = app.meters.gauge("farero_connections_open")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        loop = asyncio.get_running_loop()
        # The handlers of the other routes run in threads; each thread that ever ran keeps some memory.
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        self._turn.begin(loop)
        await super().startup(sockets)
        self._publish(loop)
        self._write_lines(loop)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, finish what is under way."""
        await super().shutdown(sockets)
        self._turn.write_lines()

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

    def _write_lines(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the log file have its lines, often enough that it is never much at once."""
        if not self.should_exit:
            loop.call_later(LINES_S, self._write_lines, loop)
        self._turn.write_lines()

    def _publish(self, loop: asyncio.AbstractEventLoop) -> None:
        """Four times a second: the figures, and a look for versions that have left and connections that have fallen silent."""
        if not self.should_exit:
            loop.call_later(PUBLISH_S, self._publish, loop)
        connections = self.server_state.connections
        self._open.set(len(connections))
        self._app.measure()
        self._routes.look()
        silent = perf_counter() - KEEP_ALIVE_S
        for connection in [one for one in connections if isinstance(one, Wire) and one.is_idle(silent)]:
            connection.transport.close()
