"""One column of one table, ready to be compared: its finite values in ascending order, or its levels counted, and which rows lie high."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farero.core.pairs import Halves, halves, halves_of_flags
from farero.core.raw_column import Cells, RawCells, RawColumn, RawKind, look_at, read
from farero.core.reference import FLAG_LEVELS, ColumnKind, ColumnReference, Floats, freeze_levels, freeze_values

MOST_PAIRED_ROWS = 1 << 17
"""Pairs of columns are looked at on so many rows at most, drawn evenly: a correlation is then known to 0.01."""

_MOST_WHOLE = 1 << 16
_LOOK = 64
_LEAST_NAMES = 100

MOST_LEVELS = 1_000_000
"""More are no levels but names of rows."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderedColumn:
    """A column, read as `kind`.

    Attributes:
        own: what the cells are by themselves; differs from `kind` where they were read as another table's kind.
        ordered: (n,) the finite values, ascending [unit; s since 1970]; empty for choices and flags.
        levels: level -> rows, most frequent first; choices and flags.
        missing, unreadable, infinite: cells without a value, of another kind, infinite.
        halves: which of at most `MOST_PAIRED_ROWS` rows lie above the median, or are true; None = cannot be paired.
        zone: the time zone that the file declares for moments.
        frozen: the figures of this column as a reference, where somebody has kept them.
        is_sample: `ordered` holds some of the values only; the counts are of all of them.
    """

    kind: RawKind
    own: RawKind
    rows: int
    ordered: Floats = field(default_factory=lambda: np.zeros(0))
    levels: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0
    unreadable: int = 0
    infinite: int = 0
    halves: Halves | None = None
    zone: str | None = None
    frozen: ColumnReference | None = None
    is_sample: bool = False

    @property
    def values(self) -> int:
        """Cells that hold a value of this kind."""
        return self.rows - self.missing - self.unreadable - self.infinite


def put_in_order(cells: RawCells, like: RawKind | None = None, *, zone: str | None = None) -> OrderedColumn:
    """Read a column as what it is, or as the kind of the column that it is compared with, and sort it.

    Args:
        cells: (n,) as they come.
        like: the reference's kind; None = this is the reference.
        zone: the time zone that the file declares.

    >>> made = put_in_order(np.array([3.0, np.nan, 1.0, np.inf]))
    >>> made.kind, made.ordered.tolist(), made.missing, made.infinite
    ('number', [1.0, 3.0], 1, 1)
    """
    seen = look_at(cells)
    kind = common_kind(like, seen.kind) if like is not None else seen.kind
    if "other" in (kind, seen.kind):
        return OrderedColumn(kind="other", own=seen.kind, rows=len(cells))
    return _in_order(seen, kind, zone)


def common_kind(before: RawKind, after: RawKind) -> RawKind:
    """The kind that both sides are read as: the reference's, unless it holds nothing or the other is the wider."""
    if before == "empty":
        return after
    return "number" if before == "flag" and after == "number" else before


def as_kind(column: OrderedColumn, kind: RawKind) -> OrderedColumn:
    """A flag or an empty column as the wider kind that the other table has; any other stays as it is."""
    if column.kind == kind:
        return column
    if column.kind == "empty":
        return replace(column, kind=kind, levels=dict.fromkeys(FLAG_LEVELS, 0) if kind == "flag" else {}, frozen=None)
    if column.kind == "flag" and kind == "number":
        counts = [column.levels[level] for level in FLAG_LEVELS]
        return replace(column, kind=kind, levels={}, ordered=np.repeat(np.array([0.0, 1.0]), counts), frozen=None)
    return column


def freeze(name: str, column: OrderedColumn) -> ColumnReference:
    """The figures of a column as a reference; those that were kept, where they were."""
    if column.frozen is not None:
        return column.frozen
    if column.kind in ("choice", "flag"):
        levels = FLAG_LEVELS if column.kind == "flag" else tuple(column.levels)
        counts = np.array([column.levels[level] for level in levels], dtype=np.int64)
        return freeze_levels(name, _kind(column), levels, counts, column.missing)
    return freeze_values(name, _kind(column), column.ordered, column.missing)


def looks_like_names(column: OrderedColumn) -> bool:
    """Whether these choices are names of rows rather than levels: most of them occur once."""
    if column.kind != "choice":
        return False
    return len(column.levels) > min(max(_LEAST_NAMES, (column.rows - column.missing) / 2), MOST_LEVELS)


@lru_cache(maxsize=4)
def paired_rows(rows: int) -> NDArray[np.int64] | None:
    """The rows that stand for all where pairs are counted: one of each of `MOST_PAIRED_ROWS` equal stretches; None = all of them.

    Drawn by a fixed seed, the same rows of every column. Not every k-th row, which would see a day's noon only.
    """
    if rows <= MOST_PAIRED_ROWS:
        return None
    return drawn_rows(rows, MOST_PAIRED_ROWS)


def drawn_rows(rows: int, count: int) -> NDArray[np.int64]:
    """(count,) one row of each of `count` <= `rows` equal stretches, drawn by a fixed seed."""
    starts = np.arange(count + 1, dtype=np.int64) * rows // count
    return starts[:-1] + (np.random.default_rng(rows).random(count) * np.diff(starts)).astype(np.int64)


def sort_values(values: NDArray[Any]) -> Floats:
    """Finite numbers of any type in ascending order, as float64. Whole numbers close together are counted, which is five times as fast."""
    if not len(values):
        return np.zeros(0)
    if values.dtype.kind == "b":
        true = int(np.count_nonzero(values))
        return np.repeat(np.array([0.0, 1.0]), [len(values) - true, true])
    if values.dtype.kind in "iu" or np.array_equal(values[:_LOOK], np.floor(values[:_LOOK])):
        low, high = values.min(), values.max()
        wide = float(high) - float(low)
        if wide < min(_MOST_WHOLE, len(values)) and (values.dtype.kind in "iu" or np.array_equal(values, np.floor(values))):
            # Of eight-bit numbers the difference might not fit into their own type; of large unsigned ones the number itself into another.
            near = (values - low) if values.dtype.itemsize > 2 else values.astype(np.int64) - int(low)
            counts = np.bincount(near.astype(np.int64, copy=False))
            return np.repeat(np.arange(len(counts), dtype=np.float64) + float(low), counts)
    ordered = np.sort(values)
    return ordered if ordered.dtype == np.float64 else ordered.astype(np.float64)


def _in_order(seen: Cells, kind: RawKind, zone: str | None) -> OrderedColumn:
    column = read(seen, kind)
    if kind not in ("number", "date"):
        return OrderedColumn(
            kind=kind, own=seen.kind, rows=column.rows, levels=column.levels, missing=column.missing, unreadable=column.unreadable,
            halves=_halves_of_flags(column),
        )  # fmt: skip
    values = column.values
    finite = values.dtype.kind in "iub" or np.isfinite(values)
    held = values if np.all(finite) else values[finite]
    ordered = sort_values(held)
    infinite = column.rows - len(ordered) - column.missing - column.unreadable
    rows = paired_rows(column.rows)
    sides = None
    if len(ordered):
        sides = halves((values if rows is None else values[rows]).astype(np.float64, copy=False), _median(ordered))
    return OrderedColumn(
        kind=kind, own=seen.kind, rows=column.rows, ordered=ordered, missing=column.missing, unreadable=column.unreadable,
        infinite=infinite, halves=sides, zone=zone,
    )  # fmt: skip


def _halves_of_flags(column: RawColumn) -> Halves | None:
    if column.flags is None or column.missing or column.unreadable:
        return None
    rows = paired_rows(column.rows)
    return halves_of_flags(column.flags if rows is None else column.flags[rows])


def _median(ordered: Floats) -> float:
    return float(ordered[(len(ordered) - 1) // 2])


def _kind(column: OrderedColumn) -> ColumnKind:
    """Numbers stand for what holds nothing: it has no values either way."""
    kinds: Mapping[str, ColumnKind] = {"choice": "choice", "flag": "flag", "date": "date"}
    return kinds.get(column.kind, "number")
