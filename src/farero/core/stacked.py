"""Many windows' profiles as arrays, and what drift rules ask of all of them at once; the same figures as one by one, without the loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from farero.core.distance import ks_p_value
from farero.core.profile import ColumnProfile, Profile
from farero.core.reference import ColumnReference, Counts, Floats, Reference
from farero.core.scores import Layout

Flags = NDArray[np.bool_]

_FLOOR = 1e-4  # of a bin's share, as `distance.psi` has it
_LEAST, _MOST = 5.0, 30  # as `distance.pooled` has it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One column of w windows: (w, k) rows a bin, (w,) rows that are missing, infinite or new, and whether a number never changed."""

    counts: Counts
    missing: Counts
    infinite: Counts
    new: Counts
    still: Flags

    @property
    def values(self) -> Counts:
        """(w,) rows that hold a value."""
        held: Counts = self.counts.sum(axis=1) + self.new
        return held


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """w windows on one reference, oldest first.

    Attributes:
        numbers: (w,) of the windows on the fixed grid.
        rows: (w,).
        columns: the reference's, and behind them its prediction where it has one.
        pair_hits, pair_rows: (w, p) of the reference's pairs; (w, 0) where they were not counted.
    """

    numbers: Counts
    rows: Counts
    columns: tuple[Column, ...]
    pair_hits: Counts
    pair_rows: Counts

    def pick(self, chosen: Counts) -> Stack:
        """Some of the windows, by place."""
        return Stack(
            numbers=self.numbers[chosen], rows=self.rows[chosen], columns=tuple(_pick(column, chosen) for column in self.columns),
            pair_hits=self.pair_hits[chosen], pair_rows=self.pair_rows[chosen],
        )  # fmt: skip

    def with_column(self, place: int, column: Column) -> Stack:
        """The same windows with another column in this place."""
        return replace(self, columns=(*self.columns[:place], column, *self.columns[place + 1 :]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figures:
    """What rules look at, of one column in w windows. NaN = does not apply, or no values.

    Attributes:
        p: (w,) of Kolmogorov-Smirnov, or of chi-squared where values have no order.
        distance: (w,) Kolmogorov-Smirnov, or Jensen-Shannon [0-1].
        psi: (w,) [nat].
        before, missing: share of missing values in the reference, and (w,) in each window [0-1].
        vanished: (w,) whether the column lost all of its values.
        ordered: whether distances are Kolmogorov-Smirnov.
    """

    p: Floats
    distance: Floats
    psi: Floats
    before: float
    missing: Floats
    vanished: Flags
    ordered: bool


def stack(reference: Reference, profiles: Sequence[Profile], numbers: Sequence[int]) -> Stack:
    """Put profiles on top of each other.

    Args:
        reference: that all of them were counted on.
        profiles: of w windows.
        numbers: of the windows on the fixed grid.

    Raises:
        ValueError: there is none, or one was counted on another reference.
    """
    if not profiles or any(profile.edges_hash != reference.edges_hash for profile in profiles):
        raise ValueError("windows to look at together need at least one profile, and all of them on one reference")
    columns = [_stacked([profile.columns[place] for profile in profiles]) for place in range(len(reference.columns))]
    if reference.prediction is not None:
        nothing = ColumnProfile(name="", counts=np.zeros(len(reference.prediction.counts), dtype=np.int64))
        columns.append(_stacked([profile.prediction or nothing for profile in profiles]))
    pairs = len(reference.pairs) // 2
    counted = pairs if all(len(profile.pair_rows) == pairs for profile in profiles) else 0
    return Stack(
        numbers=np.array(numbers, dtype=np.int64), rows=np.array([profile.rows for profile in profiles], dtype=np.int64),
        columns=tuple(columns),
        pair_hits=np.array([profile.pair_hits[:counted] for profile in profiles], dtype=np.int64).reshape(len(profiles), counted),
        pair_rows=np.array([profile.pair_rows[:counted] for profile in profiles], dtype=np.int64).reshape(len(profiles), counted),
    )  # fmt: skip


def figures(ref: ColumnReference, now: Column, seen: int) -> Figures:
    """The figures of one column, equal to those of `drift.figures` window by window.

    Args:
        ref: of the column.
        now: its counts.
        seen: rows of the reference.
    """
    rows = now.counts.sum(axis=1) + now.new + now.missing + now.infinite
    values, total = now.values, int(ref.counts.sum())
    share = now.missing / np.maximum(rows, 1)
    before = ref.missing / seen if seen else 0.0
    ordered = ref.kind in ("number", "date")
    empty = (values == 0) | (total == 0)
    held = np.maximum(values, 1)[:, None]
    nothing = np.full(len(values), np.nan)
    if total:
        p, distance, index = _of_order(ref, now, held) if ordered else _of_levels(ref, now, held)
        p, distance, index = (np.where(empty, np.nan, each) for each in (p, distance, index))
    else:
        p, distance, index = nothing, nothing, nothing
    # `verdict` speaks of a column that lost its values where it had a mean and has none, or where so many empty rows are no chance.
    gone = (share >= 1.0) & (before < 1.0) & (float(before) ** rows < 0.05 / 365)
    infinite = (values == 0) & (share < 1.0) & (ref.mean is not None) & (rows > 0)
    return Figures(
        p=p, distance=distance, psi=index, before=before, missing=share, vanished=(gone | infinite) & (rows > 0), ordered=ordered
    )


def cells(plan: Layout, windows: Stack) -> Counts:
    """(w, width + 1) cells of each window, as `scores.read` has them."""
    made = np.zeros((len(windows.rows), plan.width + 1), dtype=np.int64)
    for where, column in zip(plan.columns, windows.columns, strict=False):
        first = where.groups_from()
        groups = _grouped(column.counts, where.group, where.groups)
        outside = column.counts[:, 0] + column.counts[:, -1] if where.kind == "number" and column.counts.shape[1] > 1 else 0
        rows = column.values + column.missing + column.infinite
        basic = (rows, column.missing, column.infinite, column.new, outside, groups.sum(axis=1))
        for place, each in enumerate(basic):
            made[:, where.first + place] = each
        made[:, first : first + where.groups] = groups
    if plan.pairs and windows.pair_rows.shape[1] == plan.pairs:
        made[:, plan.first_pair : plan.width : 2] = windows.pair_hits
        made[:, plan.first_pair + 1 : plan.width : 2] = windows.pair_rows
    return made


def constants(plan: Layout, windows: Stack) -> Counts:
    """(w, columns) 1, 0 or -1, as `scores.read` has them; a column with new levels is taken not to be constant."""
    made = np.full((len(windows.rows), len(plan.columns)), -1, dtype=np.int64)
    for place, column in enumerate(windows.columns[: len(plan.columns)]):
        one = ((column.counts > 0).sum(axis=1) == 1) & (column.new == 0) & column.still
        made[:, place] = np.where(column.values < 2, -1, one)
    return made


def _pick(column: Column, chosen: Counts) -> Column:
    return Column(
        counts=column.counts[chosen], missing=column.missing[chosen], infinite=column.infinite[chosen], new=column.new[chosen],
        still=column.still[chosen],
    )  # fmt: skip


def _stacked(columns: Sequence[ColumnProfile]) -> Column:
    def each(values: list[int]) -> Counts:
        return np.array(values, dtype=np.int64)

    return Column(
        counts=np.array([column.counts for column in columns], dtype=np.int64), missing=each([column.missing for column in columns]),
        infinite=each([column.infinite for column in columns]), new=each([column.new for column in columns]),
        still=np.array([column.low == column.high for column in columns], dtype=np.bool_),
    )  # fmt: skip


def _grouped(counts: Counts, group: Counts, groups: int) -> Counts:
    """(w, groups) counts over larger bins; `group` need not be in order."""
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group, minlength=groups)
    held = np.add.reduceat(counts[:, order], np.minimum(np.cumsum(sizes) - sizes, max(counts.shape[1] - 1, 0)), axis=1)
    made: Counts = np.where(sizes > 0, held, 0)
    return made


def _of_order(ref: ColumnReference, now: Column, held: Counts) -> tuple[Floats, Floats, Floats]:
    total = int(ref.counts.sum())
    away = np.abs(np.cumsum(now.counts / held - ref.counts / total, axis=1)).max(axis=1)
    groups = int(ref.groups.max(initial=0)) + 1
    small, whole = _grouped(now.counts, ref.groups, groups), _grouped(ref.counts[None, :], ref.groups, groups)[0]
    return ks_p_value(away, total, held[:, 0]), away, _psi(whole / total, small / held)


def _of_levels(ref: ColumnReference, now: Column, held: Counts) -> tuple[Floats, Floats, Floats]:
    total, groups = int(ref.counts.sum()), int(ref.groups.max(initial=0)) + 1
    small = np.column_stack([_grouped(now.counts, ref.groups, groups), now.new])
    whole = np.append(_grouped(ref.counts[None, :], ref.groups, groups)[0], 0)
    p, q = whole / total, small / held
    return _chi2(np.append(ref.counts, 0), np.column_stack([now.counts, now.new])), _jensen_shannon(p, q), _psi(p, q)


def _psi(p: Floats, q: Floats) -> Floats:
    p, q = np.maximum(p, _FLOOR), np.maximum(q, _FLOOR)
    index: Floats = ((q - p) * np.log(q / p)).sum(axis=1)
    return index


def _jensen_shannon(p: Floats, q: Floats) -> Floats:
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(side > 0, side * np.log2(side / middle), 0.0) for side in (np.broadcast_to(p, q.shape), q)]
    root: Floats = np.sqrt(np.maximum((parts[0] + parts[1]).sum(axis=1) / 2, 0.0))
    return root


def _chi2(reference: Counts, current: Counts) -> Floats:
    """(w,) p of `distance.chi2` on bins pooled as `distance.pooled` does."""
    totals = current + reference
    order = np.argsort(-totals, axis=1, kind="stable")
    now = np.take_along_axis(current, order, axis=1).astype(np.float64)
    before = reference[order].astype(np.float64)
    n, m = float(reference.sum()), current.sum(axis=1)
    least = np.minimum(n, m)[:, None]
    kept = (now + before) * least / np.maximum(n + m, 1.0)[:, None] >= _LEAST
    kept[:, _MOST:] = False
    rest = np.stack([np.where(kept, 0.0, side).sum(axis=1) for side in (before, now)])
    sides = [np.column_stack([np.where(kept, side, 0.0), rest[place]]) for place, side in enumerate((before, now))]
    together = sides[0] + sides[1]
    statistic = np.zeros(len(m))
    with np.errstate(divide="ignore", invalid="ignore"):
        for side, size in zip(sides, (np.full(len(m), n), m), strict=True):
            expected = together * (size / np.maximum(n + m, 1.0))[:, None]
            statistic += np.where(together > 0, (side - expected) ** 2 / expected, 0.0).sum(axis=1)
    freedom = (together > 0).sum(axis=1) - 1
    p: Floats = np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), statistic), 1.0)
    return p
