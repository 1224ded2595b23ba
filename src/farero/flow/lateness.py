"""lateness: whether labels come as quickly as they used to. Judged with each window, so that labels that stop are told of at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from farero.core import maturity
from farero.core.finding import Finding
from farero.core.maturity import LEAST_EARLIER, MOST_EARLIER, Cohort
from farero.core.window import Window, WindowSize, window_at
from farero.serving import stored
from farero.serving.tally import Tally
from farero.store import labels, observations
from farero.store.database import Store

MOST_OPEN = 40
"""Windows that labels may still reach, at most: where there would be more, days, weeks or four weeks are put together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """Watches how quickly labels of one model come. `arrives_within`: how long they may take."""

    model: str
    window_size: WindowSize
    arrives_within: timedelta
    store: Store
    tally: Tally
    _rows: dict[datetime, int] = field(default_factory=dict)
    _mature: dict[datetime, Cohort] = field(default_factory=dict)
    """By start, windows that labels do not reach any more: to count all labels anew with each window would cost too much."""

    def check(self, window: Window, rows: int) -> list[Finding]:
        """What the labels known at a window's end are worth, beside those that earlier windows had at the same age.

        Windows that are put together are looked at when the last of them has closed; by count, the days that ended with a window.

        Args:
            window: that has just closed.
            rows: that it holds.
        """
        size = maturity.cohort_size(self.window_size.span, self.arrives_within, MOST_OPEN)
        at = window_at(window.end, size).start
        first = at - (MOST_EARLIER + 1) * size - self.arrives_within
        if self.window_size.rows is not None:
            if at <= window.start:
                return []
            self._rows.clear()
            self._rows.update(self.tally.between(first, at))
        elif at != window.end:
            return []
        else:
            self._learn(window, rows, first)
        held: dict[datetime, int] = {}
        for start, count in sorted(self._rows.items()):
            together = window_at(start, size).start
            held[together] = held.get(together, 0) + count
        if len(held) <= LEAST_EARLIER:
            return []
        every = self._cohorts(held, size, at)
        found = maturity.late(maturity.labels_in(every, at=at, arrives_within=self.arrives_within))
        return [] if found is None else [found]

    def _learn(self, window: Window, rows: int, first: datetime) -> None:
        """Note how many rows each window holds, those of windows that another process took through the loop included."""
        newest = max(self._rows, default=None)
        with self.store.read() as conn:
            seen = observations.since(conn, self.model, first if newest is None else newest + self.window_size.span)
        self._rows.update({one.window.start: one.rows for one in seen if one.window.start < window.start})
        self._rows[window.start] = rows
        for start in [start for start in self._rows if start < first or start > window.start]:
            del self._rows[start]

    def _cohorts(self, held: dict[datetime, int], size: timedelta, at: datetime) -> list[Cohort]:
        """Every window with its labels. Ages are rounded up to whole windows: at no others is anything compared."""
        for start in [start for start in self._mature if start not in held]:
            del self._mature[start]
        open_ = [start for start in held if start not in self._mature]
        with self.store.read() as conn:
            found = labels.between(conn, self.model, open_[0], at, at)
        spans = [Window(start=start, end=start + size) for start in open_]
        starts = np.array([stored.moment(start) for start in open_], dtype="datetime64[us]")
        predicted = np.asarray(found.predicted_us, dtype=np.int64).astype("datetime64[us]")
        known_us = np.asarray(found.known_us, dtype=np.int64)
        codes = np.searchsorted(starts, predicted, side="right") - 1
        step_us = size // timedelta(microseconds=1)
        ends_us = starts.astype(np.int64)[codes] + step_us
        rounded = ends_us + -(-(known_us - ends_us) // step_us) * step_us
        inside = predicted.astype(np.int64) < ends_us  # a label may belong to a window that has no observation
        made = maturity.cohorts(spans, [held[start] for start in open_], codes[inside], rounded[inside])
        fresh = dict(zip(open_, made, strict=True))
        self._mature.update({start: one for start, one in fresh.items() if at - one.window.end >= self.arrives_within})
        return [self._mature.get(start) or fresh[start] for start in held]
