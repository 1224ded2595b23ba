"""How many rows came in each span of the fixed grid, where the windows of the loop do not tell: they go by count."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from farero.core.window import window_at
from farero.ports import PredictionLog
from farero.serving import stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts one model's rows by spans of the grid, each once: what has been counted stays in memory."""

    model: str
    span: timedelta
    log: PredictionLog
    _known: dict[datetime, int] = field(default_factory=dict)

    def between(self, first: datetime, end: datetime) -> dict[datetime, int]:
        """Rows of every span that starts at `first` or later and ends by `end`, oldest first; those without a row are left out."""
        begin = window_at(first, self.span).start
        begin = begin if begin >= first else begin + self.span
        until = window_at(end, self.span).start
        if begin < min(self._known, default=begin):
            self._known.clear()
        for start in [start for start in self._known if start < begin]:
            del self._known[start]
        fresh = max(self._known, default=begin - self.span) + self.span
        if fresh < until:
            times = stored.times(self.log.read(self.model, fresh, until, ["time"]))
            numbers, counts = np.unique(stored.window_numbers(times, self.span), return_counts=True)
            held = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
            number = stored.window_number(fresh, self.span)
            while (window := stored.window_of(number, self.span)).end <= until:
                self._known[window.start] = held.get(number, 0)
                number += 1
        return {start: rows for start, rows in self._known.items() if rows and start + self.span <= end}
