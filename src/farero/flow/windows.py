"""windows: which spans of recorded predictions are complete and have not been through the loop yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from farero.core.window import Window, WindowSize
from farero.errors import IllegalMove
from farero.ports import PredictionLog
from farero.serving import stored
from farero.store import steps
from farero.store.database import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """The windows of one model, in order, each until it has been through the loop."""

    model: str
    size: WindowSize
    grace: timedelta
    store: Store
    log: PredictionLog

    def due(self, at: datetime) -> list[Window]:
        """Windows that ended at least `grace` before `at`, hold predictions and have not been through the loop yet, oldest first.

        The grace lets rows that other processes recorded last reach the log. Spans without a prediction make no window.
        A window by count is complete with its last row; the grace is the same.
        """
        with self.store.read() as conn:
            last = steps.last_end(conn, self.model, "done")
        table = self.log.read(self.model, last, at, ["time"])
        if table.num_rows == 0:
            return []
        times = stored.times(table)
        if self.size.rows is not None:
            windows = stored.cut(np.sort(times), self.size.rows, last)
        else:
            windows = [
                stored.window_of(number, self.size.span) for number in np.unique(stored.window_numbers(times, self.size.span)).tolist()
            ]
        return [window for window in windows if window.end + self.grace <= at and (last is None or window.start >= last)]

    def done(self, window: Window) -> None:
        """Note that the window has been through every step."""
        with self.store.write() as conn:
            steps.put(conn, self.model, window, "done", b"", window.end)

    def check_free(self, version: str) -> None:
        """See that no window which is still to come needs this version.

        Raises:
            IllegalMove: it answered rows that have not been through the loop yet.
        """
        with self.store.read() as conn:
            last = steps.last_end(conn, self.model, "done")
        waiting = self.log.read(self.model, last, None, ["version"])["version"].unique().to_pylist()
        if version in waiting:
            raise IllegalMove(
                f"{self.model} {version} answered rows of a window that is not closed yet.",
                hint="Delete it once that window is among those of: farero monitor.",
            )

    def until(self, at: datetime) -> Window:
        """The span from the last window's end to `at`: what a training by hand is booked under."""
        with self.store.read() as conn:
            last = steps.last_end(conn, self.model, "done")
        return Window(start=min(last or at - self.size.span, at), end=at)
