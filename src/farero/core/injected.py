"""Drift put into recorded windows on purpose, by moving counts between bins, to ask how soon a change of known size is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from farero.core.reference import ColumnReference, Counts, Floats, Reference
from farero.core.stacked import Column, Stack

ChangeKind: TypeAlias = Literal["shift", "missing", "share", "correlation"]

_BOUND = 1 / 3
"""Normal values with correlation 0.5 lie above their medians together in 1/4 + 1/12 of the rows: a third of the way to dependence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change to look out for.

    Attributes:
        kind: shift = all values of one number move by `size` deviations; missing = so large a share of one column's values goes missing;
            share = so large a share of all rows goes over from one level to another; correlation = two columns bind together as two normal
            values with a correlation of 0.5 do, margins unchanged.
        size: as above; of a correlation 0.5.
    """

    kind: ChangeKind
    size: float

    @property
    def name(self) -> str:
        """In words, as tables show it."""
        what = {"shift": f"shift {self.size:g} σ", "missing": f"{self.size:.0%} missing", "share": f"{self.size:.0%} other level"}
        return what.get(self.kind, f"correlation {self.size:g}")


CHANGES = (
    Change(kind="shift", size=0.25), Change(kind="shift", size=0.5), Change(kind="shift", size=1.0), Change(kind="missing", size=0.1),
    Change(kind="share", size=0.1), Change(kind="correlation", size=0.5),
)  # fmt: skip


def targets(reference: Reference, change: Change, most: int = 3) -> list[int]:
    """What a change can be put into: places of columns, or of pairs; at most so many, spread evenly over what there is."""
    if change.kind == "correlation":
        ends = reference.pairs.reshape(-1, 2)
        able = [place for place, (a, b) in enumerate(ends.tolist()) if all(_can_shift(reference.columns[end]) for end in (a, b))]
    else:
        able = [place for place, ref in enumerate(reference.columns) if _is_able(ref, change)]
    chosen = np.linspace(0, len(able) - 1, min(most, len(able))).round().astype(np.int64).tolist() if able else []
    return [able[place] for place in chosen]


def inject(reference: Reference, windows: Stack, change: Change, place: int) -> Stack:
    """The same windows with the change in them, from their first row on. Exact in the number of rows; values are taken as spread evenly
    inside their bins.

    Args:
        reference: that the windows were counted on.
        windows: as they were recorded.
        change: what to put in.
        place: of the column, or of the pair: one of `targets`.
    """
    if change.kind == "correlation":
        return _bound(reference, windows, place)
    ref, now = reference.columns[place], windows.columns[place]
    if change.kind == "shift":
        moved = replace(now, counts=shifted(ref, now.counts, change.size * (ref.std or 0.0)), still=np.zeros_like(now.still))
    elif change.kind == "missing":
        moved = _emptied(now, change.size)
    else:
        moved = replace(now, counts=_moved(ref, now, change.size))
    return _with_pairs(reference, windows, place, moved)


def shifted(ref: ColumnReference, counts: Counts, by: float) -> Counts:
    """(w, k) the counts after every value grew by `by` [unit of the column].

    The cumulative count at an edge is that of the place `by` below it, read straight between the edges there; values outside the
    reference's range count as lying at its ends.
    """
    edges = np.asarray(ref.edges, dtype=np.float64)
    below = np.cumsum(counts, axis=1)[:, :-1].astype(np.float64)
    source = edges - by
    right = np.clip(np.searchsorted(edges, source, side="left"), 0, len(edges) - 1)
    left = np.maximum(right - 1, 0)
    width = edges[right] - edges[left]
    part = np.where(width > 0, np.clip((source - edges[left]) / np.where(width > 0, width, 1.0), 0.0, 1.0), 1.0)
    made = below[:, left] * (1 - part) + below[:, right] * part
    made = np.where(source < edges[0], 0.0, np.where(source > edges[-1], counts.sum(axis=1, keepdims=True), made))
    return _whole(np.maximum.accumulate(made, axis=1), counts.sum(axis=1))


def _whole(cumulative: Floats, total: Counts) -> Counts:
    """Counts from cumulative ones: rounding these keeps every total as it was."""
    at_edges = np.rint(cumulative).astype(np.int64)
    made: Counts = np.diff(np.column_stack([np.zeros_like(total), at_edges, total]), axis=1)
    return made


def _emptied(now: Column, share: float) -> Column:
    kept = np.rint(np.cumsum(now.counts, axis=1) * (1 - share)).astype(np.int64)
    counts = np.diff(kept, axis=1, prepend=0)
    return replace(now, counts=counts, missing=now.missing + now.counts.sum(axis=1) - counts.sum(axis=1))


def _moved(ref: ColumnReference, now: Column, share: float) -> Counts:
    """From the largest level to the second largest, as far as there are any rows left there."""
    largest, second = np.argsort(-ref.counts, kind="stable")[:2]
    rows = np.minimum(np.rint(now.values * share).astype(np.int64), now.counts[:, largest])
    made = now.counts.copy()
    made[:, largest] -= rows
    made[:, second] += rows
    return made


def _with_pairs(reference: Reference, windows: Stack, place: int, moved: Column) -> Stack:
    """Pairs of the column change as its own share above the median does, and as its rows with a value do."""
    before = windows.columns[place]
    after = windows.with_column(place, moved)
    if not windows.pair_rows.shape[1]:
        return after
    ends = reference.pairs.reshape(-1, 2)
    own = np.flatnonzero((ends == place).any(axis=1))
    above = [_above(reference.columns[place], column).astype(np.float64) for column in (before, moved)]
    rows = [np.maximum(column.values, 1).astype(np.float64) for column in (before, moved)]
    hits, both = windows.pair_hits.copy(), windows.pair_rows.copy()
    both[:, own] = np.rint(both[:, own] * np.minimum(rows[1] / rows[0], 1.0)[:, None]).astype(np.int64)
    grown = np.where(above[0] > 0, above[1] / np.maximum(above[0], 1.0), 1.0)[:, None]
    hits[:, own] = np.minimum(np.rint(hits[:, own] * grown).astype(np.int64), both[:, own])
    return replace(after, pair_hits=hits, pair_rows=both)


def _bound(reference: Reference, windows: Stack, pair: int) -> Stack:
    if not windows.pair_rows.shape[1]:
        return windows
    a, b = reference.pairs.reshape(-1, 2)[pair].tolist()
    rows = windows.pair_rows[:, pair].astype(np.float64)
    first, second = (_above(reference.columns[end], windows.columns[end]) / np.maximum(windows.columns[end].values, 1) for end in (a, b))
    least = np.minimum(first, second)
    hits = windows.pair_hits.copy()
    more = np.rint(rows * _BOUND * (least - first * second)).astype(np.int64)
    hits[:, pair] = np.minimum(hits[:, pair] + more, np.floor(rows * least).astype(np.int64))
    return replace(windows, pair_hits=np.maximum(hits, windows.pair_hits))


def _above(ref: ColumnReference, now: Column) -> Counts:
    """(w,) rows above the reference's median, or at its largest level, as `reference.side` cuts them."""
    if ref.kind in ("choice", "flag"):
        top = 1 if ref.kind == "flag" else int(np.argmax(ref.counts))
        held: Counts = now.counts[:, top]
        return held
    below = np.cumsum(ref.counts)[:-1]
    cut = int(np.argmin(np.abs(2 * below - ref.counts.sum())))
    above: Counts = now.counts[:, cut + 1 :].sum(axis=1)
    return above


def _is_able(ref: ColumnReference, change: Change) -> bool:
    if change.kind == "shift":
        return _can_shift(ref)
    if change.kind == "share":
        return ref.kind in ("choice", "flag") and int((ref.counts > 0).sum()) >= 2
    return bool(ref.counts.sum())


def _can_shift(ref: ColumnReference) -> bool:
    return ref.kind == "number" and bool(ref.std) and len(ref.edges) > 2


def names(reference: Reference, change: Change, places: Sequence[int]) -> list[str]:
    """What the places of a change are called."""
    if change.kind != "correlation":
        return [reference.columns[place].name for place in places]
    ends = reference.pairs.reshape(-1, 2)
    return [" and ".join(reference.columns[end].name for end in ends[place].tolist()) for place in places]
