"""Two tables and no project: exact drift figures of every column and pair, and what is unsound in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core import quality
from farero.core.distance import ks_and_wasserstein
from farero.core.drift import figures, with_distances
from farero.core.finding import Finding, Severity
from farero.core.observation import ColumnDrift, DriftVerdict
from farero.core.pairs import Halves, PairDrift, compare_pairs, halves, halves_of_flags
from farero.core.profile import ColumnProfile, Profile, count_values, most_frequent
from farero.core.raw_column import RawColumn, RawKind, look_at, read
from farero.core.reference import FLAG_LEVELS, ColumnReference, Reference, count_ordered, freeze_levels, freeze_values
from farero.core.verdict import LEAST_ROWS, false_alarm_rate, judge
from farero.errors import BadInput

Table: TypeAlias = Mapping[str, NDArray[Any]]
"""Columns by name, all of one length: numbers, bool, datetime64, text, or plain objects with None for missing."""

_MOST_UNREADABLE = 0.5
_MOST_PAIRED = 60
_LEAST_NAMES = 100
_MOST_WHOLE = 1 << 16
_GUARDED_RATE = (
    "less than 0.1 false alarms in 365 comparisons of independent rows of one source; two tables do not tell how much days differ of "
    "themselves, so such differences count as drift where they pass 0.1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How two tables differ. `pairs` are those whose joint behaviour changed; `quality` are faults of the tables themselves."""

    drift: bool
    rule: str
    because: str
    rows: tuple[int, int]
    columns: tuple[ColumnDrift, ...]
    pairs: tuple[PairDrift, ...]
    quality: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON: what is not finite becomes None."""
        stated = _GUARDED_RATE if self.rule == "guarded" else false_alarm_rate(self.rule)
        plain = {"drift": self.drift, "rows": self.rows, "rule": self.rule, "false_alarm_rate": stated}
        rest = {
            "because": self.because,
            "columns": [asdict(column) for column in self.columns],
            "pairs": [asdict(pair) for pair in self.pairs],
            "quality": [asdict(finding) for finding in self.quality],
        }
        cleaned = _finite({**plain, **rest})
        assert isinstance(cleaned, dict)
        return cleaned


def compare_tables(reference: Table, current: Table, *, rule: str = "guarded") -> Comparison:
    """Compare every column that both tables have, exactly (sorted samples, no bins), and every pair of them.

    Kinds are inferred: text that reads as numbers, dates or true/false is such. A column that is gone, has no value any more or
    changed its kind counts as drift by every rule. The guarded rule also counts pairs. Without dates, the rows are one window.

    Args:
        reference: what was; n rows.
        current: what is; m rows.
        rule: one of `verdict.RULES`.

    Returns:
        The figures, columns in the reference's order.

    Raises:
        BadInput: a table without rows, columns of different lengths, no column in common, or no such rule.
    """
    n, m = _rows("reference", reference), _rows("current", current)
    shared = [name for name in reference if name in current]
    if not shared:
        raise BadInput(
            f"The tables have no column in common: {_some(reference)} against {_some(current)}.", hint="Compare tables of the same data."
        )
    try:
        false_alarm_rate(rule)
    except ValueError as error:
        raise BadInput(f"{error}.") from error
    done = [_compare_column(name, reference[name], current[name], (n, m)) for name in shared]
    found = _structure(reference, current, n, m)
    found += [finding for one in done for finding in one.findings]
    return _comparison(rule, done, found, [name for name in reference if name not in current], (n, m))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """One column compared. `broken` = it cannot be what it was, whatever the rule; halves = for the pairs."""

    drift: ColumnDrift
    findings: tuple[Finding, ...] = ()
    broken: str | None = None
    halves: tuple[Halves, Halves] | None = None


def _comparison(rule: str, done: list[_Done], found: list[Finding], gone: list[str], rows: tuple[int, int]) -> Comparison:
    verdict, columns = judge(rule, [one.drift for one in done], rows=rows, limits={})
    columns = tuple(replace(column, drift=column.drift or one.broken is not None) for column, one in zip(columns, done, strict=True))
    paired = [one for one in done if one.halves][:_MOST_PAIRED]
    pairs: tuple[PairDrift, ...] = ()
    if len(paired) > 1 and min(rows) >= LEAST_ROWS:
        sides = [{one.drift.name: one.halves[side] for one in paired if one.halves} for side in (0, 1)]
        pairs = tuple(pair for pair in compare_pairs(*sides) if pair.drift)
    reasons = _reasons(verdict, done, gone, pairs if rule == "guarded" else ())
    return Comparison(
        drift=verdict.alarm or len(reasons) > 1, rule=rule, because="; ".join(reasons), rows=rows, columns=columns, pairs=pairs,
        quality=tuple(found),
    )  # fmt: skip


def _reasons(verdict: DriftVerdict, done: list[_Done], gone: list[str], pairs: tuple[PairDrift, ...]) -> list[str]:
    """The verdict in words first; every further one is drift by itself."""
    reasons = [verdict.because]
    reasons += [f"{name} is gone" for name in gone]
    reasons += [one.broken for one in done if one.broken]
    if pairs:
        shown = ", ".join(f"{a} and {b} ({p.correlation[0]:.2f} -> {p.correlation[1]:.2f})" for p in pairs[:5] for a, b in [p.names])
        reasons.append(f"{len(pairs)} pairs of columns go together differently: {shown}")
    return reasons


def _compare_column(name: str, before: NDArray[Any], after: NDArray[Any], rows: tuple[int, int]) -> _Done:
    cells = (look_at(before), look_at(after))
    kinds = (cells[0].kind, cells[1].kind)
    if "other" in kinds:
        because = f"{name} holds lists, structures or mixed objects and cannot be compared"
        return _Done(drift=ColumnDrift(name=name, kind="other", drift=False), findings=(_fault(name, "medium", because),))
    kind = _common(kinds)
    if kind == "empty":
        nothing = ColumnDrift(name=name, kind="empty", drift=False, missing=(1.0, 1.0))
        return _Done(drift=nothing, findings=(_fault(name, "low", f"{name} has no value in either table"),))
    sides = (read(cells[0], kind), read(cells[1], kind))
    for side, column in zip(("reference", "current"), sides, strict=True):
        held = column.rows - column.missing
        if held and column.unreadable / held > _MOST_UNREADABLE:
            because = f"{name} was {kinds[0]} and is {kinds[1]}"
            detail = f"{because}: {column.unreadable} of {held} values of the {side} table cannot be read as {kind}"
            drift = ColumnDrift(name=name, kind=kinds[0], drift=False, missing=_missing(sides))
            return _Done(drift=drift, findings=(_fault(name, "high", detail),), broken=because)
    if kind == "choice" and all(_is_identifier(side) for side in sides):
        drift = ColumnDrift(name=name, kind=kind, drift=False, missing=_missing(sides))
        because = f"{name} looks like an identifier (most values occur once) and is not compared"
        return _Done(drift=drift, findings=(_fault(name, "low", because),))
    return _with_findings(name, kind, sides, rows)


def _is_identifier(column: RawColumn) -> bool:
    return len(column.levels) > max(_LEAST_NAMES, (column.rows - column.missing) / 2)


def _with_findings(name: str, kind: RawKind, sides: tuple[RawColumn, RawColumn], rows: tuple[int, int]) -> _Done:
    (ref, now), drift, half = _of_values(name, kind, sides, rows) if kind in ("number", "date") else _of_levels(name, kind, sides, rows)
    whole = Reference(rows=rows[0], columns=(ref,), prediction=None, windows=0, window_rows=0, edges_hash="")
    found = quality.check(whole, Profile(rows=rows[1], columns=(now,), prediction=None, edges_hash=""))
    for side, column in zip(("reference", "current"), sides, strict=True):
        if column.unreadable:
            because = f"{column.unreadable} of {column.rows} values of {name} in the {side} table cannot be read as {kind}"
            found.append(_fault(name, "medium", because, column.unreadable / column.rows))
    infinite = int(np.isinf(sides[0].values).sum())
    if infinite:
        found.append(
            _fault(name, "high", f"{infinite} of {rows[0]} values of {name} in the reference table are infinite", infinite / rows[0])
        )
    empty = sides[0].missing == rows[0]
    if empty:
        found.append(_fault(name, "medium", f"{name} has no value in the reference table, so its values cannot be compared"))
    return _Done(drift=drift, findings=tuple(found), halves=half, broken=f"{name} had no value and has some" if empty else None)


def _of_values(
    name: str, kind: RawKind, sides: tuple[RawColumn, RawColumn], rows: tuple[int, int]
) -> tuple[tuple[ColumnReference, ColumnProfile], ColumnDrift, tuple[Halves, Halves] | None]:
    before, after = (_ordered(side.values) for side in sides)
    ref = freeze_values(name, "date" if kind == "date" else "number", before, sides[0].missing)
    infinite = rows[1] - len(after) - sides[1].missing - sides[1].unreadable
    now = count_values(ref, count_ordered(ref.edges, after), after, sides[1].missing, infinite)
    drift = figures(ref, now, rows)
    if not len(before) or not len(after):
        return (ref, now), drift, None
    drift = with_distances(drift, *ks_and_wasserstein(before, after), (len(before), len(after)))
    return (ref, now), drift, (halves(sides[0].values, _median(before)), halves(sides[1].values, _median(after)))


def _ordered(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The finite values in ascending order."""
    finite = np.isfinite(values)
    held = values if finite.all() else values[finite]
    if not len(held):
        return held
    low, high = float(held.min()), float(held.max())
    if high - low < min(_MOST_WHOLE, len(held)) and np.array_equal(held, np.floor(held)):
        # Whole numbers close together are counted, which takes a fifth of the time of sorting them.
        counts = np.bincount((held - low).astype(np.int64))
        return np.repeat(np.arange(len(counts), dtype=np.float64) + low, counts)
    return np.sort(held)


def _median(ordered: NDArray[np.float64]) -> float:
    return float(ordered[(len(ordered) - 1) // 2])


def _of_levels(
    name: str, kind: RawKind, sides: tuple[RawColumn, RawColumn], rows: tuple[int, int]
) -> tuple[tuple[ColumnReference, ColumnProfile], ColumnDrift, tuple[Halves, Halves] | None]:
    before, after = sides
    levels = FLAG_LEVELS if kind == "flag" else tuple(before.levels)
    counts = [np.array([side.levels.get(level, 0) for level in levels], dtype=np.int64) for side in sides]
    ref = freeze_levels(name, "flag" if kind == "flag" else "choice", levels, counts[0], before.missing)
    known = set(levels)
    new = {level: count for level, count in after.levels.items() if level not in known}
    now = ColumnProfile(name=name, counts=counts[1], missing=after.missing, new=sum(new.values()), new_values=most_frequent(new))
    half = None
    if before.flags is not None and after.flags is not None and not before.missing and not after.missing:
        half = (halves_of_flags(before.flags), halves_of_flags(after.flags))
    return (ref, now), figures(ref, now, rows), half


def _common(kinds: tuple[RawKind, RawKind]) -> RawKind:
    """The kind that both sides are read as: the reference's, unless it holds nothing or the other is the wider."""
    before, after = kinds
    if before == "empty":
        return after
    return "number" if before == "flag" and after == "number" else before


def _structure(reference: Table, current: Table, n: int, m: int) -> list[Finding]:
    found: list[Finding] = []
    for side, rows in (("reference", n), ("current", m)):
        if rows < LEAST_ROWS:
            because = f"the {side} table has only {rows} rows: figures are shown, but only gross changes could be told from chance"
            found.append(_fault("rows", "medium", because, float(rows), float(LEAST_ROWS)))
    found += [_fault(name, "high", f"{name} is in the reference and not in the current table") for name in reference if name not in current]
    return found + [_fault(name, "low", f"{name} is new in the current table") for name in current if name not in reference]


def _rows(side: str, table: Table) -> int:
    deep = [name for name, cells in table.items() if cells.ndim != 1]
    if deep:
        raise BadInput(f"Columns of the {side} table are not one-dimensional: {', '.join(deep)}.", hint="Give one value a cell.")
    lengths = {name: len(cells) for name, cells in table.items()}
    if not lengths:
        raise BadInput(f"The {side} table has no columns.", hint="Give a table with a header and rows.")
    if len(set(lengths.values())) > 1:
        raise BadInput(f"The {side} table's columns have different lengths: {lengths}.")
    rows = next(iter(lengths.values()))
    if not rows:
        raise BadInput(f"The {side} table has no rows, so there is nothing to compare.", hint="An empty window is a fault of its source.")
    return rows


def _missing(sides: tuple[RawColumn, RawColumn]) -> tuple[float, float]:
    return sides[0].missing / sides[0].rows, sides[1].missing / sides[1].rows


def _fault(subject: str, severity: Severity, because: str, value: float = 1.0, limit: float = 0.0) -> Finding:
    return Finding(kind="DATA_QUALITY", subject=subject, severity=severity, value=value, limit=limit, because=because)


def _some(table: Table) -> str:
    names = list(table)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value
