"""intake: whether rows come as they used to. Their number is judged with each window; that none come, at every turn of the loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from farero.core import arrivals
from farero.core.arrivals import Usual
from farero.core.days import Days
from farero.core.finding import Finding
from farero.core.observation import Observation
from farero.core.window import Window, WindowSize, window_at
from farero.serving import frozen, stored
from farero.serving.pool import Loaded
from farero.serving.tally import Tally
from farero.store import observations, refusals, steps
from farero.store.database import Store

KNOWN_DAYS = timedelta(days=56)
"""How far back refusals are looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """No rows where there should be some: the newest window without any, the version that answered last, and the finding."""

    window: Window
    version: str
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Watches how rows of one model arrive. `grace`: how long after a window's end its last rows may still come."""

    model: str
    window_size: WindowSize
    grace: timedelta
    store: Store
    tally: Tally
    _reference: dict[str, Days | None] = field(default_factory=dict)
    _answered: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def check(self, window: Window, rows: int, version: Loaded) -> list[Finding]:
        """What the number of a window's rows, and of refused ones, is worth. By count, those of the days that ended with it.

        Args:
            window: that has just closed.
            rows: that it holds.
            version: that answered them.
        """
        if self.window_size.rows is None:
            before = [(seen.window.start, seen.rows) for seen in self._known() if seen.window.end <= window.start]
            return self._judged(window, rows, before, self._days(version))
        held = self._by_day(window.end)
        ended = [start for start in held if start + self.window_size.span > window.start]
        return [
            finding
            for start in ended
            for finding in self._judged(
                window_at(start, self.window_size.span), held[start], [(day, count) for day, count in held.items() if day < start], None
            )
        ]

    def _judged(self, window: Window, rows: int, before: Sequence[tuple[datetime, int]], reference: Days | None) -> list[Finding]:
        """`before`: earlier windows, when each began and how many rows it held."""
        known = self._usual(before, reference)
        found = arrivals.volume(known, self._number(window.start), rows) if known is not None else None
        return [*([found] if found is not None else ()), *self._refused(window, rows, before)]

    def silence(self, at: datetime, version: Loaded | None) -> Silence | None:
        """Whether rows should have come and did not; for each turn of the loop, once all windows that hold rows went through it.

        Args:
            at: now.
            version: in production, and in memory; None where there is none.
        """
        with self.store.read() as conn:
            end = steps.last_end(conn, self.model, "done")
        closed = self._number(at - self.grace) - 1
        # The newest window that is over has been through the loop, as nearly always; or this very question was answered a moment ago.
        if end is None or closed < self._number(end) or self._answered.get("last") == (end, closed):
            return None
        self._answered["last"] = (end, closed)
        seen = self._known()
        if self.window_size.rows is None:
            before, days = [(one.window.start, one.rows) for one in seen], None if version is None else self._days(version)
        else:
            before, days = list(self._by_day(at - self.grace).items()), None
        known = self._usual(before, days) if before else None
        found = arrivals.silence(known, self._number(before[-1][0]), closed) if known is not None else None
        if found is None or not seen:
            return None
        return Silence(window=stored.window_of(closed, self.window_size.span), version=seen[-1].version, finding=found)

    def _known(self) -> list[Observation]:
        with self.store.read() as conn:
            return observations.latest(conn, self.model, last=arrivals.KNOWN_WINDOWS)

    def _by_day(self, until: datetime) -> dict[datetime, int]:
        return self.tally.between(until - arrivals.KNOWN_WINDOWS * self.window_size.span, until)

    def _days(self, version: Loaded) -> Days | None:
        """The windows of a version's reference; those of the last version asked for stay in memory."""
        name = version.version.number
        if name not in self._reference:
            self._reference.clear()
            self._reference[name] = frozen.days(version.folder, self.window_size)
        return self._reference[name]

    def _usual(self, before: Sequence[tuple[datetime, int]], days: Days | None) -> Usual | None:
        reference = [] if days is None else list(zip(days.numbers.tolist(), days.rows().tolist(), strict=True))
        present = [(self._number(start), rows) for start, rows in before]
        return arrivals.usual(reference, present, self.window_size.span.total_seconds())

    def _refused(self, window: Window, rows: int, before: Sequence[tuple[datetime, int]]) -> list[Finding]:
        """Refusals are counted by day, so a window is asked for those of the days that end with it."""
        first, end = _day(window.start), _day(window.end)
        if window.end - window.start < timedelta(days=1):
            first = end - timedelta(days=1)
        if end <= first or datetime(end.year, end.month, end.day, tzinfo=UTC) != window.end:
            return []
        answered: Counter[date] = Counter({self._span(first): rows})
        for start, held in before:
            answered[self._span(_day(start))] += held
        with self.store.read() as conn:
            entries = refusals.between(conn, self.model, first - KNOWN_DAYS, end)
        by_span: dict[date, Counter[str]] = {}
        for entry in entries:
            by_span.setdefault(self._span(entry.day), Counter())[entry.path] += entry.count
        nothing: Counter[str] = Counter()
        own, oldest = self._span(first), first - KNOWN_DAYS
        past = [(by_span.get(span, nothing), count) for span, count in sorted(answered.items()) if oldest <= span < own]
        return arrivals.refused(by_span.get(own, nothing), answered[own], past)

    def _span(self, day: date) -> date:
        """The first day of the window that holds this day; the day itself where windows are shorter."""
        if self.window_size.span <= timedelta(days=1):
            return day
        return _day(window_at(datetime(day.year, day.month, day.day, tzinfo=UTC), self.window_size.span).start)

    def _number(self, time: datetime) -> int:
        return stored.window_number(time, self.window_size.span)


def _day(time: datetime) -> date:
    return time.astimezone(UTC).date()
