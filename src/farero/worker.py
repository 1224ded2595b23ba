"""The heartbeat: calls `App.tick` every few seconds in a thread of its own, whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from farero.core.health import Check
from farero.telemetry import log

if TYPE_CHECKING:
    from farero.app import App

REFRESH_S = 0.5
# A training may take long and is no reason to worry; a worker silent for this long beyond it is.
LATE_AFTER_S = 60.0


class Worker:
    """Runs the loop's turns and, apart from them, looks for promotions made elsewhere, so that a long training delays no swap.

    Args:
        app: what is ticked.
        tick_s: pause between two turns [s].
        loop: whether turns are run at all; a process that only serves just refreshes.
    """

    def __init__(self, app: App, tick_s: float = 5.0, *, loop: bool = True) -> None:
        self._app = app
        self._tick_s = tick_s
        self._stopping = threading.Event()
        self._beat = time.monotonic()
        self._busy = False
        self._failures = 0
        self._last_error = ""
        self._loop = loop
        self._threads = [threading.Thread(target=self._run, args=(self._refresh, REFRESH_S), name="farero-refresh", daemon=True)]
        if loop:
            self._threads.append(threading.Thread(target=self._run, args=(self._turn, tick_s), name="farero-worker", daemon=True))

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 3.0) -> bool:
        """Begin no further turn and wait for the present one; says whether it ended in time."""
        self._stopping.set()
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def check(self) -> Check:
        """How the heart beats, for `/health`."""
        silent_s = time.monotonic() - self._beat
        if self._failures:
            turns = "turn" if self._failures == 1 else f"{self._failures} turns"
            return Check(name="worker", status="degraded", detail=f"The last {turns} failed: {self._last_error}")
        if self._busy:
            return Check(name="worker", status="healthy", detail=f"At work on a turn for {silent_s:.0f} s")
        if self._loop and silent_s > self._tick_s + LATE_AFTER_S:
            return Check(name="worker", status="degraded", detail=f"No turn since {silent_s:.0f} s")
        return Check(name="worker", status="healthy", detail=f"Last turn {silent_s:.0f} s ago")

    def _run(self, action: Callable[[], None], pause_s: float) -> None:
        while not self._stopping.is_set():
            action()
            self._stopping.wait(pause_s)

    def _turn(self) -> None:
        self._busy = True
        self._beat = time.monotonic()
        try:
            self._app.tick()
        except Exception as error:  # one failed turn must not end the loop: the next one goes on from the last stored value
            self._failures += 1
            self._app.meters.counter("farero_loop_failures_total").add()
            self._last_error = str(error).splitlines()[0] if str(error) else type(error).__name__
            log("error", level="error", error=error, where="a turn of the loop", in_a_row=self._failures)
        else:
            log("worker.tick", level="debug")
            self._app.meters.counter("farero_loop_turns_total").add()
            self._failures = 0
        finally:
            self._busy = False
            self._beat = time.monotonic()

    def _refresh(self) -> None:
        try:
            self._app.refresh()
        except Exception as error:  # serving goes on with what is loaded
            log("error", level="error", error=error, where="looking for promotions")
