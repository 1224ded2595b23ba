"""One declared field, and whether one value fits it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Literal, NamedTuple, TypeAlias, TypeGuard

import numpy as np

Kind: TypeAlias = Literal["number", "choice", "flag", "date", "personal"]
Privacy: TypeAlias = Literal["drop", "hash", "bucket"]

MISSING_CODE = -1
NEW_CODE = -2
MISSING_TIME = -(2**63)
"""The integer behind numpy's NaT."""

# What a text file writes for "nothing here". A declared level of the same spelling wins.
_BLANK = frozenset(("", "NA", "N/A", "NaN", "nan", "null", "NULL"))
_TRUE = frozenset(("true", "yes", "1"))
_FALSE = frozenset(("false", "no", "0"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One declared field of a row."""

    name: str
    kind: Kind
    unit: str | None = None
    min: float | None = None
    max: float | None = None
    missing: bool = False
    levels: tuple[str, ...] = ()
    new_levels: bool = False
    privacy: Privacy | None = None


class Misfit(NamedTuple):
    """Why a value does not fit: a stable code and a sentence."""

    code: str
    message: str


Encoded: TypeAlias = float | int | str | None
"""number: float or NaN · choice: index of the level, or a code · flag: 0, 1 or a code · date: microseconds since 1970 · personal: text."""


def read(field: Field, value: object) -> Encoded | Misfit:
    """Encode one value as JSON brings it, without any coercion; None is missing.

    >>> read(Field(name="tenure", kind="number", min=0), 3), read(Field(name="plan", kind="choice", levels=("a", "b")), "b")
    (3.0, 1)
    >>> read(Field(name="tenure", kind="number"), "3").code
    'wrong-type'
    """
    if value is None:
        return _MISSING[field.kind] if field.missing else Misfit("missing", "is missing; it must have a value")
    return _READERS[field.kind](field, value)


def missing_value(field: Field) -> Encoded:
    """What stands for a missing value of this kind."""
    return _MISSING[field.kind]


def from_file(field: Field, value: object) -> object:
    """The value that a cell of a file stands for.

    A CSV holds nothing but text and a Parquet column of whole numbers with gaps becomes floats, so the text of a number, a date or a
    flag is read, and a whole number may name a level. What cannot be read stays as it is and is refused by `read`.

    >>> from_file(Field(name="x", kind="number"), " 2.50 "), from_file(Field(name="f", kind="flag"), "Yes")
    (2.5, True)
    """
    if isinstance(value, str):
        text = value.strip()
        return None if text in _BLANK and text not in field.levels else _from_text(field, value, text)
    if isinstance(value, float) and math.isnan(value):
        return None
    if field.kind == "flag" and isinstance(value, (int, float, np.integer, np.floating)) and value in (0, 1):
        return bool(value)
    if field.kind == "choice" and _is_number(value) and math.isfinite(value) and value == int(value):
        return str(int(value))
    if field.kind == "date" and isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return str(value) if field.kind == "personal" and value is not None else value


def _from_text(field: Field, value: str, text: str) -> object:
    if field.kind == "number" and "_" not in text:  # Python would read 1_000 as a number
        try:
            return float(text)
        except ValueError:
            return value
    if field.kind == "flag":
        lower = text.lower()
        return True if lower in _TRUE else False if lower in _FALSE else value
    if field.kind == "date":
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            return value
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    if field.kind == "choice" and value not in field.levels and text in field.levels:
        return text
    return value


def _number(field: Field, value: object) -> float | Misfit:
    if not _is_number(value):
        return Misfit("wrong-type", f"must be a number, not {_named(value)}")
    try:
        number = float(value)
    except OverflowError:
        return Misfit("not-finite", "is too large for a number")
    if not math.isfinite(number):
        return Misfit("not-finite", f"must be a finite number, not {number}")
    if field.min is not None and number < field.min:
        return Misfit("below-min", f"is {_plain(number)}, below the least allowed value {_plain(field.min)}{_unit(field)}")
    if field.max is not None and number > field.max:
        return Misfit("above-max", f"is {_plain(number)}, above the largest allowed value {_plain(field.max)}{_unit(field)}")
    return number


def _choice(field: Field, value: object) -> int | Misfit:
    if not isinstance(value, str):
        return Misfit("wrong-type", f"must be text, one of {_levels(field)}, not {_named(value)}")
    if value in field.levels:
        return field.levels.index(value)
    if field.new_levels:
        return NEW_CODE
    near = get_close_matches(value, field.levels, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return Misfit("unknown-level", f"is {_named(value, bare=True)}, not one of {_levels(field)}{hint}")


def _flag(_field: Field, value: object) -> int | Misfit:
    if not isinstance(value, (bool, np.bool_)):
        return Misfit("wrong-type", f"must be true or false, not {_named(value)}")
    return int(value)


def _date(_field: Field, value: object) -> int | Misfit:
    time = value
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            return Misfit("bad-date", f"is {_named(value, bare=True)}, not a date such as 2024-05-01T13:00:00Z")
    if not isinstance(time, datetime):
        return Misfit("wrong-type", f"must be a date as text such as 2024-05-01T13:00:00Z, not {_named(value)}")
    if time.tzinfo is None:
        return Misfit("no-zone", "is a time without a zone; write 2024-05-01T13:00:00Z or an offset such as +02:00")
    try:
        return (time.astimezone(UTC) - _EPOCH) // _MICROSECOND
    except OverflowError:
        return Misfit("bad-date", "lies outside the years 1 to 9999")


def _personal(_field: Field, value: object) -> str | Misfit:
    # The value is never repeated in the message: messages are logged.
    return value if isinstance(value, str) else Misfit("wrong-type", "must be text")


_READERS: Mapping[Kind, Callable[[Field, object], Encoded | Misfit]] = {
    "number": _number,
    "choice": _choice,
    "flag": _flag,
    "date": _date,
    "personal": _personal,
}
_MISSING: Mapping[Kind, Encoded] = {
    "number": math.nan,
    "choice": MISSING_CODE,
    "flag": MISSING_CODE,
    "date": MISSING_TIME,
    "personal": None,
}


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, (bool, np.bool_))


def _named(value: object, *, bare: bool = False) -> str:
    """A value as a message shows it: its JSON kind and a short form."""
    if isinstance(value, str):
        short = repr(value if len(value) <= 40 else value[:37] + "...")
        return short if bare else f"text {short}"
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if _is_number(value):
        return f"the number {str(value)[:40]}"
    return {"list": "a list", "dict": "an object"}.get(type(value).__name__, f"a {type(value).__name__}")


def _plain(number: float) -> str:
    return f"{number:.10g}"


def _unit(field: Field) -> str:
    return f" {field.unit}" if field.unit else ""


def _levels(field: Field) -> str:
    shown = ", ".join(repr(level) for level in field.levels[:8])
    return shown if len(field.levels) <= 8 else f"{shown} and {len(field.levels) - 8} more"
