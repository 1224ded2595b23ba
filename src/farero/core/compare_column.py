"""One column of two tables: its exact figures, and what is unsound in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from farero.core import quality
from farero.core.bars import Bars, picture
from farero.core.distance import dot, jensen_shannon, psi, psi_reading
from farero.core.drift import figures
from farero.core.finding import Finding, Severity
from farero.core.kolmogorov import two_sample_p
from farero.core.long_column import Batches, count_both, look_through
from farero.core.observation import ColumnDrift
from farero.core.ordered_column import OrderedColumn, as_kind, freeze, looks_like_names
from farero.core.pairs import Halves
from farero.core.profile import ColumnProfile, Profile, most_frequent
from farero.core.reference import ColumnKind, ColumnReference, Reference, count_ordered, grouped
from farero.core.sorted_samples import ks_distance, wasserstein
from farero.core.source import Source

_MOST_UNREADABLE = 0.5
_PIECE = 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnComparison:
    """One column compared.

    Attributes:
        drift: its figures; no rule has judged them yet.
        findings: what is unsound in it.
        broken: why it cannot be what it was, whatever the rule; None = it can.
        halves: of both tables, for pairs; None = cannot be paired.
        within: how far the true KS distance may lie above the one given [0-1]; None = it is exact.
        bars: how the values lie, where a picture was wanted and there is one.
    """

    drift: ColumnDrift
    findings: tuple[Finding, ...] = ()
    broken: str | None = None
    halves: tuple[Halves, Halves] | None = None
    within: float | None = None
    bars: Bars | None = None


def compare_column(name: str, reference: Source, current: Source, *, pictures: bool = False) -> ColumnComparison:
    """Compare a column that both tables have: exactly, by sorted samples, or where it is long, on quantile bins of the reference.

    Kinds are inferred; the reference's counts, and what of the other side cannot be read so is told.

    Args:
        name: of the column.
        reference: what was.
        current: what is.
        pictures: whether to keep how the values lie.
    """
    rows = (reference.rows, current.rows)
    batches: tuple[Batches, Batches] | None = None
    if reference.is_long or current.is_long:
        batches = (lambda: reference.batches(name), lambda: current.batches(name))
        before = look_through(batches[0], rows[0])
        after = before if before.kind == "other" else look_through(batches[1], rows[1], before.kind)
    else:
        before = reference.column(name)
        after = before if before.kind == "other" else current.column(name, before.kind)
    if "other" in (before.kind, after.kind):
        because = f"{name} holds lists, structures or mixed objects and cannot be compared"
        return ColumnComparison(drift=ColumnDrift(name=name, kind="other", drift=False), findings=(fault(name, "medium", because),))
    if after.kind == "empty":
        nothing = ColumnDrift(name=name, kind="empty", drift=False, missing=(1.0, 1.0))
        return ColumnComparison(drift=nothing, findings=(fault(name, "low", f"{name} has no value in either table"),))
    return _of_one_kind(name, (as_kind(before, after.kind), after), rows, batches, pictures=pictures)


def fault(subject: str, severity: Severity, because: str, value: float = 1.0, limit: float = 0.0) -> Finding:
    """A finding about the tables themselves."""
    return Finding(kind="DATA_QUALITY", subject=subject, severity=severity, value=value, limit=limit, because=because)


def _of_one_kind(
    name: str, sides: tuple[OrderedColumn, OrderedColumn], rows: tuple[int, int], batches: tuple[Batches, Batches] | None, *, pictures: bool
) -> ColumnComparison:
    before, after = sides
    kind = after.kind
    missing = (before.missing / before.rows, after.missing / after.rows)
    for side, column in zip(("reference", "current"), sides, strict=True):
        held = column.rows - column.missing
        if held and column.unreadable / held > _MOST_UNREADABLE:
            because = f"{name} was {before.own} and is {after.own}"
            detail = f"{because}: {column.unreadable} of {held} values of the {side} table cannot be read as {kind}"
            drift = ColumnDrift(name=name, kind=before.own, drift=False, missing=missing)
            return ColumnComparison(drift=drift, findings=(fault(name, "high", detail),), broken=because)
    if looks_like_names(before) and looks_like_names(after):
        because = f"{name} looks like an identifier (most values occur once) and is not compared"
        drift = ColumnDrift(name=name, kind=kind, drift=False, missing=missing)
        return ColumnComparison(drift=drift, findings=(fault(name, "low", because),))
    ref, now, drift, within = _figures(name, sides, rows, batches)
    whole = Reference(rows=rows[0], columns=(ref,), prediction=None, windows=0, window_rows=0, edges_hash="")
    found = quality.check(whole, Profile(rows=rows[1], columns=(now,), prediction=None, edges_hash=""))
    found += _reading_faults(name, sides)
    empty = before.missing == rows[0]
    if empty:
        found.append(fault(name, "medium", f"{name} has no value in the reference table, so its values cannot be compared"))
    return ColumnComparison(
        drift=drift, findings=tuple(found), broken=f"{name} had no value and has some" if empty and after.values else None,
        halves=(before.halves, after.halves) if before.halves and after.halves else None,
        within=within, bars=picture(before, after) if pictures else None,
    )  # fmt: skip


def _figures(
    name: str, sides: tuple[OrderedColumn, OrderedColumn], rows: tuple[int, int], batches: tuple[Batches, Batches] | None
) -> tuple[ColumnReference, ColumnProfile, ColumnDrift, float | None]:
    before, after = sides
    if before.kind in ("choice", "flag"):
        ref = freeze(name, before)
        now = _levels(ref, after)
        return ref, now, figures(ref, now, rows), None
    if batches is not None and before.values and after.values:
        counted = count_both(name, cast(ColumnKind, before.kind), sides, batches)
        drift = figures(counted.reference, counted.current, rows)
        return counted.reference, counted.current, _with_p(drift, sides), counted.within
    ref = freeze(name, before)
    now = _values(ref, after)
    if not before.values or not after.values:
        return ref, now, figures(ref, now, rows), None
    return ref, now, _exact(ref, now, sides), None


def _with_p(drift: ColumnDrift, sides: tuple[OrderedColumn, OrderedColumn]) -> ColumnDrift:
    return replace(drift, p_value=two_sample_p(drift.ks or 0.0, sides[0].values, sides[1].values))


def _exact(ref: ColumnReference, now: ColumnProfile, sides: tuple[OrderedColumn, OrderedColumn]) -> ColumnDrift:
    """The figures of sorted values: KS, its p and Wasserstein from the samples, PSI and Jensen-Shannon over the reference's tenths."""
    before, after = sides
    n, m = len(before.ordered), len(after.ordered)
    small = (grouped(ref.counts, ref.groups), grouped(now.counts, ref.groups))
    index, far, moved = psi(*small), ks_distance(before.ordered, after.ordered), wasserstein(before.ordered, after.ordered)
    shift = now.total / m
    return ColumnDrift(
        name=ref.name, kind=ref.kind, drift=False, ks=far, p_value=two_sample_p(far, n, m), psi=index, psi_reading=psi_reading(index),
        jensen_shannon=jensen_shannon(*small), wasserstein=moved,
        wasserstein_normalised=moved / ref.std if ref.std else (0.0 if moved == 0 else None),
        mean=(ref.mean, (ref.mean or 0.0) + shift), std=(ref.std, max(now.squares / m - shift * shift, 0.0) ** 0.5),
        missing=(before.missing / before.rows, after.missing / after.rows),
    )  # fmt: skip


def _values(ref: ColumnReference, column: OrderedColumn) -> ColumnProfile:
    ordered = column.ordered
    counts = count_ordered(ref.edges, ordered)
    middle, total, squares = ref.mean or 0.0, 0.0, 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # squares of 1e300: the deviation is then infinite, and told so
        for at in range(0, len(ordered), _PIECE):
            shifted = ordered[at : at + _PIECE] - middle
            total, squares = total + float(shifted.sum()), squares + dot(shifted, shifted)
        under = over = 0.0
        if ref.low is not None and ref.high is not None:
            below = ordered[: np.searchsorted(ordered, ref.low)]
            above = ordered[np.searchsorted(ordered, ref.high, side="right") :]
            under, over = float((ref.low - below).sum()), float((above - ref.high).sum())
    return ColumnProfile(
        name=ref.name, counts=counts, missing=column.missing, infinite=column.infinite, total=total, squares=squares,
        under=under, over=over, low=float(ordered[0]) if len(ordered) else None, high=float(ordered[-1]) if len(ordered) else None,
    )  # fmt: skip


def _levels(ref: ColumnReference, column: OrderedColumn) -> ColumnProfile:
    counts = np.array([column.levels.get(level, 0) for level in ref.levels], dtype=np.int64)
    known = set(ref.levels)
    new: Mapping[str, int] = {level: count for level, count in column.levels.items() if level not in known}
    return ColumnProfile(name=ref.name, counts=counts, missing=column.missing, new=sum(new.values()), new_values=most_frequent(new))


def _reading_faults(name: str, sides: tuple[OrderedColumn, OrderedColumn]) -> list[Finding]:
    found: list[Finding] = []
    for side, column in zip(("reference", "current"), sides, strict=True):
        if column.unreadable:
            because = f"{column.unreadable} of {column.rows} values of {name} in the {side} table cannot be read as {column.kind}"
            found.append(fault(name, "medium", because, column.unreadable / column.rows))
    before, after = sides
    if before.infinite:
        because = f"{before.infinite} of {before.rows} values of {name} in the reference table are infinite"
        found.append(fault(name, "high", because, before.infinite / before.rows))
    if before.zone != after.zone and before.values and after.values:
        zones = [f"in the zone {column.zone}" if column.zone else "without a zone" for column in sides]
        because = f"times of {name} are {zones[0]} in the reference and {zones[1]} in the current table; those without count as UTC"
        found.append(fault(name, "low", because))
    return found
