"""Spans of time, half-open: [start, end)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_DAY: Final = timedelta(days=1)
_MICROSECOND: Final = timedelta(microseconds=1)
FEWEST_ROWS: Final = 10
"""Windows of fewer rows say nothing."""

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
        return f"{_moment(self.start)}/{_moment(self.end)}"

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read back what `str` writes.

        Raises:
            ValueError: the text is something else.
        """
        start, _, end = text.partition("/")
        return cls(start=datetime.fromisoformat(start), end=datetime.fromisoformat(end))


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSize:
    """How large the windows of a model are.

    Attributes:
        span: of time. Beside windows by count: the days of what can be told by time alone, such as how rows and labels arrive.
        rows: how many rows make one; None = windows of time.
    """

    span: timedelta = _DAY
    rows: int | None = None

    @property
    def seconds(self) -> float | None:
        """Length of a window [s]; None = windows by count."""
        return self.span.total_seconds() if self.rows is None else None

    @property
    def step(self) -> timedelta:
        """Windows are numbered by the steps from a Monday to their start: whole windows, or microseconds for windows by count."""
        return self.span if self.rows is None else _MICROSECOND

    def __str__(self) -> str:
        return duration_text(self.span) if self.rows is None else f"{self.rows} rows"


def parse_window(text: str) -> WindowSize:
    """Read "1d", "6h", "2w", or "1000 rows".

    Raises:
        ValueError: the text is neither a duration nor a number of rows, at least `FEWEST_ROWS`.

    >>> str(parse_window("36h")), str(parse_window("1000 rows"))
    ('36h', '1000 rows')
    """
    counted = re.fullmatch(r"\s*(\d+)\s*rows?\s*", text)
    if counted is None:
        try:
            return WindowSize(span=parse_duration(text))
        except ValueError as error:
            raise ValueError(f"{error}; or a number of rows, such as 1000 rows") from error
    if int(counted[1]) < FEWEST_ROWS:
        raise ValueError(f"{text!r} is too few: a window holds at least {FEWEST_ROWS} rows")
    return WindowSize(rows=int(counted[1]))


def stamp(time: datetime) -> str:
    """A time in the names of things: to the minute, or as exactly as it is.

    >>> stamp(datetime(2024, 5, 1, 13, tzinfo=UTC)), stamp(datetime(2024, 5, 1, 13, 0, 7, 20, tzinfo=UTC))
    ('20240501T1300', '20240501T130007.000020')
    """
    return f"{time:%Y%m%dT%H%M}" + (f"{time:%S.%f}" if time.second or time.microsecond else "")


def _moment(time: datetime) -> str:
    exact = f":{time:%S.%f}".removesuffix(".000000") if time.second or time.microsecond else ""
    return f"{time:%Y-%m-%dT%H:%M}{exact}Z"


def window_at(time: datetime, size: timedelta) -> Window:
    """The window of the fixed grid (whole sizes since a Monday) that holds `time`.

    >>> str(window_at(datetime(2024, 5, 1, 13, tzinfo=UTC), timedelta(days=1)))
    '2024-05-01T00:00Z/2024-05-02T00:00Z'
    """
    start = EPOCH + ((time - EPOCH) // size) * size
    return Window(start=start, end=start + size)
