"""A schedule: a cron or Quartz expression in a time zone, and the moments that it names.

Five fields are cron (minute hour day month weekday), six or seven are Quartz (second minute hour day month weekday [year]).
Both read names, lists, ranges and steps, and in the day fields `L`, `W` and `#`:

    0 2 * * *             every day at 02:00
    0 0 6 ? * MON-FRI     Quartz: 06:00 from Monday to Friday
    0 0 8 LW * ?          Quartz: 08:00 on the last weekday of the month
    0 9 15W * *           09:00 on the weekday nearest to the 15th
    0 9 * * 1#2           09:00 on the second Monday of the month

Cron counts weekdays from Sunday = 0 (7 is Sunday too), Quartz from Sunday = 1. Where a cron expression restricts both the day and the
weekday, either is enough; Quartz wants `?` in one of them.

When clocks change, a schedule of fixed times (neither its hour nor its minute begins with `*`) is kept once a day: a time that does not
exist comes at the end of the gap, one that occurs twice comes the first time. Any other is a matter of elapsed time: nothing falls into
the gap, and the doubled hour counts twice. Source: the manual of cron in Debian, cron(8); the Quartz CronExpression documentation.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from farero.errors import BadInput

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
NICKNAMES = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
HORIZON_YEARS = 100
"""A schedule that names no moment for so long names none: 29 February on a Monday comes every 28 or 40 years."""

_CRON = ("minute", "hour", "day", "month", "weekday")
_QUARTZ = ("second", *_CRON, "year")
_LIMITS = {"second": (0, 59), "minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7), "year": (1970, 2199)}
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A parsed expression. Weekdays count from Sunday = 0.

    Attributes:
        days: days of the month; `special_days` are those that the month decides: "L", "L-3", "LW", "15W".
        weekdays: `nth_weekdays` are (weekday, which one of the month), -1 = the last.
        either: whether a matching weekday is enough where the day of the month does not match.
        fixed: whether it names times of the day, kept once a day when clocks change.
    """

    text: str
    zone: tzinfo
    quartz: bool
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    special_days: tuple[str, ...]
    months: frozenset[int]
    weekdays: frozenset[int]
    nth_weekdays: frozenset[tuple[int, int]]
    years: frozenset[int] | None
    either: bool
    fixed: bool

    def __str__(self) -> str:
        return f"{self.text} {self.zone}"


def parse(text: str, zone: tzinfo = UTC) -> Schedule:
    """Read an expression.

    Raises:
        BadInput: it is none; says which field, at which position, and what is wanted.

    >>> parse("30 2 * * MON-FRI").minutes
    (30,)
    """
    fields = [(found[0], found.start()) for found in re.finditer(r"\S+", NICKNAMES.get(text.strip().lower(), text).upper())]
    if len(fields) not in (5, 6, 7):
        raise BadInput(
            f"{text!r} has {len(fields)} fields; a schedule has 5 (cron) or 6 to 7 (Quartz).",
            hint='Write it like "0 2 * * *" (every day at 02:00) or "0 0 6 ? * MON-FRI" (Quartz).',
        )
    quartz = len(fields) > 5
    read = {name: _Field(text, name, part, at, quartz) for name, (part, at) in zip(_QUARTZ if quartz else _CRON, fields, strict=False)}
    day, weekday = read["day"], read["weekday"]
    if quartz and (day.part == "?") == (weekday.part == "?"):
        raise day.fault("exactly one of day and weekday must be ?")
    days, special = day.days()
    weekdays, nth = weekday.weekdays()
    timed = [read[name] for name in ("second", "minute", "hour") if name in read]
    schedule = Schedule(
        text=" ".join(text.split()), zone=zone, quartz=quartz,
        seconds=tuple(sorted(read["second"].numbers())) if quartz else (0,),
        minutes=tuple(sorted(read["minute"].numbers())), hours=tuple(sorted(read["hour"].numbers())),
        days=days, special_days=special, months=read["month"].numbers(), weekdays=weekdays, nth_weekdays=nth,
        years=read["year"].numbers() if "year" in read and read["year"].part != "*" else None,
        either=not quartz and not day.part.startswith("*") and not weekday.part.startswith("*"),
        fixed=not any(field.part.startswith("*") for field in timed),
    )  # fmt: skip
    _check_month(schedule, day)
    return schedule


def next_after(schedule: Schedule, at: datetime) -> datetime | None:
    """The first moment of the schedule later than `at`, in UTC; None where there is none within a hundred years.

    >>> next_after(parse("0 2 * * *"), datetime(2024, 5, 1, 2, tzinfo=UTC))
    datetime.datetime(2024, 5, 2, 2, 0, tzinfo=datetime.timezone.utc)
    """
    at = at.astimezone(UTC)
    return _next_fixed(schedule, at) if schedule.fixed else _next_elapsed(schedule, at)


def last_between(schedule: Schedule, after: datetime, until: datetime) -> tuple[datetime | None, int]:
    """The schedule's last moment with after < moment <= until, and how many there are; (None, 0) without one.

    Stops counting at 1000: whoever was away for longer has missed enough.
    """
    last, count, at = None, 0, after
    while count < 1000:
        following = next_after(schedule, at)
        if following is None or following > until:
            return last, count
        last, at, count = following, following, count + 1
    if (newest := _last_by(schedule, at, until)) is not None:
        last = newest
    return last, count


def falls_on(schedule: Schedule, day: date) -> bool:
    """Whether the schedule has anything to do with this day of its zone."""
    if day.month not in schedule.months or (schedule.years is not None and day.year not in schedule.years):
        return False
    by_month, by_week = _is_day(schedule, day), _is_weekday(schedule, day)
    return by_month or by_week if schedule.either else by_month and by_week


def _last_by(schedule: Schedule, after: datetime, until: datetime) -> datetime | None:
    """The last moment up to `until`, looked for backwards in spans that grow."""
    span = timedelta(minutes=1)
    while until - span > after:
        found = next_after(schedule, until - span)
        if found is not None and found <= until:
            while (later := next_after(schedule, found)) is not None and later <= until:
                found = later
            return found
        span *= 4
    return None


def _next_fixed(schedule: Schedule, at: datetime) -> datetime | None:
    """Day by day, since each time comes once in a day."""
    # A day of the zone begins up to 14 hours before or after the day of UTC, and a gap may push a time past midnight.
    for day in _days(schedule, at.astimezone(schedule.zone).date() - timedelta(days=1)):
        for hour in schedule.hours:
            for minute in schedule.minutes:
                for second in schedule.seconds:
                    moment = _moment(datetime.combine(day, time(hour, minute, second)), schedule.zone)
                    if moment > at:
                        return moment
    return None


def _next_elapsed(schedule: Schedule, at: datetime) -> datetime | None:
    """Forward in elapsed time, over as much as the first field that does not match allows."""
    moment = at.replace(microsecond=0) + _SECOND
    last = at.year + HORIZON_YEARS
    while moment.year <= last:
        local = moment.astimezone(schedule.zone)
        if not falls_on(schedule, local.date()):
            day = next(_days(schedule, local.date() + timedelta(days=1)), None)
            if day is None:
                return None
            moment = _moment(datetime.combine(day, time()), schedule.zone)
        elif local.hour not in schedule.hours:
            moment += timedelta(seconds=3600 - local.minute * 60 - local.second)
        elif local.minute not in schedule.minutes:
            moment += timedelta(seconds=60 - local.second)
        elif local.second not in schedule.seconds:
            moment += _SECOND
        else:
            return moment
    return None


def _days(schedule: Schedule, first: date) -> Iterator[date]:
    """The schedule's days from `first` on."""
    day, last = first, first.year + HORIZON_YEARS
    while day.year <= last:
        if day.month not in schedule.months:
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            continue
        if falls_on(schedule, day):
            yield day
        day += timedelta(days=1)


def _moment(wall: datetime, zone: tzinfo) -> datetime:
    """When a clock of the zone shows this: the first time where it does so twice, the end of the gap where it never does."""
    early = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if early.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return early
    # In a gap fold 1 means a moment before it, fold 0 one after it.
    before, after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), early
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _is_day(schedule: Schedule, day: date) -> bool:
    return day.day in schedule.days or any(day.day == _special(rule, day) for rule in schedule.special_days)


def _special(rule: str, day: date) -> int | None:
    """The day of this month that L, L-3, LW or 15W means; None where the month is too short."""
    length = calendar.monthrange(day.year, day.month)[1]
    if rule == "LW":
        return _nearest(day, length, length)
    if rule.startswith("L"):
        return length - int(rule[2:] or 0)
    wanted = int(rule[:-1])
    return _nearest(day, wanted, length) if wanted <= length else None


def _nearest(day: date, wanted: int, length: int) -> int:
    """The weekday nearest to a day, within its month."""
    weekday = day.replace(day=wanted).weekday()
    if weekday == 5:
        return wanted - 1 if wanted > 1 else 3
    if weekday == 6:
        return wanted + 1 if wanted < length else length - 2
    return wanted


def _is_weekday(schedule: Schedule, day: date) -> bool:
    weekday = day.isoweekday() % 7
    if weekday in schedule.weekdays or (weekday, (day.day + 6) // 7) in schedule.nth_weekdays:
        return True
    return (weekday, -1) in schedule.nth_weekdays and day.day + 7 > calendar.monthrange(day.year, day.month)[1]


def _check_month(schedule: Schedule, field: _Field) -> None:
    """Refuse a day that none of the months has."""
    if schedule.special_days or schedule.either or not schedule.days:
        return
    longest = max(29 if month == 2 else calendar.monthrange(2023, month)[1] for month in schedule.months)
    if min(schedule.days) > longest:
        raise field.fault("none of the months has such a day")


class _Field:
    """One field of an expression, and where it stands in it."""

    def __init__(self, text: str, name: str, part: str, at: int, quartz: bool) -> None:
        self.part = part
        self._text, self._name, self._at, self._quartz = text, name, at, quartz

    def fault(self, wanted: str, term: str | None = None) -> BadInput:
        shown, at = (self.part, 0) if term is None else (term, max(self.part.find(term), 0))
        return BadInput(
            f"The {self._name} {shown!r} at position {self._at + at + 1} of {self._text!r} is wrong: {wanted}.",
            position=self._at + at + 1,
        )  # fmt: skip

    def numbers(self) -> frozenset[int]:
        return frozenset(number for term in self.part.split(",") for number in self._term(term))

    def days(self) -> tuple[frozenset[int], tuple[str, ...]]:
        if self.part == "?" and self._quartz:
            return frozenset(range(1, 32)), ()
        terms = self.part.split(",")
        special = tuple(term for term in terms if re.fullmatch(r"L(W|-\d+)?|\d+W", term))
        for term in special:
            low = int(re.sub(r"\D", "", term) or 1)
            if not 1 <= low <= (30 if term.startswith("L") else 31):
                raise self.fault("the month has no such day", term)
        return frozenset(number for term in terms if term not in special for number in self._term(term)), special

    def weekdays(self) -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
        if self.part == "?" and self._quartz:
            return frozenset(range(7)), frozenset()
        plain: set[int] = set()
        nth: set[tuple[int, int]] = set()
        for term in self.part.split(","):
            if "#" in term:
                day, _, which = term.partition("#")
                if which not in ("1", "2", "3", "4", "5"):
                    raise self.fault("after # comes which one of the month, 1 to 5", term)
                nth.add((self._weekday(day, term), int(which)))
            elif term == "L":
                plain.add(6)
            elif term.endswith("L"):
                nth.add((self._weekday(term[:-1], term), -1))
            else:
                plain |= {(number - 1 if self._quartz else number) % 7 for number in self._term(term)}
        return frozenset(plain), frozenset(nth)

    def _weekday(self, text: str, term: str) -> int:
        return (self._number(text, term) - (1 if self._quartz else 0)) % 7

    def _term(self, term: str) -> range | list[int]:
        """The numbers of `*`, `5`, `1-5`, `*/2`, `1-30/7` or `3/10`."""
        span, slash, step = term.partition("/")
        least, most = self._limits()
        if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
            raise self.fault("after / comes a step, a whole number of at least 1", term)
        by = int(step) if slash else 1
        if span == "*":
            return range(least, most + 1, by)
        low, dash, high = span.partition("-")
        first = self._number(low, term)
        if not dash:
            return range(first, most + 1, by) if slash else [first]
        last = self._number(high, term)
        if last >= first:
            return range(first, last + 1, by)
        if not self._quartz or self._name == "year":
            raise self.fault("a range goes from the smaller to the larger", term)
        return [*range(first, most + 1), *range(least, last + 1)][::by]

    def _number(self, text: str, term: str) -> int:
        names = MONTHS if self._name == "month" else DAYS if self._name == "weekday" else ()
        if text in names:
            return names.index(text) + (1 if self._name == "month" or self._quartz else 0)
        least, most = self._limits()
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            named = f", or one of {', '.join(names)}" if names else ""
            raise self.fault(f"wanted are whole numbers from {least} to {most}{named}", term)
        return int(text)

    def _limits(self) -> tuple[int, int]:
        return (1, 7) if self._name == "weekday" and self._quartz else _LIMITS[self._name]
