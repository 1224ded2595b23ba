"""A clock that stands still until it is told: the fake of the machine's clock."""

from __future__ import annotations

from datetime import datetime, timedelta


class ManualClock:
    """Tells the time it was last set to."""

    def __init__(self, start: datetime) -> None:
        self.set(start)

    def now(self) -> datetime:
        """The moment it stands at."""
        return self._now

    def set(self, moment: datetime) -> None:
        """Stand at this moment from now on.

        Raises:
            ValueError: the moment is not aware and UTC.
        """
        if moment.utcoffset() != timedelta(0):
            raise ValueError(f"{moment.isoformat()} is not an aware time in UTC")
        self._now = moment

    def advance(self, by: timedelta) -> None:
        """Move on."""
        self._now += by
