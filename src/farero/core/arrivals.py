"""Whether rows come as they used to: how many a window, for how long none, and how many are refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, stdtrit

from farero.core.bands import Bands, highest_share, most_by_chance
from farero.core.baseline import season, windows_a_year
from farero.core.finding import Finding, Severity
from farero.core.reference import Floats
from farero.core.unrest import LEAST_WINDOWS
from farero.errors import counted

FALSE_FINDINGS_A_YEAR = 0.02
"""What the number of rows may raise by chance in a year [findings]."""

LEAST_FACTOR = 2.0
"""A window with less than twice, and more than half the usual rows is never a finding."""

KNOWN_WINDOWS = 200
"""Windows of the present, at most, that tell what is usual; more would only tell of a past that is over."""

ENOUGH_WINDOWS = 14
"""With so many windows of the present, those of the reference are not asked any more."""

_SILENCE_CHANCE = 1e-4
_SELDOM = 0.25
_LARGEST_ODDS = 6.0  # in logs: a window of 400 times the usual rows tells of an accident, not of the usual spread
_PRIOR_ROWS = 1_000
_LEAST_REFUSED = 0.005


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Usual:
    """How many rows windows usually hold.

    Attributes:
        period: windows in a season; 1 = none.
        rows: (period,) the usual number by place in the season.
        spread: standard deviation of its logarithm.
        reach: how many of these a window may lie off.
        empty: (period,) share of windows without a row, among those that were known [0-1].
        longest: the most windows without a row that came one after the other.
        none, windows: without a row, and all that were known.
    """

    period: int
    rows: Floats
    spread: float
    reach: float
    empty: Floats
    longest: int
    none: int
    windows: int

    def limits(self, number: int) -> tuple[float, float]:
        """The least and the most rows that are no finding in this window."""
        expected = float(self.rows[number % self.period])
        # Few rows vary by chance as well: the logarithm of a Poisson count by about 1 / its root.
        off = self.reach * math.sqrt(self.spread**2 + 1 / max(expected, 1.0))
        factor = max(LEAST_FACTOR, math.exp(min(off, 50.0)))
        return expected / factor, expected * factor


def usual(reference: Iterable[tuple[int, int]], present: Iterable[tuple[int, int]], size_s: float) -> Usual | None:
    """Learn from windows that held rows.

    The present tells once it has `ENOUGH_WINDOWS`, and enough of them to know weekdays where the reference does; before that the
    reference tells too, unless the present is of another size altogether: training data is often a sample. So the first window of the
    present is judged by nothing.

    Args:
        reference: (number, rows) of the reference's windows.
        present: (number, rows) of windows that went through the loop, without the one to judge.
        size_s: length of a window [s].

    Returns:
        None where fewer than `LEAST_WINDOWS` windows are known, or none of the present: nothing is usual then.
    """
    before, now = _held(reference), _held(sorted(present)[-KNOWN_WINDOWS:])
    if not now:
        return None
    learnt, present_alone = _learn([before], size_s), _learn([now], size_s)
    if learnt is None or not _is_like(now, learnt):
        return present_alone
    knows_all = present_alone is not None and len(now) >= ENOUGH_WINDOWS and present_alone.period >= learnt.period
    return present_alone if knows_all else _learn([before, now], size_s)


def volume(known: Usual, number: int, rows: int) -> Finding | None:
    """A finding where a window holds wildly more or fewer rows than usual.

    >>> steady = usual([], [(n, 1000) for n in range(28)], 86_400.0)
    >>> volume(steady, 30, 1100), volume(steady, 30, 90).because
    (None, '90 rows, 500 to 2000 are usual for such a window')
    """
    low, high = known.limits(number)
    if low <= rows <= high:
        return None
    because = f"{rows} rows, {low:.0f} to {high:.0f} are usual for such a window"
    expected = float(known.rows[number % known.period])
    return Finding(
        kind="DATA_QUALITY", subject=Bands.ROWS, severity="high" if rows < low else "medium", value=rows / expected,
        limit=(low if rows < low else high) / expected, because=because,
    )  # fmt: skip


def silence(known: Usual, newest: int, closed: int) -> Finding | None:
    """A finding where no row has come for longer than the windows that are known explain.

    One window is enough where such a window was empty less than once in four times and usually holds so many rows that chance does not
    empty it. Otherwise the silence must be half as long again as any before, and longer than chance makes of the usual share of empty
    windows.

    Args:
        known: what is usual.
        newest: number of the newest window that held a row.
        closed: number of the newest window that is over.
    """
    run = closed - newest
    if run <= 0:
        return None
    busy = [n for n in range(newest + 1, min(closed, newest + 7 * known.period) + 1) if _is_busy(known, n)]
    share = (known.none + 1) / (known.windows + 2)
    longest = max(math.floor(1.5 * known.longest) if known.longest else 0, math.ceil(math.log(_SILENCE_CHANCE) / math.log(share)))
    if not busy and run <= longest:
        return None
    expected = float(known.rows[(busy[0] if busy else closed) % known.period])
    because = f"no row in the last {counted(run, 'window')}; about {expected:.0f} are usual for such a window, and at most {known.longest} "
    because += "were empty in a row"
    return Finding(
        kind="DATA_QUALITY", subject=Bands.ROWS, severity="high", value=float(run), limit=float(0 if busy else longest), because=because
    )


def refused(counts: Mapping[str, int], rows: int, past: Sequence[tuple[Mapping[str, int], int]]) -> list[Finding]:
    """Findings where more values of a feature were refused than earlier days explain: wrong types, values that are not allowed.

    A day's share is compared with what all earlier days leave possible, their differences included; before there are any, as if 1,000 rows
    had come without a refusal.

    Args:
        counts: field -> refusals in the days to judge.
        rows: that were answered in them.
        past: the same two of each earlier day.
    """
    found: list[Finding] = []
    chance = FALSE_FINDINGS_A_YEAR / (365 * max(len({name for day, _ in past for name in day} | set(counts)), 1))
    for name, count in counts.items():
        asked = rows + count
        share = count / asked if asked else 0.0
        expected, highest = _refusals_before([(day.get(name, 0), answered) for day, answered in past], chance)
        limit = max(most_by_chance(asked, highest, chance) / max(asked, 1), expected + _LEAST_REFUSED)
        if share > limit:
            because = f"{count} values of {name} were refused beside {rows} answered rows: {share:.1%}, limit {limit:.1%}; "
            because += f"{expected:.1%} are usual"
            severity: Severity = "critical" if rows == 0 else "high" if share >= 0.5 else "medium"
            found.append(Finding(kind="DATA_QUALITY", subject=name, severity=severity, value=share, limit=limit, because=because))
    return found


def _held(windows: Iterable[tuple[int, int]]) -> dict[int, int]:
    return {number: rows for number, rows in sorted(windows) if rows > 0}


def _learn(parts: Sequence[Mapping[int, int]], size_s: float) -> Usual | None:
    """Learn from spans of windows; what lies between two spans is not known, and no silence."""
    held = {number: rows for part in parts for number, rows in part.items()}
    if len(held) < LEAST_WINDOWS:
        return None
    numbers = np.array(sorted(held), dtype=np.int64)
    logs = np.log(np.array([held[number] for number in numbers.tolist()], dtype=np.float64))
    # The first and the last window of a file are often cut short.
    for edge in (0, -1):
        if len(logs) > LEAST_WINDOWS and logs[edge] < np.median(logs) - math.log(2):
            numbers, logs = np.delete(numbers, edge), np.delete(logs, edge)
    spans = [np.array(sorted(part), dtype=np.int64) for part in parts if part]
    period = season(size_s, sum(int(span[-1] - span[0]) + 1 for span in spans))
    slots = numbers % period
    middle = float(np.median(logs))
    each = np.array([float(np.median(logs[slots == slot])) if np.any(slots == slot) else middle for slot in range(period)])
    off = logs - each[slots]
    sound = off[np.abs(off) < _LARGEST_ODDS]
    seen = len(np.unique(slots))
    freedom = max(len(sound) - seen, 1)
    # The mean of a few windows of a weekday is itself uncertain by the root of their number.
    depth = len(logs) / seen
    spread = math.sqrt(float((sound**2).sum()) / freedom * (1 + 1.6 / depth))
    without = np.concatenate([np.setdiff1d(np.arange(span[0], span[-1] + 1), span) for span in spans])
    empty = np.bincount(without % period, minlength=period)
    every = empty + np.bincount(slots, minlength=period)
    return Usual(
        period=period, rows=np.exp(each), spread=spread,
        reach=float(stdtrit(freedom, 1 - FALSE_FINDINGS_A_YEAR / (2 * windows_a_year(size_s)))),
        empty=empty / np.maximum(every, 1), longest=max(int((np.diff(span) - 1).max(initial=0)) for span in spans),
        none=len(without), windows=len(numbers) + len(without),
    )  # fmt: skip


def _is_like(now: Mapping[int, int], learnt: Usual) -> bool:
    """Whether the windows of the present hold about as many rows as the reference's."""
    off = [math.log(rows / float(learnt.rows[number % learnt.period])) for number, rows in now.items()]
    return abs(float(np.median(off))) <= math.log(LEAST_FACTOR)


def _is_busy(known: Usual, number: int) -> bool:
    return known.limits(number)[0] >= 1.0 and bool(known.empty[number % known.period] < _SELDOM)


def _refusals_before(past: Sequence[tuple[int, int]], chance: float) -> tuple[float, float]:
    """The usual share, and the highest that it may be on a day [0-1]."""
    hits, rows = sum(count for count, _ in past), sum(count + answered for count, answered in past) + _PRIOR_ROWS
    share = hits / rows
    sure = highest_share(hits, rows, chance)
    days = [(count, count + answered) for count, answered in past if count + answered]
    if not hits or len(days) < 2 or sure >= 1:
        return share, sure
    # Days differ: a normal spread of the log-odds, from the variance of the days' shares beyond the binomial.
    shares = np.array([count / asked for count, asked in days])
    chance_part = float(np.mean([share * (1 - share) / asked for _, asked in days]))
    spread = math.sqrt(max(float(shares.var(ddof=1)) - chance_part, 0.0)) / (share * (1 - share))
    freedom = max(len(days) - 1, 1)
    return share, float(expit(logit(sure) + stdtrit(freedom, 1 - chance) * spread))
