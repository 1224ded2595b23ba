"""Where a value stands on an axis, and which marks an axis carries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_STEPS_S = (3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 2 * 86400, 7 * 86400, 14 * 86400)
_STEPS_MONTHS = (1, 2, 3, 6, 12, 24, 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A straight line from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value.

        >>> Scale(low=0, high=10, start=100, end=200)(5)
        150.0
        """
        width = (self.high - self.low) or 1.0
        return self.start + (value - self.low) / width * (self.end - self.start)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that cover a range: multiples of 1, 2, 2.5 or 5 times a power of ten.

    >>> ticks(41.2, 77.9)
    [40.0, 50.0, 60.0, 70.0, 80.0]
    """
    if not high > low:
        low, high = low - abs(low) * 0.1 - 0.5, high + abs(high) * 0.1 + 0.5
    raw = (high - low) / max(1, about - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def time_ticks(start: datetime, end: datetime, about: int) -> tuple[list[datetime], str]:
    """Round moments within a span, and what tells them apart: "hour", "day" or "month".

    >>> moments, grain = time_ticks(datetime(2012, 1, 3, tzinfo=UTC), datetime(2012, 6, 2, tzinfo=UTC), 6)
    >>> [f"{moment:%b}" for moment in moments], grain
    (['Feb', 'Mar', 'Apr', 'May', 'Jun'], 'month')
    """
    span_s = max(1.0, (end - start).total_seconds())
    for step_s in _STEPS_S:
        if span_s / step_s <= about:
            return _even(start, end, step_s), "hour" if step_s < 86400 else "day"
    months = next((step for step in _STEPS_MONTHS if span_s / (step * 30.44 * 86400) <= about), _STEPS_MONTHS[-1])
    return _months(start, end, months), "month"


def thin(positions: Sequence[float], gap: float) -> list[bool]:
    """Which labels to keep so that no two stand closer than `gap`; the last of two neighbours is dropped.

    >>> thin([0, 10, 50, 55, 100], 40)
    [True, False, True, False, True]
    """
    kept: list[bool] = []
    last = -math.inf
    for position in positions:
        fits = position - last >= gap
        kept.append(fits)
        last = position if fits else last
    return kept


def _even(start: datetime, end: datetime, step_s: int) -> list[datetime]:
    first = math.ceil(start.timestamp() / step_s) * step_s
    count = int((end.timestamp() - first) // step_s) + 1
    return [datetime.fromtimestamp(first, UTC) + timedelta(seconds=step_s * index) for index in range(max(0, count))]


def _months(start: datetime, end: datetime, step: int) -> list[datetime]:
    found: list[datetime] = []
    index = start.year * 12 + start.month - 1
    index -= index % step
    while (moment := datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)) <= end:
        if moment >= start:
            found.append(moment)
        index += step
    return found
