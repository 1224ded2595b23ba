"""The declared features of a model, and the one truth about whether rows fit them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.field import MISSING_CODE, NEW_CODE, Encoded, Field, Kind, Misfit, Privacy, from_file, missing_value, read
from farero.errors import BadInput

__all__ = [
    "MISSING_CODE", "NEW_CODE", "Checked", "Columns", "Fault", "Field", "Kind", "Privacy", "Rows", "Schema",
    "check_columns", "check_rows", "denied_name",
]  # fmt: skip

Columns: TypeAlias = Mapping[str, NDArray[Any]]
"""Checked columns by feature name, all of one length.

number: float64, NaN = missing · choice: int32 index into `Field.levels`, -1 missing, -2 a new level
flag: int8 0/1, -1 missing · date: datetime64[us] UTC, NaT = missing.
"""

_DTYPES: Mapping[Kind, str] = {"number": "float64", "choice": "int32", "flag": "int8", "date": "int64", "personal": "object"}

# Whole words; a flag is exempt (true or false cannot name anybody).
_DENIED = frozenset(
    "email mail phone telephone mobile cellphone fax name firstname lastname surname fullname username nickname address street ssn nif dni "
    "nie passport card iban cvv cvc".split()
)
_DENIED_PAIRS = (("national", "id"), ("social", "security"), ("tax", "id"), ("id", "number"), ("licence", "number"), ("license", "number"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """All fields of a model's rows, in the declared order, and the entity key if there is one."""

    fields: tuple[Field, ...]
    key: str | None = None

    @property
    def features(self) -> tuple[Field, ...]:
        """The fields that the model sees: all but the personal ones."""
        return tuple(f for f in self.fields if f.kind != "personal")

    @property
    def personal(self) -> tuple[Field, ...]:
        """The fields that are never stored in clear and never reach the model."""
        return tuple(f for f in self.fields if f.kind == "personal")

    def digest(self) -> str:
        """SHA-256 of the declaration; two schemas with the same digest accept the same rows."""
        parts = [[f.name, f.kind, _float(f.min), _float(f.max), f.missing, f.levels, f.new_levels, f.privacy] for f in self.fields]
        return hashlib.sha256(json.dumps([parts, self.key]).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with an input: where, what kind (stable, kebab), and a sentence."""

    path: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows that fit the schema, by column. Personal values are here in clear: protect before storing.

    `new_values` holds, for each choice that met a new level it allows, the text of those values (None elsewhere).
    """

    count: int
    columns: Columns
    keys: tuple[str | None, ...] = ()
    personal: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict, repr=False)
    new_values: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found: the rows that fit, which of the input rows those are, and every fault.

    `fits` is (n,) bool over the input rows; `rows.count == fits.sum()`. `fault_count` counts all faults, also those not listed.
    """

    rows: Rows
    fits: NDArray[np.bool_]
    faults: tuple[Fault, ...]
    fault_count: int = 0
    notes: tuple[str, ...] = ()


def check_rows(schema: Schema, rows: Sequence[object], *, prefix: str = "rows") -> Checked:
    """Check rows as JSON brings them: strict, without coercion, listing every fault.

    A missing key and null are both missing; NaN and infinities are refused; an undeclared name is refused with the nearest declared one.

    Args:
        prefix: what faults call the list, as in `rows[3].tenure`; "" for one bare row, whose faults are called `tenure`.
    """
    fields = schema.fields
    known = {f.name for f in fields} | ({schema.key} if schema.key else set())
    values: list[list[Encoded]] = [[] for _ in fields]
    texts: list[Mapping[str, object]] = []
    keys: list[str | None] = []
    faults: list[Fault] = []
    fits = np.zeros(len(rows), dtype=np.bool_)
    if not rows:
        faults.append(Fault(path=prefix or "body", code="empty", message="there are no rows; send at least one"))
    for at, row in enumerate(rows):
        if not isinstance(row, Mapping):
            faults.append(Fault(path=_path(prefix, at, ""), code="not-an-object", message="must be an object of field names and values"))
            continue
        read_values = [read(f, row.get(f.name)) for f in fields]
        key = _key(row.get(schema.key)) if schema.key else None
        bad = [(f.name, got) for f, got in zip(fields, read_values, strict=True) if type(got) is Misfit]
        if type(key) is Misfit:
            bad.append((schema.key or "", key))
        if len(row) > len(known) or not known.issuperset(row):
            bad += [(str(name), _extra(str(name), known)) for name in row if name not in known]
        if bad:
            faults += [Fault(path=_path(prefix, at, name), code=misfit.code, message=misfit.message) for name, misfit in bad]
            continue
        fits[at] = True
        keys.append(key)  # type: ignore[arg-type]
        texts.append(row)
        for column, got in zip(values, read_values, strict=True):
            column.append(got)  # type: ignore[arg-type]
    arrays = {f.name: _array(f, column) for f, column in zip(fields, values, strict=True)}
    new = {
        f.name: tuple(str(row[f.name]) if code == NEW_CODE else None for row, code in zip(texts, arrays[f.name].tolist(), strict=True))
        for f in fields
        if f.new_levels and (arrays[f.name] == NEW_CODE).any()
    }
    return Checked(
        rows=_rows(schema, arrays, tuple(keys) if schema.key else (), new), fits=fits, faults=tuple(faults), fault_count=len(faults)
    )


def check_columns(
    schema: Schema, raw: Mapping[str, NDArray[Any] | Sequence[Any]], *, prefix: str = "rows", strict: bool = False, limit: int = 10_000
) -> Checked:
    """Check columns of a file or a frame by the rules of `check_rows`, fast.

    NaN, NaT and None are missing. Undeclared columns are ignored and noted. A column that is absent is missing in every row.

    Args:
        strict: take no text for a number, flag or date, as `check_rows`; else cells are read as `core.field.from_file` says.
        limit: most faults to list; `fault_count` has them all.

    Raises:
        BadInput: the columns differ in length.
    """
    lengths = {len(values) for values in raw.values()}
    if len(lengths) > 1:
        raise BadInput(f"The columns differ in length: {sorted(lengths)}.", hint="Give every column the same number of rows.")
    count = lengths.pop() if lengths else 0
    fits = np.ones(count, dtype=np.bool_)
    arrays: dict[str, NDArray[Any]] = {}
    found: list[tuple[int, int, str, Misfit]] = []
    whole: list[Fault] = []
    texts: dict[str, Sequence[object]] = {}
    for position, f in enumerate(schema.fields):
        if f.name not in raw:
            arrays[f.name] = _array(f, [missing_value(f)] * count)
            if not f.missing:
                fits[:] = False
                whole.append(Fault(path=f.name, code="missing", message="the column is absent; it must have values"))
            continue
        arrays[f.name], misfits = _column(f, raw[f.name], strict)
        if f.new_levels:
            texts[f.name] = _objects(raw[f.name])
        found += [(at, position, f.name, misfit) for at, misfit in misfits]
        fits[[at for at, _ in misfits]] = False
    keys: tuple[str | None, ...] = ()
    if schema.key:
        read_keys = [_key(value) for value in _objects(raw[schema.key])] if schema.key in raw else [None] * count
        wrong = [(at, len(schema.fields), schema.key, key) for at, key in enumerate(read_keys) if type(key) is Misfit]
        fits[[at for at, *_ in wrong]] = False
        found += wrong
        keys = tuple(key for key, fit in zip(read_keys, fits.tolist(), strict=True) if fit)  # type: ignore[misc]
    found.sort(key=lambda item: item[:2])
    listed = [Fault(path=_path(prefix, at, name), code=bad.code, message=bad.message) for at, _, name, bad in found[:limit]]
    new = _new_values(texts, arrays, fits)
    if not fits.all():
        arrays = {name: values[fits] for name, values in arrays.items()}
    declared = {f.name for f in schema.fields} | {schema.key}
    return Checked(
        rows=_rows(schema, arrays, keys, new), fits=fits, faults=(*whole, *listed), fault_count=len(whole) + len(found),
        notes=tuple(f"column {name!r} is not declared and was ignored" for name in raw if name not in declared),
    )  # fmt: skip


def denied_name(name: str) -> bool:
    """Whether a field of this name most likely holds personal data: a whole word of it is on the deny list.

    >>> [denied_name(name) for name in ("email", "customerName", "card_number", "renamed", "discard")]
    [True, True, True, False, False]
    """
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    return any(word in _DENIED or word.rstrip("s") in _DENIED for word in words) or any(pair in _DENIED_PAIRS for pair in pairwise(words))


def _path(prefix: str, at: int, name: str) -> str:
    place = f"{prefix}[{at}]" if prefix else ""
    return f"{place}.{name}" if place and name else place or name or "body"


def _extra(name: str, known: set[str]) -> Misfit:
    near = get_close_matches(name, sorted(known), n=1)
    return Misfit("extra-field", f"is not a declared field; did you mean {near[0]!r}?" if near else "is not a declared field; leave it out")


def _key(value: object) -> str | Misfit | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(value)
    return Misfit("wrong-type", "the key must be text or a whole number")


def _column(f: Field, values: NDArray[Any] | Sequence[Any], strict: bool) -> tuple[NDArray[Any], list[tuple[int, Misfit]]]:
    """One column encoded, and its misfits by row; typed arrays take the fast way."""
    kind = values.dtype.kind if isinstance(values, np.ndarray) else "O"
    if f.kind == "number" and kind in "iuf":
        return _numbers(f, np.asarray(values, dtype=np.float64))
    if f.kind == "date" and kind == "M":
        array = np.asarray(values).astype("datetime64[us]")
        return array, [] if f.missing else _misfits(f, np.isnat(array), [None] * len(array))
    if f.kind == "flag" and kind == "b":
        return np.asarray(values).astype(np.int8), []
    cells = _objects(values)
    parsed = _parsed(cells) if f.kind == "number" and not strict else None
    return _each(f, cells, strict) if parsed is None else _numbers(f, parsed)


def _parsed(cells: Sequence[object]) -> NDArray[np.float64] | None:
    """The numbers that texts spell, NaN for None; None where any cell is something else, to be looked at one by one."""
    if not cells or not set(map(type, cells)) <= {str, type(None)} or any(cell is not None and "_" in str(cell) for cell in cells):
        return None
    try:
        array = np.array(cells, dtype=object).astype(np.float64)
    except ValueError:
        return None
    gaps = sum(cell is None for cell in cells)
    return array if int(np.isnan(array).sum()) == gaps else None


def _numbers(f: Field, array: NDArray[np.float64]) -> tuple[NDArray[Any], list[tuple[int, Misfit]]]:
    bad = np.isinf(array)
    if not f.missing:
        bad |= np.isnan(array)
    if f.min is not None:
        bad |= array < f.min
    if f.max is not None:
        bad |= array > f.max
    return array, _misfits(f, bad, array)


def _misfits(f: Field, bad: NDArray[np.bool_], values: Sequence[object] | NDArray[Any]) -> list[tuple[int, Misfit]]:
    found = [(at, read(f, None if values[at] is None or values[at] != values[at] else values[at])) for at in np.flatnonzero(bad).tolist()]
    return [(at, got) for at, got in found if type(got) is Misfit]


def _each(f: Field, values: Sequence[object], strict: bool) -> tuple[NDArray[Any], list[tuple[int, Misfit]]]:
    seen: dict[str, Encoded | Misfit] = {}  # equal texts read equally, and most columns of text have few
    encoded: list[Encoded] = []
    misfits: list[tuple[int, Misfit]] = []
    filler = missing_value(f)
    for at, value in enumerate(values):
        if type(value) is str:
            if value in seen:
                got = seen[value]
            else:
                got = seen[value] = read(f, value if strict else from_file(f, value))
        elif strict:
            got = read(f, None if value is None or value != value else value)
        else:
            got = read(f, from_file(f, value))
        if type(got) is Misfit:
            misfits.append((at, got))
            got = filler
        encoded.append(got)  # type: ignore[arg-type]
    return _array(f, encoded), misfits


def _objects(values: NDArray[Any] | Sequence[Any]) -> Sequence[object]:
    if isinstance(values, np.ndarray):
        listed: list[object] = (values.astype(object) if values.dtype.kind == "M" else values).tolist()
        return listed
    return values


def _array(f: Field, values: list[Encoded]) -> NDArray[Any]:
    array = np.empty(len(values), dtype=_DTYPES[f.kind])
    array[:] = values
    return array.view("datetime64[us]") if f.kind == "date" else array


def _new_values(
    texts: Mapping[str, Sequence[object]], arrays: Mapping[str, NDArray[Any]], fits: NDArray[np.bool_]
) -> dict[str, tuple[str | None, ...]]:
    found = {}
    for name, values in texts.items():
        is_new = arrays[name] == NEW_CODE
        if (is_new & fits).any():
            found[name] = tuple(str(values[at]) if is_new[at] else None for at in np.flatnonzero(fits).tolist())
    return found


def _rows(
    schema: Schema, arrays: Mapping[str, NDArray[Any]], keys: tuple[str | None, ...], new: Mapping[str, tuple[str | None, ...]]
) -> Rows:
    return Rows(
        count=len(next(iter(arrays.values()))) if arrays else 0,
        columns={f.name: arrays[f.name] for f in schema.features},
        keys=keys,
        personal={f.name: tuple(arrays[f.name].tolist()) for f in schema.personal},
        new_values=new,
    )


def _float(limit: float | None) -> float | None:
    """0 and 0.0 are the same limit, and must have the same digest."""
    return None if limit is None else float(limit)
