"""Spans of time, half-open: [start, end)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
EPOCH = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday, so that windows of a week begin on Mondays


def parse_duration(text: str) -> timedelta:
    """Read "90s", "15m", "6h", "30d", "2w" or "1y".

    Raises:
        ValueError: the text is not a positive whole or decimal number and one of these units.

    >>> parse_duration("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w|y)\s*", text)
    if not match or float(match[1]) <= 0:
        raise ValueError(f"{text!r} is not a duration: write a number and a unit such as 90s, 15m, 6h, 30d or 2w")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def duration_text(value: timedelta) -> str:
    """The shortest text that `parse_duration` reads back.

    >>> duration_text(timedelta(days=14)), duration_text(timedelta(hours=36))
    ('2w', '36h')
    """
    seconds = value.total_seconds()
    for unit in ("w", "d", "h", "m"):
        if seconds % _UNITS[unit] == 0:
            return f"{int(seconds // _UNITS[unit])}{unit}"
    return f"{int(seconds)}s" if seconds.is_integer() else f"{seconds:f}s"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Window:
    """[start, end), both aware and UTC."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%dT%H:%MZ}/{self.end:%Y-%m-%dT%H:%MZ}"


def window_at(time: datetime, size: timedelta) -> Window:
    """The window of the fixed grid (whole sizes since a Monday) that holds `time`.

    >>> str(window_at(datetime(2024, 5, 1, 13, tzinfo=UTC), timedelta(days=1)))
    '2024-05-01T00:00Z/2024-05-02T00:00Z'
    """
    start = EPOCH + ((time - EPOCH) // size) * size
    return Window(start=start, end=start + size)
