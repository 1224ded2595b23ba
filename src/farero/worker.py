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
    from farero.ports import Step

REFRESH_S = 0.5
TRACK_S = 5.0
BEAT_S = 2.0
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
        # Apart from the others, and not waited for at the end: a tracker that hangs delays nothing, and what it missed is told later.
        self._copying = threading.Thread(target=self._run, args=(self._track, TRACK_S), name="farero-track", daemon=True)
        if loop:
            self._threads.append(threading.Thread(target=self._run, args=(self._turn, tick_s), name="farero-worker", daemon=True))
            self._threads.append(threading.Thread(target=self._run, args=(self._beat_runs, BEAT_S), name="farero-beat", daemon=True))

    def start(self) -> None:
        """Begin.

        Raises:
            ConfigInvalid: what shall carry jobs out is not installed.
        """
        if self._loop:
            self._app.start_jobs(self._carry_out)
        for thread in self._threads:
            thread.start()
        if self._loop and self._app.tracks:
            self._copying.start()

    def stop(self, timeout_s: float = 3.0) -> bool:
        """Begin no further turn and wait for the present one; says whether it ended in time."""
        self._stopping.set()
        until = time.monotonic() + timeout_s
        ended = not self._loop or self._app.stop_jobs(timeout_s)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))
        return ended and not any(thread.is_alive() for thread in self._threads)

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

    def _carry_out(self, id: str, step: Step) -> None:
        try:
            self._app.carry_out(id, step)
        except Exception as error:  # the run says what became of it; the next one must not wait for ever
            log("error", level="error", error=error, where="a run of a job", run=id)

    def _beat_runs(self) -> None:
        try:
            self._app.beat()
        except Exception as error:  # the database is gone: the runs go on, and beat again when it is back
            log("error", level="error", error=error, where="saying that runs live")

    def _track(self) -> None:
        try:
            self._app.track()
        except Exception as error:  # a copy for others to look at must not end what it is a copy of
            log("error", level="error", error=error, where="telling the tracker")

    def _refresh(self) -> None:
        try:
            self._app.refresh()
        except Exception as error:  # serving goes on with what is loaded
            log("error", level="error", error=error, where="looking for promotions")
