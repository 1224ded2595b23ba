"""Whether a window's rows differ from the reference: the figures of each column, and one verdict by a named rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.distance import chi2, jensen_shannon, ks, ks_p_value, pooled, proportion_p_value, psi, psi_reading
from farero.core.observation import ColumnDrift, DriftVerdict
from farero.core.profile import ColumnProfile, Profile
from farero.core.reference import ColumnReference, Reference, grouped

Floats: TypeAlias = NDArray[np.float64]

LEAST_ROWS = 20
"""Windows with fewer rows are never called drifted by the guarded rule: the tests it rests on are limit laws."""

SHARE_LIMIT = 0.3
PSI_LIMIT = 0.25
_P_LIMIT = 0.05
_DAYS = 365
_LEAST_DISTANCE = 0.1


def compare(reference: Reference, current: Profile) -> tuple[ColumnDrift, ...]:
    """The figures of every feature; `drift` is still False everywhere: `verdict` sets it.

    KS is exact at the reference's bin edges, Wasserstein takes values as spread evenly inside a bin, PSI and Jensen-Shannon are over
    tenths of the reference's rows (choices: the largest levels, the rest, and the new ones). None = does not apply, or no values.

    Raises:
        ValueError: the profile was counted on another reference.
    """
    if reference.edges_hash != current.edges_hash:
        raise ValueError("this profile was counted on another reference: profile the rows again on this one")
    return tuple(
        _figures(ref, column, reference.rows, current.rows)
        for ref, column in zip(reference.columns, current.columns, strict=True)
    )  # fmt: skip


def compare_prediction(reference: Reference, current: Profile) -> ColumnDrift | None:
    """The same figures for the model's own answers; None where they are not watched. Its name is `profile.PREDICTION`."""
    if reference.prediction is None or current.prediction is None:
        return None
    return _figures(reference.prediction, current.prediction, reference.rows, current.rows)


def verdict(rule: str, reference: Reference, columns: Sequence[ColumnDrift], rows: int) -> tuple[DriftVerdict, tuple[ColumnDrift, ...]]:
    """Judge a window by one rule.

    A column that had values and now has none has drifted by every rule: there is no p-value, and that is not "no drift".

    Args:
        rule: one of `RULES`.
        reference: what the columns were compared with; tells how much its own windows differ.
        columns: figures from `compare`, or the one of `compare_prediction`.
        rows: in the window.

    Returns:
        The verdict, and the columns with `drift` set as the rule has it.

    Raises:
        ValueError: no such rule.
    """
    chosen = _rule(rule)
    known = {ref.name: ref for ref in (*reference.columns, *((reference.prediction,) if reference.prediction else ()))}
    reasons: list[str] = []
    judged: list[ColumnDrift] = []
    for column in columns:
        context = _Context(column=column, ref=known[column.name], reference=reference, rows=rows, tests=max(len(columns), 1))
        reason = _vanished(context) or chosen.reason(context) if rows else None
        if reason:
            reasons.append(f"{column.name} ({reason})")
        judged.append(replace(column, drift=reason is not None))
    return summarise(rule, judged, reasons, rows), tuple(judged)


def summarise(rule: str, judged: Sequence[ColumnDrift], reasons: Sequence[str], rows: int) -> DriftVerdict:
    """One verdict from judged columns and the reasons of those that drifted."""
    drifted = tuple(column.name for column in judged if column.drift)
    share = len(drifted) / len(judged) if judged else 0.0
    alarm = share >= _rule(rule).share if drifted else False
    if not rows:
        because = "no rows in this window"
    elif not drifted:
        because = f"none of {len(judged)} columns drifted by the rule {rule!r}"
    else:
        shown = ", ".join(reasons[:5]) + (f" and {len(reasons) - 5} more" if len(reasons) > 5 else "")
        because = f"{len(drifted)} of {len(judged)} columns drifted by the rule {rule!r}: {shown}"
        if not alarm:
            because += f"; the rule asks for {_rule(rule).share:.0%}"
    return DriftVerdict(alarm=alarm, score=share, rule=rule, features=drifted, because=because)


def false_alarm_rate(rule: str) -> str:
    """What the rule's false alarms are worth, in words.

    Raises:
        ValueError: no such rule.

    Source: our own simulation, 20 features, daily windows (`benchmarks/false_alarms.py`).
    """
    return _rule(rule).false_alarm_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """One column of one window, and all that a rule may look at."""

    column: ColumnDrift
    ref: ColumnReference
    reference: Reference
    rows: int
    tests: int

    @property
    def p_value(self) -> float:
        p = self.column.p_value if self.column.p_value is not None else self.column.chi2_p
        return 1.0 if p is None else p

    @property
    def distance(self) -> float:
        """On the scale of the reference's `noise`."""
        own = self.column.ks if self.column.ks is not None else self.column.jensen_shannon
        return own or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A way to judge: why a column drifted (None = it did not), and the share of columns from which on it is an alarm."""

    reason: Callable[[_Context], str | None]
    share: float
    false_alarm_rate: str


def _vanished(context: _Context) -> str | None:
    empty = context.column.missing[1] >= 1.0 and context.column.missing[0] < 1.0
    # Three empty rows of a column that is often empty are no news.
    return "no values any more" if empty and context.column.missing[0] ** context.rows < _P_LIMIT / _DAYS else None


def _textbook(context: _Context) -> str | None:
    return f"p {context.p_value:.2g} < 0.05" if context.p_value < _P_LIMIT else None


def _bonferroni(context: _Context) -> str | None:
    limit = _P_LIMIT / (context.tests * _DAYS)
    return f"p {context.p_value:.2g} < {limit:.2g}" if context.p_value < limit else None


def _psi(context: _Context) -> str | None:
    value = context.column.psi
    return f"PSI {value:.2f} >= {PSI_LIMIT}" if value is not None and value >= PSI_LIMIT else None


def _guarded(context: _Context) -> str | None:
    """Not chance (Bonferroni over a year), not small, and clearly more than the reference's own windows differ."""
    if context.rows < LEAST_ROWS:
        return None
    limit = own_limit(context.ref.noise, context.reference, context.rows)
    if _bonferroni(context) and context.distance > limit:
        measure = "KS" if context.column.ks is not None else "Jensen-Shannon"
        return f"{measure} {context.distance:.2f} > {limit:.2f}"
    before, now = context.column.missing
    n, m = context.reference.rows, context.rows
    limit = own_limit(context.ref.missing_noise, context.reference, context.rows)
    if abs(now - before) > limit and proportion_p_value(before * n, n, now * m, m) < _P_LIMIT / (context.tests * _DAYS):
        return f"missing {before:.1%} -> {now:.1%}"
    return None


def own_limit(noise: float, reference: Reference, rows: int) -> float:
    """The distance that a window must pass to be more than the reference's windows do of themselves [0-1].

    1.5 times the farthest of them, and more where there are few of them (the next of w windows is the farthest yet with chance 1 / (w + 1))
    or where the window is smaller than they are (its distance from chance alone goes as 1 / sqrt(rows)); at least 0.1,
    and never more than halfway from the farthest to 1, so that a column that roams widely can still be caught.
    """
    if reference.windows < 2:
        return _LEAST_DISTANCE
    smaller = max(0.0, 1 / math.sqrt(rows) - 1 / math.sqrt(max(reference.window_rows, 1)))
    return max(_LEAST_DISTANCE, min((1.5 + 2 / reference.windows) * noise + 1.2 * smaller, (1 + noise) / 2))


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "guarded": Rule(
            reason=_guarded,
            share=0.0,
            false_alarm_rate="at most about 0.1 false alarms per model-year where days differ as the reference's own did; "
            "seasons longer than the reference are reported as drift",
        ),
        "bonferroni": Rule(
            reason=_bonferroni,
            share=0.0,
            false_alarm_rate="about 1 to 2 false alarms per model-year of independent rows; up to 365 where days differ of themselves",
        ),
        "textbook": Rule(
            reason=_textbook,
            share=0.0,
            false_alarm_rate="about 230 to 365 false alarms per model-year with 20 features",
        ),
        "share": Rule(
            reason=_textbook,
            share=SHARE_LIMIT,
            false_alarm_rate="about 0.2 false alarms per model-year of independent rows; 4 to 362 where days differ of themselves",
        ),
        "psi": Rule(
            reason=_psi,
            share=0.0,
            false_alarm_rate="near 0 from 1,000 rows a window up; many below 200, where chance alone passes the limit",
        ),
    }
)
"""Ways to judge, by name. "guarded" is the default."""


def _rule(name: str) -> Rule:
    if name not in RULES:
        raise ValueError(f"there is no drift rule {name!r}; the rules are {', '.join(RULES)}")
    return RULES[name]


def _figures(ref: ColumnReference, now: ColumnProfile, n: int, m: int) -> ColumnDrift:
    missing = (ref.missing / n if n else 0.0, now.missing / m if m else 0.0)
    made = ColumnDrift(name=ref.name, kind=ref.kind, drift=False, missing=missing, new_categories=tuple(now.new_values))
    before, after = int(ref.counts.sum()), now.values
    if ref.kind in ("choice", "flag"):
        if ref.kind == "flag":
            made = replace(made, mean=(ref.mean, float(now.counts[1] / after) if after else None))
        return _of_levels(made, ref, now) if before and after else made
    centre = ref.mean or 0.0
    mean = centre + now.total / after if after else None
    std = math.sqrt(max(now.squares / after - (now.total / after) ** 2, 0.0)) if after else None
    made = replace(made, mean=(ref.mean, mean), std=(ref.std, std))
    if not before or not after:
        return made
    distance = ks(ref.counts, now.counts)
    moved = _wasserstein(ref, now)
    small = (grouped(ref.counts, ref.groups), grouped(now.counts, ref.groups))
    index = psi(*small)
    return replace(
        made, ks=distance, p_value=float(ks_p_value(distance, before, after)), psi=index, psi_reading=psi_reading(index),
        wasserstein=moved, wasserstein_normalised=_normalised(moved, ref.std), jensen_shannon=jensen_shannon(*small),
    )  # fmt: skip


def _of_levels(made: ColumnDrift, ref: ColumnReference, now: ColumnProfile) -> ColumnDrift:
    small = (np.append(grouped(ref.counts, ref.groups), 0), np.append(grouped(now.counts, ref.groups), now.new))
    index = psi(*small)
    return replace(
        made, chi2_p=chi2(*pooled(np.append(ref.counts, 0), np.append(now.counts, now.new))).p_value,
        psi=index, psi_reading=psi_reading(index), jensen_shannon=jensen_shannon(*small),
    )  # fmt: skip


def _normalised(distance: float, std: float | None) -> float | None:
    if std:
        return distance / std
    return 0.0 if distance == 0 else None


def _wasserstein(ref: ColumnReference, now: ColumnProfile) -> float:
    """Area between the two cumulative curves, straight between edges, which run on to the smallest and largest current value."""
    apart = (np.cumsum(ref.counts) / ref.counts.sum() - np.cumsum(now.counts) / now.counts.sum())[:-1]
    low, high = min(now.low or 0.0, ref.edges[0]), max(now.high or 0.0, ref.edges[-1])
    if now.low is None or now.high is None:
        low, high = float(ref.edges[0]), float(ref.edges[-1])
    at = np.concatenate([[low], ref.edges, [high]])
    curve = np.concatenate([[0.0], apart, [0.0]])
    left, right = np.abs(curve[:-1]), np.abs(curve[1:])
    crosses = curve[:-1] * curve[1:] < 0
    together = np.maximum(left + right, 1e-300)
    areas = np.where(crosses, (left**2 + right**2) / together, left + right) / 2
    return float(areas @ np.diff(at))
