"""Carries runs out in a thread of this process, one after the other. Needs nothing but the state database to be sure of them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from farero.ports import Step

T = TypeVar("T")


class ThreadJobs:
    """The jobs of an installation without further parts. What a dead process leaves is submitted again by whoever looks into the queue."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._known: set[str] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, carry_out: Callable[[str, Step], None]) -> None:
        """Begin to work; see `ports.Jobs`."""
        self._thread = threading.Thread(target=self._run, args=(carry_out,), name="farero-jobs", daemon=True)
        self._thread.start()

    def submit(self, id: str) -> None:
        """Have a run carried out by this process."""
        with self._lock:
            if id not in self._known:
                self._known.add(id)
                self._waiting.put(id)

    def stop(self, timeout_s: float) -> bool:
        """Begin no further run and wait for the present one."""
        self._stopping.set()
        self._waiting.put(None)
        if self._thread is None:
            return True
        self._thread.join(max(timeout_s, 0.0))
        return not self._thread.is_alive()

    def _run(self, carry_out: Callable[[str, Step], None]) -> None:
        while (run := self._waiting.get()) is not None and not self._stopping.is_set():
            try:
                carry_out(run, _take)
            finally:
                with self._lock:
                    self._known.discard(run)


def _take(name: str, do: Callable[[], T]) -> T:  # noqa: ARG001 (its book is kept in the state database)
    return do()
