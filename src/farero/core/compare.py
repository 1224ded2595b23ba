"""Two tables and no project: exact drift figures of every column and pair, and what is unsound in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from farero.core.bars import Bars, edge_text
from farero.core.compare_column import ColumnComparison, compare_column, fault
from farero.core.finding import Finding, Severity, worst
from farero.core.observation import ColumnDrift, DriftVerdict
from farero.core.pairs import PairDrift, compare_pairs
from farero.core.raw_column import Coded
from farero.core.source import MemorySource, Source, Table
from farero.core.verdict import LEAST_ROWS, false_alarm_rate, judge
from farero.errors import BadInput

Progress = Callable[[int, int, str], None]
"""Columns done, columns in all, and the one in hand."""

_MOST_PAIRED = 60
_FAR = 0.3
_NEAR = 0.1
_GUARDED_RATE = (
    "less than 0.1 false alarms in 365 comparisons of independent rows of one source; two tables do not tell how much days differ of "
    "themselves, so such differences count as drift where they pass 0.1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How two tables differ.

    Attributes:
        pairs: those whose joint behaviour changed.
        quality: faults of the tables themselves.
        findings: all that was found, the drift of columns and pairs and the faults, gravest first.
        within: column -> how far its true KS distance may lie above the one given [0-1]; columns that are not there are exact.
        bars: column -> how its values lie, where pictures were wanted.
    """

    drift: bool
    rule: str
    because: str
    rows: tuple[int, int]
    columns: tuple[ColumnDrift, ...]
    pairs: tuple[PairDrift, ...]
    quality: tuple[Finding, ...]
    findings: tuple[Finding, ...] = ()
    within: Mapping[str, float] = field(default_factory=dict)
    bars: Mapping[str, Bars] = field(default_factory=dict)

    @property
    def severity(self) -> Severity | None:
        """Of the gravest finding; None = nothing was found."""
        return worst([finding.severity for finding in self.findings]) if self.findings else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON: what is not finite becomes None."""
        plain = {"drift": self.drift, "rows": self.rows, "rule": self.rule, "false_alarm_rate": stated_rate(self.rule)}
        rest = {
            "severity": self.severity,
            "because": self.because,
            "columns": [{**asdict(column), "within": self.within.get(column.name)} for column in self.columns],
            "pairs": [asdict(pair) for pair in self.pairs],
            "quality": [asdict(finding) for finding in self.quality],
            "findings": [asdict(finding) for finding in self.findings],
        }
        cleaned = _finite({**plain, **rest})
        assert isinstance(cleaned, dict)
        return cleaned


def stated_rate(rule: str) -> str:
    """The false alarms of a rule where two tables are all that is known.

    Raises:
        ValueError: no such rule.
    """
    return _GUARDED_RATE if rule == "guarded" else false_alarm_rate(rule)


def compare_tables(
    reference: Table | Source, current: Table | Source, *, rule: str = "guarded", columns: Sequence[str] | None = None,
    ignore: Iterable[str] = (), pictures: bool = False, progress: Progress = lambda _done, _all, _name: None,
) -> Comparison:  # fmt: skip
    """Compare every column that both tables have, one at a time and exactly (sorted samples, no bins), and the pairs of the first 60.

    Kinds are inferred: text that reads as numbers, dates or true/false is such. A column that is gone, has no value any more or
    changed its kind counts as drift by every rule. The guarded rule also counts pairs. Without dates, the rows are one window.

    Args:
        reference: what was; n rows.
        current: what is; m rows.
        rule: one of `verdict.RULES`.
        columns: only these; None = all.
        ignore: but these.
        pictures: whether to keep how the values of each column lie.
        progress: is told before each column.

    Returns:
        The figures, columns in the reference's order.

    Raises:
        BadInput: a table without rows, columns of different lengths, no column in common, a chosen one in neither, or no such rule.
    """
    before = MemorySource(reference, side="reference") if isinstance(reference, Mapping) else reference
    after = MemorySource(current, side="current") if isinstance(current, Mapping) else current
    for side, source in (("reference", before), ("current", after)):
        if not source.rows:
            raise BadInput(
                f"The {side} table has no rows, so there is nothing to compare.", hint="An empty window is a fault of its source."
            )
    try:
        false_alarm_rate(rule)
    except ValueError as error:
        raise BadInput(f"{error}.") from error
    names = tuple(_chosen(source.names, columns, set(ignore)) for source in (before, after))
    _refuse_unknown([*before.names, *after.names], [*(columns or ()), *ignore])
    known = set(names[1])
    shared = [name for name in names[0] if name in known]
    if not shared:
        raise BadInput(
            f"The tables have no column in common: {_some(names[0])} against {_some(names[1])}.", hint="Compare tables of the same data."
        )
    done: list[ColumnComparison] = []
    for name in shared:
        progress(len(done), len(shared), name)
        done.append(compare_column(name, before, after, pictures=pictures))
    progress(len(done), len(shared), "")
    rows = (before.rows, after.rows)
    found = _structure(names, rows) + [finding for one in done for finding in one.findings]
    return _comparison(rule, done, found, [name for name in names[0] if name not in known], rows)


def _chosen(names: Sequence[str], columns: Sequence[str] | None, ignore: set[str]) -> list[str]:
    wanted = None if columns is None else set(columns)
    return [name for name in names if name not in ignore and (wanted is None or name in wanted)]


def _refuse_unknown(names: Sequence[str], asked: Sequence[str]) -> None:
    known = set(names)
    unknown = sorted({name for name in asked if name not in known})
    if unknown:
        raise BadInput(
            f"Neither table has a column {', '.join(map(repr, unknown))}.", hint=f"There are: {_some(list(dict.fromkeys(names)))}."
        )


def _comparison(rule: str, done: list[ColumnComparison], found: list[Finding], gone: list[str], rows: tuple[int, int]) -> Comparison:
    verdict, columns = judge(rule, [one.drift for one in done], rows=rows, limits={})
    columns = tuple(replace(column, drift=column.drift or one.broken is not None) for column, one in zip(columns, done, strict=True))
    paired = [one for one in done if one.halves][:_MOST_PAIRED]
    pairs: tuple[PairDrift, ...] = ()
    if len(paired) > 1 and min(rows) >= LEAST_ROWS:
        sides = [{one.drift.name: one.halves[side] for one in paired if one.halves} for side in (0, 1)]
        pairs = tuple(pair for pair in compare_pairs(*sides) if pair.drift)
    reasons = _reasons(verdict, done, gone, pairs if rule == "guarded" else ())
    drifted = _drift_findings(rule, verdict, columns, done, pairs)
    return Comparison(
        drift=verdict.alarm or len(reasons) > 1, rule=rule, because="; ".join(reasons), rows=rows, columns=columns, pairs=pairs,
        quality=tuple(found), findings=_gravest_first([*drifted, *found]),
        within={one.drift.name: one.within for one in done if one.within is not None},
        bars={one.drift.name: one.bars for one in done if one.bars is not None},
    )  # fmt: skip


def _reasons(verdict: DriftVerdict, done: list[ColumnComparison], gone: list[str], pairs: tuple[PairDrift, ...]) -> list[str]:
    """The verdict in words first; every further one is drift by itself."""
    reasons = [verdict.because]
    reasons += [f"{name} is gone" for name in gone]
    reasons += [one.broken for one in done if one.broken]
    if pairs:
        shown = ", ".join(f"{a} and {b} ({p.correlation[0]:.2f} -> {p.correlation[1]:.2f})" for p in pairs[:5] for a, b in [p.names])
        reasons.append(f"{len(pairs)} pairs of columns go together differently: {shown}")
    return reasons


def _drift_findings(
    rule: str, verdict: DriftVerdict, columns: Sequence[ColumnDrift], done: Sequence[ColumnComparison], pairs: tuple[PairDrift, ...]
) -> list[Finding]:
    """One for each column that drifted. Where the rule asks for more columns than did, none of them is more than a note."""
    found: list[Finding] = []
    for column, one in zip(columns, done, strict=True):
        if column.drift:
            far = max(distance(column) or 0.0, abs(column.missing[1] - column.missing[0]))
            graded: Severity = "high" if one.broken or far >= _FAR else "medium" if far >= _NEAR else "low"
            severity = graded if verdict.alarm or one.broken else "low"
            because = one.broken or f"{column.name} drifted: {_moved(column)}"
            found.append(Finding(kind="DATA_DRIFT", subject=column.name, severity=severity, value=far, limit=0.0, because=because))
    for pair in pairs:
        a, b = pair.names
        change = abs(pair.correlation[1] - pair.correlation[0])
        because = f"{a} and {b} go together differently: {pair.correlation[0]:.2f} -> {pair.correlation[1]:.2f}"
        severity = "medium" if rule == "guarded" else "low"
        found.append(Finding(kind="DATA_DRIFT", subject=f"{a}, {b}", severity=severity, value=change, limit=_NEAR, because=because))
    return found


def _moved(column: ColumnDrift) -> str:
    """What of a column is not as it was, in words."""
    said = [
        f"{measure} {value:.2f}" for measure, value in (("KS", column.ks), ("Jensen-Shannon", column.jensen_shannon)) if value is not None
    ]
    said = said[:1]
    if column.mean is not None and column.mean[0] is not None and column.mean[1] is not None:
        before, after = (edge_text(value, column.kind) for value in column.mean if value is not None)
        said += [f"mean {before} -> {after}"] if before != after else []
    if column.missing[0] != column.missing[1]:
        said.append(f"missing {column.missing[0]:.1%} -> {column.missing[1]:.1%}")
    return ", ".join(said) or "nothing of it can be compared any more"


def distance(column: ColumnDrift) -> float | None:
    """How far a column lies from its reference [0-1]: KS, or Jensen-Shannon for levels; None where there is nothing to compare."""
    return column.ks if column.ks is not None else column.jensen_shannon


def _gravest_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    grades = ("critical", "high", "medium", "low")
    return tuple(sorted(findings, key=lambda finding: (grades.index(finding.severity), -finding.value)))


def _structure(names: tuple[list[str], ...], rows: tuple[int, int]) -> list[Finding]:
    found: list[Finding] = []
    for side, held in zip(("reference", "current"), rows, strict=True):
        if held < LEAST_ROWS:
            because = f"the {side} table has only {held} rows: figures are shown, but only gross changes could be told from chance"
            found.append(fault("rows", "medium", because, float(held), float(LEAST_ROWS)))
    before, after = (set(side) for side in names)
    found += [fault(name, "high", f"{name} is in the reference and not in the current table") for name in names[0] if name not in after]
    return found + [fault(name, "low", f"{name} is new in the current table") for name in names[1] if name not in before]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


# Whoever compares tables needs to name them: one import serves.
__all__ = ["Coded", "Comparison", "MemorySource", "Source", "Table", "compare_tables", "distance", "stated_rate"]
