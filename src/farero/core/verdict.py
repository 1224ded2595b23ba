"""Which figures count as drift: rules by name, each with the false alarms it makes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from farero.core.distance import proportion_p_value
from farero.core.observation import ColumnDrift, DriftVerdict

LEAST_ROWS = 20
"""With fewer rows the guarded rule judges by KS alone: the tests of levels and shares are limit laws, and not to be trusted there."""

SHARE_LIMIT = 0.3
PSI_LIMIT = 0.25
EFFECT_LIMIT = 0.1
_P_LIMIT = 0.05
_DAYS = 365
_MOST_GROUPS = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a column must pass to be more than chance or habit: a distance, and a change of the share of missing values [0-1]."""

    distance: float = 0.1
    missing: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A way to judge: why a column drifted (None = it did not), and the share of columns from which on it is an alarm."""

    reason: Callable[[_Case], str | None]
    share: float
    false_alarm_rate: str


def judge(
    rule: str, columns: Sequence[ColumnDrift], *, rows: tuple[int, int], limits: Mapping[str, Limit]
) -> tuple[DriftVerdict, tuple[ColumnDrift, ...]]:
    """Judge the figures of columns by one rule, wherever they come from.

    A column that had values and now has none has drifted by every rule: there is no p-value, and that is not "no drift".

    Args:
        rule: one of `RULES`.
        columns: the figures.
        rows: of the reference and of the current rows.
        limits: column name -> what the guarded rule asks of it; others get `Limit()`.

    Returns:
        The verdict, and the columns with `drift` set as the rule has it.

    Raises:
        ValueError: no such rule.
    """
    chosen = _rule(rule)
    reasons: list[str] = []
    judged: list[ColumnDrift] = []
    stepped = stepped_limit([_p_value(column) for column in columns])
    for column in columns:
        case = _Case(column=column, rows=rows, limit=limits.get(column.name, Limit()), tests=len(columns), stepped=stepped)
        reason = _vanished(case) or chosen.reason(case) if rows[1] else None
        if reason:
            reasons.append(f"{column.name} ({reason})")
        judged.append(replace(column, drift=reason is not None))
    return _summary(rule, chosen, judged, reasons, rows[1]), tuple(judged)


def false_alarm_rate(rule: str) -> str:
    """What the rule's false alarms are worth, in words.

    Raises:
        ValueError: no such rule.

    Source: our own simulation, 20 features, daily windows (`benchmarks/false_alarms.py`).
    """
    return _rule(rule).false_alarm_rate


def own_limit(noise: float, windows: int, window_rows: int, rows: int) -> float:
    """The distance that a window must pass to be more than the reference's windows do of themselves [0-1].

    1.75 times the farthest of them (about what lies between the farthest day of two months and that of ten years), and more where
    there are few of them (the next of w windows is the farthest yet with chance 1 / (w + 1)) or where the window is smaller than they
    are (distance from chance alone goes as 1 / sqrt(rows)); at least 0.1, and never more than halfway from the farthest to 1, so that
    a column that roams widely can still be caught.

    Args:
        noise: distance of the farthest of the reference's windows [0-1].
        windows: how many the reference has; with fewer than 2 nothing is known, and the limit is 0.1.
        window_rows: their median size.
        rows: of the window to judge.

    Source: our own simulation (`benchmarks/false_alarms.py`).

    >>> own_limit(0.4, 100, 1000, 1000), own_limit(0.9, 100, 1000, 1000)
    (0.7, 0.95)
    """
    if windows < 2 or not rows:
        return Limit().distance
    smaller = max(0.0, 1 / math.sqrt(rows) - 1 / math.sqrt(max(window_rows, 1)))
    return max(Limit().distance, min((1.75 + 2 / windows) * noise + 1.2 * smaller, (1 + noise) / 2))


def stepped_limit(p_values: Sequence[float], level: float = _P_LIMIT) -> float | None:
    """The p up to which findings may be kept so that, on average, no more than a share `level` of those kept are chance.

    Args:
        p_values: of all tests made at once [0-1].
        level: the false discovery rate [0-1].

    Returns:
        The largest p that is kept; None where none is.

    Source: Benjamini & Hochberg (1995), Controlling the false discovery rate; it holds for tests that are independent or go together.

    >>> stepped_limit([0.001, 0.02, 0.03, 0.5]), stepped_limit([0.04, 0.5, 0.6])
    (0.03, None)
    """
    ordered = sorted(p_values)
    kept = [p for place, p in enumerate(ordered, 1) if p <= level * place / len(ordered)]
    return kept[-1] if kept else None


def chance_distance(kind: str, rows: tuple[int, int], chance: float) -> float:
    """The distance that two samples of the same thing pass with at most this chance: KS, or Jensen-Shannon for choices and flags [0-1].

    KS: Massart's bound for each sample, added up. Jensen-Shannon: its square is a chi-squared over 8 ln 2 and the rows, in at most 22
    groups (a flag has 2 and new values), and a chi-squared of k degrees passes k + 2 sqrt(k t) + 2 t with chance exp(-t).

    Args:
        kind: of the column.
        rows: of both samples.
        chance: [0-1], > 0.

    Source: Massart (1990); Laurent & Massart (2000), lemma 1; Lin (1991) for the second-order term.

    >>> round(chance_distance("number", (100_000, 1_000), 0.05), 3), round(chance_distance("flag", (100_000, 1_000), 0.05), 3)
    (0.051, 0.048)
    """
    n, m = (max(side, 1) for side in rows)
    if kind not in ("choice", "flag"):
        t = math.log(4 / chance)
        return math.sqrt(t / (2 * n)) + math.sqrt(t / (2 * m))
    t, degrees = math.log(1 / chance), (2 if kind == "flag" else _MOST_GROUPS - 1)
    passed = degrees + 2 * math.sqrt(degrees * t) + 2 * t
    return math.sqrt(passed * (1 / n + 1 / m) / (8 * math.log(2)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One column, and all that a rule may look at.

    `rows` of reference and current; `tests` made at once; `stepped`: the p that Benjamini and Hochberg's steps end at.
    """

    column: ColumnDrift
    rows: tuple[int, int]
    limit: Limit
    tests: int
    stepped: float | None

    @property
    def p_value(self) -> float:
        return _p_value(self.column)

    @property
    def measure(self) -> str:
        return "KS" if self.column.ks is not None else "Jensen-Shannon"

    @property
    def distance(self) -> float:
        """On the scale of `Limit.distance`."""
        own = self.column.ks if self.column.ks is not None else self.column.jensen_shannon
        return own or 0.0

    @property
    def yearly_p(self) -> float:
        """The p below which chance alone gives one alarm in 20 years of daily windows over all columns."""
        return _P_LIMIT / (self.tests * _DAYS)


def _vanished(case: _Case) -> str | None:
    before, now = case.column.missing
    if case.column.mean is not None and case.column.mean[0] is not None and case.column.mean[1] is None and now < 1.0:
        return "no finite values any more"
    # Three empty rows of a column that is often empty are no news.
    return "no values any more" if now >= 1.0 > before and before ** case.rows[1] < _P_LIMIT / _DAYS else None


def _p_value(column: ColumnDrift) -> float:
    p = column.p_value if column.p_value is not None else column.chi2_p
    return 1.0 if p is None or p != p else p


def _textbook(case: _Case) -> str | None:
    return f"p {case.p_value:.2g} < 0.05" if case.p_value < _P_LIMIT else None


def _bonferroni(case: _Case) -> str | None:
    return f"p {case.p_value:.2g} < {case.yearly_p:.2g}" if case.p_value < case.yearly_p else None


def _discovered(case: _Case) -> str | None:
    return f"p {case.p_value:.2g} <= {case.stepped:.2g}" if case.stepped is not None and case.p_value <= case.stepped else None


def _effect(case: _Case) -> str | None:
    """At least 0.1 apart after all that chance may have added: a limit on a distance means nothing without the number of rows."""
    present = tuple(round(rows * (1 - gone)) for rows, gone in zip(case.rows, case.column.missing, strict=True))
    limit = EFFECT_LIMIT + chance_distance(case.column.kind, (present[0], present[1]), case.yearly_p)
    return f"{case.measure} {case.distance:.2f} >= {limit:.2f}" if case.distance >= limit else None


def _psi(case: _Case) -> str | None:
    value = case.column.psi
    return f"PSI {value:.2f} >= {PSI_LIMIT}" if value is not None and value >= PSI_LIMIT else None


def _guarded(case: _Case) -> str | None:
    """Not chance (Bonferroni over a year), not small, and clearly more than the reference's own windows differ."""
    few = min(case.rows) < LEAST_ROWS
    if few and case.column.ks is None:
        return None
    if case.p_value < case.yearly_p and case.distance > case.limit.distance:
        return f"{case.measure} {case.distance:.2f} > {case.limit.distance:.2f}"
    (before, now), (n, m) = case.column.missing, case.rows
    if not few and abs(now - before) > case.limit.missing and proportion_p_value(before * n, n, now * m, m) < case.yearly_p:
        return f"missing {before:.1%} -> {now:.1%}"
    return None


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "guarded": Rule(
            reason=_guarded,
            share=0.0,
            false_alarm_rate="0 false alarms per model-year of independent rows and where days differ as the reference's own did, 0.2 "
            "where days hang together; seasons longer than the reference count as drift",
        ),
        "bonferroni": Rule(
            reason=_bonferroni,
            share=0.0,
            false_alarm_rate="0 false alarms per model-year of independent rows, 130 to 365 where days differ of themselves",
        ),
        "textbook": Rule(
            reason=_textbook,
            share=0.0,
            false_alarm_rate="215 to 235 false alarms per model-year of independent rows, 365 where days differ of themselves",
        ),
        "share": Rule(
            reason=_textbook,
            share=SHARE_LIMIT,
            false_alarm_rate="0 false alarms per model-year of independent rows, 225 to 365 where days differ of themselves",
        ),
        "fdr": Rule(
            reason=_discovered,
            share=0.0,
            false_alarm_rate="10 to 20 false alarms per model-year of independent rows, 355 to 365 where days differ of themselves",
        ),
        "effect": Rule(
            reason=_effect,
            share=0.0,
            false_alarm_rate="0 false alarms per model-year of independent rows, 0 to 140 where days differ of themselves, 0 to 265 where "
            "they hang together: the more rows a day, the more",
        ),
        "psi": Rule(
            reason=_psi,
            share=0.0,
            false_alarm_rate="0 false alarms per model-year of independent rows, 0 to 35 where days differ of themselves, 15 to 85 where "
            "they hang together: the fewer rows a day, the more",
        ),
    }
)
"""Ways to judge, by name. "guarded" is the default.

False alarms are of 20 features and daily windows of 200 to 10,000 rows, the mean of 2 simulated years or more
(`benchmarks/false_alarms.py`).
"""


def _rule(name: str) -> Rule:
    if name not in RULES:
        raise ValueError(f"there is no drift rule {name!r}; the rules are {', '.join(RULES)}")
    return RULES[name]


def _summary(name: str, rule: Rule, judged: Sequence[ColumnDrift], reasons: Sequence[str], rows: int) -> DriftVerdict:
    drifted = tuple(column.name for column in judged if column.drift)
    share = len(drifted) / len(judged) if judged else 0.0
    alarm = bool(drifted) and share >= rule.share
    if not rows:
        because = "no rows in this window"
    elif not drifted:
        because = f"none of {len(judged)} columns drifted by the rule {name!r}"
    else:
        shown = ", ".join(reasons[:5]) + (f" and {len(reasons) - 5} more" if len(reasons) > 5 else "")
        because = f"{len(drifted)} of {len(judged)} columns drifted by the rule {name!r}: {shown}"
        if not alarm:
            because += f"; the rule asks for {rule.share:.0%}"
    return DriftVerdict(alarm=alarm, score=share, rule=name, features=drifted, because=because)
