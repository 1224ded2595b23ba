"""A column too long to be sorted in memory: counted on quantile bins of its reference, batch by batch, with what is certain of KS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.distance import dot, ks_bounds
from farero.core.ordered_column import MOST_LEVELS, OrderedColumn, common_kind, drawn_rows, paired_rows
from farero.core.pairs import halves, halves_of_flags
from farero.core.profile import ColumnProfile
from farero.core.raw_column import RawCells, RawColumn, RawKind, look_at, read
from farero.core.reference import GROUPS, ColumnKind, ColumnReference, Counts, Floats

Batches: TypeAlias = Callable[[], Iterable[RawCells]]
"""Gives the same column again at each call, from its start."""

SAMPLED = 1 << 19
"""Rows that stand for all where bins are chosen and pictures drawn."""

CUTS = 4096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counted:
    """Two long columns, counted. `within`: how far the true KS distance may lie above the one at the edges [0-1]."""

    reference: ColumnReference
    current: ColumnProfile
    within: float


def look_through(batches: Batches, rows: int, like: RawKind | None = None) -> OrderedColumn:
    """What one pass over a long column tells. `ordered` is a sample in order: one row of each of `SAMPLED` equal stretches,
    and the smallest and the largest of each batch.

    Args:
        batches: the column.
        rows: how many it has.
        like: the kind of the column that it is compared with; None = its own, told by the first batch that holds anything.
    """
    own: RawKind = "empty"
    kind: RawKind = "empty"
    pass_ = _Pass(rows)
    for cells in batches():
        if own == "empty":
            own = look_at(cells).kind
            kind = common_kind(like, own) if like is not None else own
        if "other" in (own, kind):
            return OrderedColumn(kind="other", own=own, rows=rows)
        pass_.add(read(look_at(cells), kind))
    return pass_.result(kind, own)


def count_both(
    name: str, kind: ColumnKind, sides: tuple[OrderedColumn, OrderedColumn], batches: tuple[Batches, Batches]
) -> Counted:  # fmt: skip
    """Count two long columns of numbers or dates on quantiles of the first.

    Args:
        name: of the column.
        kind: "number" or "date".
        sides: what `look_through` told of them; both hold values.
        batches: the columns themselves.
    """
    sample = sides[0].ordered
    low, high = float(sample[0]), float(sample[-1])
    edges = _cuts(sample, low, high)
    middle = float(sample.mean())
    before = _count(batches[0], kind, edges, middle, (low, high))
    n = int(before.counts.sum())
    mean = middle + before.total / n
    ref = ColumnReference(
        name=name, kind=kind, edges=edges, levels=(), counts=before.counts, groups=_tenths(before.counts), missing=sides[0].missing,
        mean=mean, std=float(np.sqrt(max(before.squares / n - (before.total / n) ** 2, 0.0))), low=low, high=high,
    )  # fmt: skip
    after = _count(batches[1], kind, edges, mean, (low, high))
    now = ColumnProfile(
        name=name, counts=after.counts, missing=sides[1].missing, infinite=sides[1].infinite, total=after.total, squares=after.squares,
        under=after.under, over=after.over, low=after.low, high=after.high,
    )  # fmt: skip
    hollow = np.zeros(len(edges) + 1, dtype=np.bool_)
    hollow[1:-1] = edges[:-1] == np.nextafter(edges[1:], -np.inf)
    reached, certain = ks_bounds(ref.counts, now.counts, hollow)
    return Counted(reference=ref, current=now, within=certain - reached)


class _Pass:
    """One pass over a column: what adds up, and the rows of the sample."""

    def __init__(self, rows: int) -> None:
        self._rows, self._seen = rows, 0
        self._missing = self._unreadable = self._infinite = 0
        self._levels: Counter[str] = Counter()
        self._sample: list[Floats] = []
        self._paired: list[NDArray[np.float64]] = []
        self._all_flags = True
        self._chosen = drawn_rows(rows, min(SAMPLED, rows))
        every = paired_rows(rows)
        self._pairs = np.arange(rows) if every is None else every

    def add(self, column: RawColumn) -> None:
        """Take one more batch."""
        self._missing, self._unreadable = self._missing + column.missing, self._unreadable + column.unreadable
        if column.kind in ("number", "date"):
            values = column.values.astype(np.float64, copy=False)
            held = values[np.isfinite(values)]
            self._infinite += column.rows - column.missing - column.unreadable - len(held)
            drawn = values[self._within(self._chosen, len(values))]
            self._sample.append(drawn[np.isfinite(drawn)])
            if len(held):
                self._sample.append(np.array([held.min(), held.max()]))
            self._paired.append(values[self._within(self._pairs, len(values))])
        elif column.kind in ("choice", "flag"):
            if len(self._levels) <= MOST_LEVELS:
                self._levels.update(column.levels)
            flags = column.flags
            self._all_flags = self._all_flags and flags is not None and not column.missing and not column.unreadable
            if flags is not None:
                self._paired.append(flags[self._within(self._pairs, column.rows)].astype(np.float64))
        self._seen += column.rows

    def result(self, kind: RawKind, own: RawKind) -> OrderedColumn:
        """What the batches come to."""
        made = OrderedColumn(
            kind=kind, own=own, rows=self._seen, levels=dict(self._levels.most_common()), missing=self._missing,
            unreadable=self._unreadable, infinite=self._infinite, is_sample=True,
        )  # fmt: skip
        return _with_values(made, self._sample, self._paired, all_flags=self._all_flags)

    def _within(self, places: NDArray[np.int64], size: int) -> NDArray[np.int64]:
        first, last = np.searchsorted(places, [self._seen, self._seen + size])
        return places[first:last] - self._seen


def _with_values(made: OrderedColumn, sample: list[Floats], paired: list[Floats], *, all_flags: bool) -> OrderedColumn:
    if made.kind in ("number", "date") and sample:
        ordered = np.sort(np.concatenate(sample))
        middle = float(ordered[(len(ordered) - 1) // 2]) if len(ordered) else 0.0
        return replace(made, ordered=ordered, halves=halves(np.concatenate(paired), middle) if len(ordered) else None)
    if made.kind == "flag" and all_flags and paired:
        return replace(made, halves=halves_of_flags(np.concatenate(paired) > 0))
    return made


@dataclass(slots=True)
class _Sums:
    counts: Counts
    total: float = 0.0
    squares: float = 0.0
    under: float = 0.0
    over: float = 0.0
    low: float | None = None
    high: float | None = None


def _finite(cells: RawCells, kind: RawKind) -> Floats:
    values = read(look_at(cells), kind).values.astype(np.float64, copy=False)
    finite = np.isfinite(values)
    return values if finite.all() else values[finite]


def _count(batches: Batches, kind: RawKind, edges: Floats, middle: float, extent: tuple[float, float]) -> _Sums:
    sums = _Sums(counts=np.zeros(len(edges) + 1, dtype=np.int64))
    for cells in batches():
        held = np.sort(_finite(cells, kind))
        if not len(held):
            continue
        passed = np.searchsorted(held, edges, side="right")
        sums.counts += np.diff(passed, prepend=0, append=len(held))
        below, above = held[: np.searchsorted(held, extent[0])], held[np.searchsorted(held, extent[1], side="right") :]
        with np.errstate(over="ignore", invalid="ignore"):
            sums.under += float((extent[0] - below).sum())
            sums.over += float((above - extent[1]).sum())
            shifted = held - middle
            sums.total, sums.squares = sums.total + float(shifted.sum()), sums.squares + dot(shifted, shifted)
        sums.low = float(held[0]) if sums.low is None else min(sums.low, float(held[0]))
        sums.high = float(held[-1]) if sums.high is None else max(sums.high, float(held[-1]))
    return sums


def _cuts(sample: Floats, low: float, high: float) -> Floats:
    """Quantiles of a sample, and a bin of its own for every value that holds as many rows as a bin; from the smallest to the largest."""
    n = len(sample)
    points = np.unique(sample[np.ceil(n * np.arange(1, CUTS + 1) / CUTS).astype(np.int64) - 1])
    held = np.searchsorted(sample, points, side="right") - np.searchsorted(sample, points, side="left")
    atoms = points[held * CUTS >= n]
    below = np.maximum(np.nextafter(np.append(atoms, low), -np.inf), np.finfo(np.float64).min)
    return np.unique(np.concatenate([points, below, [high]]))


def _tenths(counts: Counts) -> Counts:
    """Bins in order, thrown together into about `GROUPS` of equal size."""
    middles = np.cumsum(counts) - counts / 2
    tenth = np.minimum((middles * GROUPS / counts.sum()).astype(np.int64), GROUPS - 1)
    return np.unique(tenth, return_inverse=True)[1].astype(np.int64)
