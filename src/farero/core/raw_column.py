"""A column of a table that nobody declared: what kind it is, and its cells as numbers or counted levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.reference import Floats

RawKind: TypeAlias = Literal["number", "choice", "flag", "date", "empty", "other"]
"""`empty`: not one value. `other`: lists, structures, complex numbers: nothing that has an order or a name."""

_SAMPLE = 1000
_READABLE = 0.9
_WORDS = ("false", "true")
_WORDS_OF_NUMBERS: Mapping[object, str] = {0: "false", 1: "true"}
_NUMBERS = (int, float, Decimal, np.integer, np.floating)


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
    values: Floats
    levels: Mapping[str, int] = field(default_factory=dict)
    flags: NDArray[np.bool_] | None = None
    missing: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """A raw column; where numpy knows no type for it (text, plain objects), also its cells and how often each occurs."""

    array: NDArray[Any]
    plain: list[Any]
    counted: Mapping[object, int]
    kind: RawKind


def look_at(array: NDArray[Any]) -> Cells:
    """Find out what a column holds: by its type, and for plain objects and text by what nine tenths of a sample can be read as.

    >>> [look_at(np.array(cells, dtype=object)).kind for cells in (["1.5", "", "2"], ["a", "1"], [None, True])]
    ['number', 'choice', 'flag']
    """
    kind: RawKind | None = None
    if array.dtype.kind in "fiu":
        kind = "empty" if array.dtype.kind == "f" and _all_nan(array) else "number"
    elif array.dtype.kind == "b":
        kind = "flag"
    elif array.dtype.kind in "Mm":
        kind = "empty" if bool(np.isnat(array).all()) else ("date" if array.dtype.kind == "M" else "number")
    elif array.dtype.kind not in "OUT":
        kind = "other"
    if kind is not None:
        return Cells(array=array, plain=[], counted={}, kind=kind)
    plain = array.tolist()
    if any(not issubclass(kind, (str, bool, np.bool_, date, type(None), *_NUMBERS)) for kind in set(map(type, plain))):
        return Cells(array=array, plain=plain, counted={}, kind="other")
    counted = Counter(plain)
    sample = list(islice((cell for cell in counted if not _is_missing(cell)), _SAMPLE))
    return Cells(array=array, plain=plain, counted=counted, kind=_kind_of(sample))


def read(cells: Cells, kind: RawKind) -> RawColumn:
    """The cells as that kind; what cannot be read so is counted in `unreadable`."""
    if kind == "number" or kind == "date":
        return _as_values(cells, kind)
    if kind == "flag" or kind == "choice":
        return _as_levels(cells, kind)
    rows = len(cells.array)
    return RawColumn(kind=kind, rows=rows, values=np.zeros(0), missing=rows if kind == "empty" else 0)


def _all_nan(array: NDArray[Any]) -> bool:
    return not len(array) or (bool(np.isnan(array[0])) and bool(np.isnan(array).all()))  # the first cell settles nearly every column


def _kind_of(sample: list[object]) -> RawKind:
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
    if array.dtype.kind in "fiub" and kind == "number":
        values = np.asarray(array, dtype=np.float64)
        return RawColumn(kind=kind, rows=rows, values=values, missing=int(np.isnan(values).sum()))
    if array.dtype.kind == "m" or (array.dtype.kind == "M" and kind == "date"):
        unit: Any = "m8[us]" if array.dtype.kind == "m" else "M8[us]"
        absent = np.isnat(array)
        values = np.where(absent, np.nan, array.astype(unit).astype(np.int64) / 1e6)
        return RawColumn(kind=kind, rows=rows, values=values, missing=int(absent.sum()))
    one = _number if kind == "number" else _seconds
    values = np.full(rows, np.nan)
    unreadable = 0
    for i, cell in enumerate(cells.plain or array.tolist()):
        value = one(cell)
        if value is not None:
            values[i] = value
        elif not _is_missing(cell):
            unreadable += 1
    return RawColumn(kind=kind, rows=rows, values=values, missing=int(np.isnan(values).sum()) - unreadable, unreadable=unreadable)


def _as_levels(cells: Cells, kind: RawKind) -> RawColumn:
    nothing, rows = np.zeros(0), len(cells.array)
    if cells.array.dtype.kind == "b" and kind == "flag":
        true = int(cells.array.sum())
        levels = {"false": rows - true, "true": true}
        return RawColumn(kind=kind, rows=rows, values=nothing, levels=levels, flags=cells.array)
    plain = cells.plain or cells.array.tolist()
    named: Counter[str] = Counter()
    missing = unreadable = 0
    for cell, times in (cells.counted or Counter(plain)).items():
        level = _level(cell, kind)
        if _is_missing(cell):
            missing += times
        elif level is None:
            unreadable += times
        else:
            named[level] += times
    levels = dict(named.most_common()) if kind == "choice" else {"false": named["false"], "true": named["true"]}
    flags = None if kind == "choice" else np.array([_level(cell, kind) == "true" for cell in plain], dtype=np.bool_)
    return RawColumn(kind=kind, rows=rows, values=nothing, levels=levels, flags=flags, missing=missing, unreadable=unreadable)


def _level(cell: object, kind: RawKind) -> str | None:
    """The name of a cell as a choice, or as a flag: "true" and "false" in any case, 1 and 0."""
    if kind == "choice":
        return str(cell)
    word = str(cell).strip().lower()
    if word in _WORDS:
        return word
    return _WORDS_OF_NUMBERS.get(cell) if isinstance(cell, _NUMBERS) else None
