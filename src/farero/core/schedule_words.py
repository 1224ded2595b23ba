"""A schedule in plain words, as lists and the console show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from farero.core.schedule import Schedule

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
_NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}
_SHOWN = 4


def words(schedule: Schedule) -> str:
    """What the schedule means.

    >>> from zoneinfo import ZoneInfo
    >>> from farero.core.schedule import parse
    >>> words(parse("0 2 * * *", ZoneInfo("Europe/Madrid")))
    'every day at 02:00 Europe/Madrid'
    >>> words(parse("*/15 * * * MON-FRI"))
    'every 15 minutes on weekdays UTC'
    """
    days = _days(schedule)
    parts = [_when(schedule, every_day=not days), *days, *_limits(schedule)]
    return " ".join([*parts, str(schedule.zone)])


def _when(schedule: Schedule, *, every_day: bool) -> str:
    if _few(schedule):
        clock = [
            f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")
            for hour in schedule.hours for minute in schedule.minutes for second in schedule.seconds
        ]  # fmt: skip
        return f"{'every day ' if every_day else ''}at {_listed(clock)}"
    if len(schedule.seconds) > 1:
        unit, often = "second", _every(schedule.seconds, 60)
        within = [*_past("minute", schedule.minutes, 60), *_past("hour", schedule.hours, 24)]
    elif len(schedule.minutes) > 1:
        unit, often = "minute", _every(schedule.minutes, 60)
        within = _past("hour", schedule.hours, 24)
    else:
        unit, often = "hour", _every(schedule.hours, 24)
        minute = next(iter(schedule.minutes))
        within = [f"at minute {minute}"] if minute else []
    if often is None:
        values = schedule.seconds if unit == "second" else schedule.minutes if unit == "minute" else schedule.hours
        return " ".join([f"at {unit}s {_listed(str(value) for value in values)}", *within])
    return " ".join([f"every {unit}" if often == 1 else f"every {often} {unit}s", *within])


def _few(schedule: Schedule) -> bool:
    """Whether the times of a day are worth listing."""
    return len(schedule.hours) * len(schedule.minutes) * len(schedule.seconds) <= _SHOWN


def _every(values: Sequence[int], size: int) -> int | None:
    """The step of values that run evenly round the clock."""
    step = values[1] - values[0]
    return step if list(values) == list(range(values[0], size, step)) and values[0] < step else None


def _past(unit: str, values: Sequence[int], size: int) -> list[str]:
    if len(values) == size:
        return []
    if len(values) > 2 and list(values) == list(range(values[0], values[-1] + 1)):
        return [f"in {unit}s {values[0]} to {values[-1]}"]
    return [f"in {unit}{'s' if len(values) > 1 else ''} {_listed(str(value) for value in values)}"]


def _days(schedule: Schedule) -> list[str]:
    month = _month_days(schedule)
    week = _week_days(schedule)
    if schedule.either:
        return [f"{month[0]} and {week[0]}"]
    return [*month, *week]


def _month_days(schedule: Schedule) -> list[str]:
    if len(schedule.days) == 31:
        return []
    days = [str(day) for day in sorted(schedule.days)]
    named = [_special(rule) for rule in schedule.special_days]
    shown = [*([f"day{'s' if len(days) > 1 else ''} {_listed(days)}"] if days else []), *named]
    return [f"on {_listed(shown)} of the month"]


def _special(rule: str) -> str:
    if rule == "L":
        return "the last day"
    if rule == "LW":
        return "the last weekday"
    if rule.startswith("L-"):
        return f"the day {rule[2:]} before the last"
    return f"the weekday nearest to day {rule[:-1]}"


def _week_days(schedule: Schedule) -> list[str]:
    if len(schedule.weekdays) == 7:
        return []
    if schedule.weekdays == frozenset(range(1, 6)) and not schedule.nth_weekdays:
        return ["on weekdays"]
    ordered = sorted(schedule.weekdays, key=lambda day: (day - 1) % 7)
    named = [f"{_DAYS[day]}s" for day in ordered]
    nth = [f"the {_NTH[which]} {_DAYS[day]} of the month" for day, which in sorted(schedule.nth_weekdays)]
    return [f"on {_listed([*named, *nth])}"]


def _limits(schedule: Schedule) -> list[str]:
    found = []
    if len(schedule.months) < 12:
        found.append(f"in {_listed(_MONTHS[month - 1] for month in sorted(schedule.months))}")
    if schedule.years is not None:
        found.append(f"in {_listed(str(year) for year in sorted(schedule.years))}")
    return found


def _listed(items: Iterable[str]) -> str:
    *some, last = items
    return f"{', '.join(some)} and {last}" if some else last
