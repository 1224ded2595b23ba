"""A column of a table that nobody declared: what kind it is, and its cells as numbers or counted levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

RawKind: TypeAlias = Literal["number", "choice", "flag", "date", "empty", "other"]
"""`empty`: not one value. `other`: lists, structures, complex numbers: nothing that has an order or a name."""

_SAMPLE = 1000
_READABLE = 0.9
_WORDS = ("false", "true")
_WORDS_OF_NUMBERS: Mapping[object, str] = {0: "false", 1: "true"}
_NUMBERS = (int, float, Decimal, np.integer, np.floating)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coded:
    """Cells that numpy knows no type for, each as the place of its value in a list: text is looked at once a value, not once a row.

    Attributes:
        codes: (n,) places in `values`; -1 = no value.
        values: (k,) distinct; one that occurs nowhere does no harm.
    """

    codes: NDArray[np.int32]
    values: Sequence[object]

    def __len__(self) -> int:
        return len(self.codes)

    def counts(self) -> NDArray[np.int64]:
        """(k,) rows of each value."""
        return np.bincount(self.codes + 1, minlength=len(self.values) + 1)[1:]


RawCells: TypeAlias = NDArray[Any] | Coded
"""A column as it comes: an array of any type (objects with None for missing), or text by codes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawColumn:
    """The cells of a column, read as one kind.

    Attributes:
        values: (n,) numbers, dates as seconds since 1970; NaN where there is none, infinities kept. Empty for choices and flags.
        levels: level -> rows, most frequent first; choices and flags.
        flags: (n,) bool for flags: the rows that are true.
        missing: cells without a value.
        unreadable: cells of another kind; they count as missing in `values` and `levels`, but not in `missing`.
    """

    kind: RawKind
    rows: int
    values: NDArray[Any]
    levels: Mapping[str, int] = field(default_factory=dict)
    flags: NDArray[np.bool_] | None = None
    missing: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """A raw column and its kind; either an array of a type that numpy knows, or coded."""

    array: NDArray[Any]
    coded: Coded | None
    kind: RawKind


def look_at(cells: RawCells) -> Cells:
    """Find out what a column holds: by its type, and for plain objects and text by what nine tenths of a sample can be read as.

    >>> [look_at(np.array(cells, dtype=object)).kind for cells in (["1.5", "", "2"], ["a", "1"], [None, True])]
    ['number', 'choice', 'flag']
    """
    if isinstance(cells, Coded):
        held = np.flatnonzero(cells.counts()).tolist() if len(cells.values) else []
        return Cells(array=cells.codes, coded=cells, kind=_kind_of([cells.values[place] for place in held]))
    kind: RawKind | None = None
    if cells.dtype.kind in "fiu":
        kind = "empty" if cells.dtype.kind == "f" and _all_nan(cells) else "number"
    elif cells.dtype.kind == "b":
        kind = "flag"
    elif cells.dtype.kind in "Mm":
        kind = "empty" if bool(np.isnat(cells).all()) else ("date" if cells.dtype.kind == "M" else "number")
    elif cells.dtype.kind not in "OUT":
        kind = "other"
    if kind is not None:
        return Cells(array=cells, coded=None, kind=kind)
    plain = cells.tolist()
    if any(not issubclass(kind, (str, bool, np.bool_, date, type(None), *_NUMBERS)) for kind in set(map(type, plain))):
        return Cells(array=cells, coded=None, kind="other")
    coded = _coded(plain)
    return Cells(array=cells, coded=coded, kind=_kind_of(coded.values))


def read(cells: Cells, kind: RawKind) -> RawColumn:
    """The cells as that kind; what cannot be read so is counted in `unreadable`."""
    if kind == "number" or kind == "date":
        return _as_values(cells, kind)
    if kind == "flag" or kind == "choice":
        return _as_levels(cells, kind)
    rows = len(cells.array)
    return RawColumn(kind=kind, rows=rows, values=np.zeros(0), missing=rows if kind == "empty" else 0)


def _coded(plain: list[Any]) -> Coded:
    # 1, 1.0 and True are one key of a dictionary; they also read alike as numbers and as flags.
    places: dict[object, int] = {}
    codes = np.fromiter((places.setdefault(cell, len(places)) for cell in plain), dtype=np.int32, count=len(plain))
    return Coded(codes=codes, values=tuple(places))


def _all_nan(array: NDArray[Any]) -> bool:
    return not len(array) or (bool(np.isnan(array[0])) and bool(np.isnan(array).all()))  # the first cell settles nearly every column


def _kind_of(values: Sequence[object]) -> RawKind:
    sample = list(islice((value for value in values if not _is_missing(value)), _SAMPLE))
    if not sample:
        return "empty"
    if all(isinstance(cell, (bool, np.bool_)) or str(cell).strip().lower() in _WORDS for cell in sample):
        return "flag"
    if np.mean([_number(cell) is not None for cell in sample]) >= _READABLE:
        return "number"
    return "date" if np.mean([_seconds(cell) is not None for cell in sample]) >= _READABLE else "choice"


def _is_missing(cell: object) -> bool:
    return cell is None or cell != cell or (isinstance(cell, str) and not cell.strip())  # NaN and NaT differ from themselves


def _number(cell: object) -> float | None:
    if isinstance(cell, (str, *_NUMBERS)):
        try:
            return float(cell)
        except (ValueError, OverflowError):
            return None
    return None


def _seconds(cell: object) -> float | None:
    """Seconds since 1970; text must be ISO 8601 with a full date. Times without a zone are taken as UTC."""
    if isinstance(cell, str):
        try:
            cell = datetime.fromisoformat(cell.strip())
        except ValueError:
            return None
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=UTC)).timestamp()
    return datetime(cell.year, cell.month, cell.day, tzinfo=UTC).timestamp() if isinstance(cell, date) else None


def _as_values(cells: Cells, kind: RawKind) -> RawColumn:
    array, rows = cells.array, len(cells.array)
    if cells.coded is not None or array.dtype.kind == "O":
        return _of_coded(cells.coded or _coded(array.tolist()), kind)
    if array.dtype.kind in "iub" and kind == "number":
        return RawColumn(kind=kind, rows=rows, values=array)
    if array.dtype.kind == "f" and kind == "number":
        return RawColumn(kind=kind, rows=rows, values=array, missing=int(np.isnan(array).sum()))
    if array.dtype.kind == "m" or (array.dtype.kind == "M" and kind == "date"):
        unit: Any = "m8[us]" if array.dtype.kind == "m" else "M8[us]"
        absent = np.isnat(array)
        values = np.where(absent, np.nan, array.astype(unit).astype(np.int64) / 1e6)
        return RawColumn(kind=kind, rows=rows, values=values, missing=int(absent.sum()))
    return _of_coded(_coded(array.tolist()), kind)


def _of_coded(coded: Coded, kind: RawKind) -> RawColumn:
    one = _number if kind == "number" else _seconds
    read = [one(value) for value in coded.values]
    table = np.array([*(np.nan if value is None else value for value in read), np.nan])  # code -1 finds the last
    absent = np.array([value is None and _is_missing(cell) for value, cell in zip(read, coded.values, strict=True)], dtype=np.bool_)
    counts, odd = coded.counts(), np.isnan(table[:-1])
    missing = len(coded) - int(counts.sum()) + int(counts[absent | odd].sum())
    unreadable = int(sum(counts[place] for place, value in enumerate(read) if value is None and not absent[place]))
    return RawColumn(kind=kind, rows=len(coded), values=table[coded.codes], missing=missing - unreadable, unreadable=unreadable)


def _as_levels(cells: Cells, kind: RawKind) -> RawColumn:
    nothing, rows = np.zeros(0), len(cells.array)
    if cells.array.dtype.kind == "b" and kind == "flag":
        true = int(cells.array.sum())
        levels = {"false": rows - true, "true": true}
        return RawColumn(kind=kind, rows=rows, values=nothing, levels=levels, flags=cells.array)
    coded = cells.coded or _coded(cells.array.tolist())
    named: Counter[str] = Counter()
    counts = coded.counts()
    missing, unreadable = rows - int(counts.sum()), 0
    true_at = np.zeros(len(coded.values) + 1, dtype=np.bool_)
    for place, (cell, times) in enumerate(zip(coded.values, counts.tolist(), strict=True)):
        level = _level(cell, kind)
        if _is_missing(cell):
            missing += times
        elif level is None:
            unreadable += times
        elif times:
            named[level] += times
            true_at[place] = level == "true"
    if kind == "choice":
        return RawColumn(
            kind=kind, rows=rows, values=nothing, levels=dict(named.most_common()), missing=missing, unreadable=unreadable
        )  # fmt: skip
    levels = {"false": named["false"], "true": named["true"]}
    return RawColumn(
        kind=kind, rows=rows, values=nothing, levels=levels, flags=true_at[coded.codes], missing=missing, unreadable=unreadable
    )  # fmt: skip


def _level(cell: object, kind: RawKind) -> str | None:
    """The name of a cell as a choice, or as a flag: "true" and "false" in any case, 1 and 0."""
    if kind == "choice":
        return str(cell)
    word = str(cell).strip().lower()
    if word in _WORDS:
        return word
    return _WORDS_OF_NUMBERS.get(cell) if isinstance(cell, _NUMBERS) else None
