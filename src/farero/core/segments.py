"""How rows divide into segments by one feature: levels, ranges, missing values; and each segment's metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farero.core.bars import edge_text
from farero.core.field import MISSING_CODE, NEW_CODE, Field
from farero.core.label import LabelKind
from farero.core.measured import Measured, measure, pick
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Schema
from farero.errors import BadInput

RANGES = 5
"""A number is cut into so many ranges of about equally many rows."""

WHOLE = 8
"""A number of at most so many different values is not cut: each value is a segment."""

MOST = 30
"""Levels of a choice that are segments of their own, the most frequent ones; the rest are one segment."""

MISSING = "missing"
NEW = "not a declared level"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """Rows divided by one feature.

    Attributes:
        names: of the segments.
        codes: (n,) the segment of each row.
    """

    feature: str
    names: tuple[str, ...]
    codes: NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The rows of one segment, and how well they were answered."""

    name: str
    rows: int
    metrics: tuple[Measured, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BySegment:
    """All rows, divided by one feature."""

    feature: str
    segments: tuple[Segment, ...]


def features_named(model: str, schema: Schema, names: Sequence[str]) -> tuple[Field, ...]:
    """The features of a model with these names, each once, in the order given.

    Raises:
        BadInput: one is none; names the nearest.
    """
    known = {field.name: field for field in schema.features}
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"The features are: {', '.join(known)}."
            raise BadInput(f"{model} has no feature {name!r}.", hint=hint)
    return tuple(known[name] for name in dict.fromkeys(names))


def cut(field: Field, values: NDArray[Any]) -> Cut:
    """Divide rows by one feature. Every row is in one segment, and no segment is empty.

    Args:
        field: the feature.
        values: (n,) its checked column.

    >>> found = cut(Field(name="plan", kind="choice", levels=("a", "b", "c"), missing=True), np.array([0, 2, -1, 0], dtype=np.int32))
    >>> found.names, found.codes.tolist()
    (('a', 'c', 'missing'), [0, 1, 2, 0])
    """
    if field.kind == "number":
        return _by_value(field, np.asarray(values, dtype=np.float64))
    if field.kind == "date":
        times = np.asarray(values).astype("datetime64[us]")
        seconds = np.where(np.isnat(times), 0, times.astype(np.int64)) / 1e6
        return _by_value(field, np.where(np.isnat(times), np.nan, seconds))
    named = {MISSING_CODE: MISSING, NEW_CODE: NEW}
    names = {0: "no", 1: "yes"} if field.kind == "flag" else dict(enumerate(field.levels))
    present, codes, counts = np.unique(np.asarray(values, dtype=np.int64), return_inverse=True, return_counts=True)
    levels = np.flatnonzero(present >= 0)
    order = levels[np.argsort(-counts[levels], kind="stable")]
    kept, rest = np.sort(order[:MOST]), order[MOST:]
    texts = [names[int(present[at])] for at in kept]
    place = np.zeros(len(present), dtype=np.intp)
    place[kept] = np.arange(len(kept))
    if len(rest):
        place[rest] = len(texts)
        texts.append(f"{len(rest):,} rarer levels")
    for at in np.flatnonzero(present < 0):
        place[at] = len(texts)
        texts.append(named[int(present[at])])
    return Cut(feature=field.name, names=tuple(texts), codes=place[codes])


def _by_value(field: Field, values: NDArray[np.float64]) -> Cut:
    gaps = np.isnan(values)
    held = values[~gaps]
    few = np.unique(held)
    codes = np.zeros(len(values), dtype=np.intp)
    if len(few) <= WHOLE:
        texts = [_text(float(value), field, few) for value in few]
        codes[~gaps] = np.searchsorted(few, held)
    else:
        edges = np.unique(np.quantile(held, np.arange(1, RANGES) / RANGES))
        edges = edges[edges > few[0]]  # an edge at the smallest value would leave the first range empty
        texts = _ranges([_text(float(edge), field, edges) for edge in edges])
        codes[~gaps] = np.searchsorted(edges, held, side="right")
        used, packed = np.unique(codes[~gaps], return_inverse=True)
        texts = [texts[int(at)] for at in used]
        codes[~gaps] = packed
    if gaps.any():
        codes[gaps] = len(texts)
        texts.append(MISSING)
    return Cut(feature=field.name, names=tuple(texts), codes=codes)


def _ranges(edges: Sequence[str]) -> list[str]:
    if not edges:
        return ["all values"]
    middle = [f"{low} to below {high}" for low, high in pairwise(edges)]
    return [f"below {edges[0]}", *middle, f"{edges[-1]} and above"]


def _text(value: float, field: Field, others: NDArray[np.float64]) -> str:
    """The value, in as many digits as tell it from the others."""
    short = [edge_text(float(other), field.kind) for other in others]
    return edge_text(value, field.kind) if len(set(short)) == len(short) else f"{value:.12g}"


def by_segment(
    kind: LabelKind,
    labels: NDArray[np.float64],
    outputs: Outputs,
    made: Cut,
    *,
    days: NDArray[np.integer] | None = None,
    names: Sequence[str] | None = None,
) -> BySegment:
    """The metrics of each segment. Every interval is a 95 % one by itself: of twenty segments, one misses the truth on average.

    Args:
        kind, labels, outputs, days, names: as for `measure`.
        made: how the rows divide.
    """
    order = np.argsort(made.codes, kind="stable")
    bounds = np.searchsorted(made.codes[order], np.arange(len(made.names) + 1))
    segments: list[Segment] = []
    for at, name in enumerate(made.names):
        rows = order[bounds[at] : bounds[at + 1]]
        metrics = measure(kind, labels[rows], pick(outputs, rows), days=None if days is None else days[rows], names=names)
        segments.append(Segment(name=name, rows=len(rows), metrics=metrics))
    return BySegment(feature=made.feature, segments=tuple(segments))


def cuts(schema: Schema, columns: Columns | Mapping[str, NDArray[Any]]) -> tuple[Cut, ...]:
    """How the rows divide by each feature that divides them at all."""
    made = (cut(field, columns[field.name]) for field in schema.features)
    return tuple(each for each in made if len(each.names) > 1)
