"""What a model predicts, and how a raw label becomes a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.field import Field, Misfit, from_file, read
from farero.core.schema import Fault

LabelKind: TypeAlias = Literal["binary", "number", "classes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSpec:
    """The declared label of a model.

    Encoded labels are float64: binary 0.0/1.0, number as it is, classes the index into `classes`.
    """

    name: str
    kind: LabelKind
    arrives_within: timedelta
    classes: tuple[str, ...] = ()
    positive: str | None = None
    negative: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRow:
    """One label as it came in: for a request (and its row), or for an entity key at a time."""

    raw: object
    known_at: datetime
    request_id: str | None = None
    row: int = 0
    key: str | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelColumns:
    """Encoded labels by column, in order of prediction; times in microseconds since 1970 UTC."""

    request_ids: Sequence[str]
    rows: Sequence[int]
    values: Sequence[float]
    predicted_us: Sequence[int]
    known_us: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelReceipt:
    """What became of a batch of labels. The lists hold the paths (`labels[3]`) of the rows concerned, with reasons."""

    stored: int
    duplicates: int
    contradictions: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()


def encode_labels(
    spec: LabelSpec, raw: Sequence[object] | NDArray[Any], *, prefix: str = "labels"
) -> tuple[NDArray[np.float64], tuple[Fault, ...]]:
    """Turn raw labels into float64, NaN where missing (None, NaN, blank) or at fault, and list every fault.

    Binary labels are 1/0, true/false, yes/no in any case; text of a number is read. With `positive` set, that text is 1;
    `negative`, where set, is 0 and anything else a fault; where not, any other text is 0, but for one that only differs in case or spaces.

    >>> spec = LabelSpec(name="late", kind="binary", arrives_within=timedelta(days=1))
    >>> values, faults = encode_labels(spec, ["yes", False, 1, None, "maybe"])
    >>> values.tolist(), str(faults[0])
    ([1.0, 0.0, 1.0, nan, nan], "labels[4]: is 'maybe', not 1 or 0, true or false, yes or no")
    """
    if isinstance(raw, np.ndarray) and raw.dtype.kind in "iuf" and spec.kind == "number" and not np.isinf(raw).any():
        return raw.astype(np.float64), ()
    seen: dict[tuple[type, object], float | Misfit] = {}  # the type is in the key because 1 == True == 1.0
    values: list[float] = []
    faults: list[Fault] = []
    for at, value in enumerate(raw.tolist() if isinstance(raw, np.ndarray) else raw):
        if isinstance(value, (str, int, float)):
            key = (type(value), value)
            if key not in seen:
                seen[key] = _encode(spec, value)
            got = seen[key]
        else:
            got = _encode(spec, value)
        if isinstance(got, Misfit):
            faults.append(Fault(path=f"{prefix}[{at}]", code=got.code, message=got.message))
            got = math.nan
        values.append(got)
    return np.array(values, dtype=np.float64), tuple(faults)


def decode_prediction(spec: LabelSpec, values: NDArray[np.float64]) -> list[float | int | str]:
    """The answers as people read them: 0 or 1, a class name, or the number itself."""
    if spec.kind == "binary":
        return [int(value) for value in values.tolist()]
    if spec.kind == "classes":
        return [spec.classes[int(value)] for value in values.tolist()]
    return list(values.tolist())


def _encode(spec: LabelSpec, value: object) -> float | Misfit:
    if spec.kind == "classes":
        got = read(_field(spec, levels=spec.classes), from_file(_field(spec, levels=spec.classes), value))
        return got if isinstance(got, Misfit) else math.nan if got == -1 else float(got)  # type: ignore[arg-type]
    if spec.kind == "number":
        number = read(_field(spec), from_file(_field(spec), value))
        return number if isinstance(number, Misfit) else float(number)  # type: ignore[arg-type]
    flag = from_file(Field(name=spec.name, kind="flag"), value)
    if flag is None or isinstance(flag, bool) and spec.positive is None:
        return math.nan if flag is None else float(flag)
    if isinstance(value, bool):
        return float(value)
    if spec.positive is not None and isinstance(value, (str, int, float)):
        text = value.strip() if isinstance(value, str) else f"{value:g}"
        return _named(spec, text, spec.positive)
    shown = repr(value)[:40]
    return Misfit("bad-label", f"is {shown}, not 1 or 0, true or false, yes or no")


def _named(spec: LabelSpec, text: str, positive: str) -> float | Misfit:
    """1 or 0 for a text, where the label's own texts are named."""
    if text in (positive, spec.negative):
        return float(text == positive)
    for own in filter(None, (positive, spec.negative)):
        if "".join(text.split()).casefold() == "".join(own.split()).casefold():
            return Misfit("bad-label", f"is {text!r:.40}; did you mean {own!r}?")
    return Misfit("bad-label", f"is {text!r:.40}, neither {positive!r} nor {spec.negative!r}") if spec.negative is not None else 0.0


def _field(spec: LabelSpec, levels: tuple[str, ...] = ()) -> Field:
    return Field(name=spec.name, kind="choice" if levels else "number", levels=levels, missing=True)
