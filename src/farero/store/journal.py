"""Writes down what a run does while it does it: its steps, and the end of what it prints. Whoever looks sees it live."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime, timedelta

from farero.core.run import RunNotes, RunStep
from farero.store import runs
from farero.store.database import Store

KEPT = 64 << 10
"""Characters of a run's output that are kept, the last ones."""

PAUSE = timedelta(seconds=1)
"""Lines are stored no more often than this; a step is stored at once."""

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


@contextmanager
def listening(told: Callable[[str], None]) -> Iterator[None]:
    """Inside, what runs of this thread do is told as it happens: each step, and each line that is printed."""
    token = _listener.set(told)
    try:
        yield
    finally:
        _listener.reset(token)


class Journal:
    """The notes of one run.

    Args:
        id: of the run, which has been stored.
        now: tells the time.
    """

    def __init__(self, store: Store, id: str, now: Callable[[], datetime]) -> None:
        self._store = store
        self._id = id
        self._now = now
        self._listen = _listener.get()
        self._stored = now()
        self._steps: tuple[RunStep, ...] = ()
        self._lines: deque[str] = deque()
        self._held = self._left_out = 0

    @property
    def notes(self) -> RunNotes:
        """What there is so far."""
        return RunNotes(steps=self._steps, output="".join(self._lines), left_out=self._left_out)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One thing that the run does. One that raises stays unfinished in the record."""
        begun = RunStep(name=name, started=self._now())
        self._steps = (*self._steps, begun)
        self._tell(name)
        self.store()
        yield
        done = replace(begun, finished=self._now())
        self._steps = tuple(done if step is begun else step for step in self._steps)

    def line(self, text: str) -> None:
        """A line that the project's own code printed, without secrets."""
        self._lines.append(f"{text}\n")
        self._held += len(text) + 1
        while self._held > KEPT and len(self._lines) > 1:
            gone = len(self._lines.popleft())
            self._held -= gone
            self._left_out += gone
        if self._held > KEPT:
            self._left_out += self._held - KEPT
            self._lines, self._held = deque([f"{text}\n"[-KEPT:]]), KEPT
        self._tell(text)
        if self._now() - self._stored >= PAUSE:
            self.store()

    def store(self) -> None:
        """Store what there is."""
        self._stored = self._now()
        with self._store.write() as conn:
            runs.note(conn, self._id, self.notes)

    def _tell(self, text: str) -> None:
        if self._listen is not None:
            self._listen(text)
