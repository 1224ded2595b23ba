"""The process that keeps the installation: it runs the loop and hands recorded predictions over, beside those that answer."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from farero.core.health import Check
from farero.errors import FareroError
from farero.flow.rollout.smoke import Door
from farero.telemetry import log
from farero.wiring import METERS, open_app
from farero.worker import Worker

STATE = METERS / "keeper.json"
SILENT_S = 15.0
"""A keeper that has not written its state for this long is hung or gone."""

STOP_S = 3.0

NICE = 5
"""Answering comes first: where processors are short, the loop and its trainings step back."""

_PULSE_S = 0.5


class _State(msgspec.Struct):
    at: float
    check: Check


def keep(root: Path, ready: Callable[[], None], door: Door | None = None) -> None:
    """Run the loop until SIGTERM. A training under way is stopped: its run is stored as running, and is taken up at the next start.

    Args:
        ready: called once the installation is open.
        door: the way of a request to the processes that answer.
    """
    os.nice(NICE)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, at: stopping.set())
    app = open_app(root, keeping=True)
    if door is not None:
        app.open_door(door)
    worker = Worker(app, app.settings.worker.tick_s)
    try:
        app.refresh()
        worker.start()
        ready()
        while not stopping.is_set():
            app.measure()
            _write(root / STATE, worker.check())
            stopping.wait(_PULSE_S)
    finally:
        if not worker.stop(STOP_S):
            for child in multiprocessing.active_children():  # it would outlive the service as an orphan
                child.kill()
            worker.stop(1.0)
        try:
            app.close()
        except FareroError as failure:  # what is recorded stays in its segments; the next start hands it over
            log("record.waiting", level="error", error=failure)


def keeper_check(root: Path) -> Check:
    """How the keeper is doing, for `/health` of the processes that answer."""
    try:
        state = msgspec.json.decode((root / STATE).read_bytes(), type=_State)
    except (OSError, msgspec.MsgspecError):
        return Check(name="worker", status="degraded", detail="The keeper has not said anything yet; no turn of the loop is run.")
    silent_s = time.time() - state.at
    if silent_s > SILENT_S:
        return Check(name="worker", status="degraded", detail=f"The keeper is silent since {silent_s:.0f} s; no turn of the loop is run.")
    return state.check


def _write(path: Path, check: Check) -> None:
    fresh = path.with_suffix(".new")
    try:
        fresh.write_bytes(msgspec.json.encode(_State(time.time(), check)))
        fresh.replace(path)
    except OSError as error:  # a full disk: the health check says that the keeper is silent
        log("error", level="error", error=error, where="writing the keeper's state")
