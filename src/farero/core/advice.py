"""Which way to watch is best within a budget of false alarms, and what that is based on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from farero.core.tuning import Delay, Judged, Tuned

_A_YEAR = {"day": 365.0, "week": 365 / 7, "month": 12.0, "quarter": 4.0, "year": 1.0}
_ASKED = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:per|a|an|/)\s*(?:(\d+(?:\.\d+)?)\s*)?(day|week|month|quarter|year)s?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The way to watch that sees changes soonest within a budget [1/year]; None = none keeps it. `because` in words."""

    chosen: Judged | None
    budget: float
    because: tuple[str, ...]


def parse_budget(text: str) -> float:
    """Read "1 per year", "2 a month" or "1 per 5 years" as false alarms a year.

    Raises:
        ValueError: the text is none of these, or asks for none at all.

    >>> parse_budget("1 per year"), parse_budget("2 a month"), parse_budget("1 per 5 years")
    (1.0, 24.0, 0.2)
    """
    match = _ASKED.fullmatch(text)
    if match is None or float(match[1]) <= 0 or (match[2] is not None and float(match[2]) <= 0):
        raise ValueError(f"{text!r} is no budget: write how many false alarms per day, week, month, quarter or year, such as 1 per year")
    return float(match[1]) / float(match[2] or 1) * _A_YEAR[match[3]]


def advise(tuned: Tuned, budget: float) -> Advice:
    """Choose within a budget of false alarms a year.

    A way to watch keeps the budget if it raised no more on the normal windows, and besides is laid out for no more (a detector: windows
    drawn anew say nothing of what they do not hold) or is shown to raise no more with 95 % confidence (a rule). Among those that can be
    written into the project file, the one with the smallest mean of median delays is chosen.

    Args:
        tuned: what was measured.
        budget: false alarms a year and model.
    """
    able = [one for one in tuned.judged if one.watching.line is not None]
    keeping = [one for one in able if _keeps(one, budget)]
    if not keeping:
        quietest = min(tuned.judged, key=lambda one: (one.at_most, one.mean_delay))
        because = f"none is sure to keep {budget:g} false alarms a year on these windows; the quietest is {quietest.watching.name}, "
        return Advice(chosen=None, budget=budget, because=(because + _measured(quietest),))
    best = min(keeping, key=lambda one: (one.mean_delay, one.at_most, one.watching.a_year or 0.0))
    reasons = [f"{len(keeping)} of {len(able)} ways to watch keep {budget:g} false alarms a year; none of them sees changes sooner"]
    based = f"{_measured(best)}, on {tuned.normal} windows taken as normal"
    if best.promised is not None:
        based += f"; it is laid out for {best.promised:g}"
    reasons.append(based)
    rivals = [one.watching.name for one in keeping if one is not best and one.mean_delay <= best.mean_delay + 0.5]
    if rivals:
        reasons.append(f"as soon, or half a window later in the mean: {', '.join(rivals[:4])}")
    return Advice(chosen=best, budget=budget, because=tuple(reasons))


def to_dict(tuned: Tuned, window: str) -> dict[str, object]:
    """What `--json` prints. Delays are in windows; null = not seen within 60."""
    return {
        "windows": tuned.windows, "normal_windows": tuned.normal, "simulated_years": tuned.years, "window": window,
        "changes": {name: list(columns) for name, columns in tuned.into.items()},
        "policies": [judged_dict(one) for one in tuned.judged],
    }  # fmt: skip


def judged_dict(one: Judged) -> dict[str, object]:
    """One way to watch, as `--json` prints it."""
    return {
        "name": one.watching.name, "line": one.watching.line, "alarms": one.alarms, "false_alarms_a_year": one.false_a_year,
        "false_alarms_a_year_at_most": one.at_most, "laid_out_for": one.promised, "mean_delay": one.mean_delay,
        "delays": {name: _delay_dict(delay) for name, delay in one.delays.items()},
    }  # fmt: skip


def rate(a_year: float) -> str:
    """A number of false alarms a year, as people write it.

    >>> rate(0.254), rate(3.14), rate(343.2)
    ('0.25', '3.1', '343')
    """
    return f"{a_year:.0f}" if a_year >= 10 else f"{a_year:.2g}"


def _keeps(one: Judged, budget: float) -> bool:
    return one.false_a_year <= budget and (one.at_most if one.promised is None else one.promised) <= budget


def _measured(one: Judged) -> str:
    return f"{rate(one.false_a_year)} false alarms a year, with 95 % confidence at most {rate(one.at_most)}"


def _delay_dict(delay: Delay) -> dict[str, object]:
    return {"median": delay.median, "nine_in_ten": delay.late, "runs": delay.runs}
