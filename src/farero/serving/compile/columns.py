"""What a model's preprocessing makes of a row, written down as columns before any row is there.

A choice or a flag has few values, so whatever steps do to one is worked out here, once for each of its values, and becomes a `Table`. A
number keeps the list of what is done to it. Plus infinity stands for "the original raises here": no row may hold it, every step hands it
on, and an answer that met it is left to the original model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.schema import Field, Schema
from farero.serving.compile.refused import NotCompiled

LOAD, TABLE, SUBTRACT, DIVIDE, MULTIPLY, ADD, CLIP, FILL, REPLACE, GAP, ABOVE, SEARCH, COPY, TIMES = range(14)

REFUSED: Final = math.inf
FIRST_CODE: Final = 2
"""The place of level 0 in a table: a new level (-2) and a missing one (-1) come before it."""


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """One thing done to every value of a column; SEARCH finds the value among `keys` and takes its like in `found`."""

    code: int
    a: float = 0.0
    b: float = 0.0
    keys: NDArray[np.float64] | None = None
    found: NDArray[np.float64] | None = None

    def on(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the kernel does, done with numpy."""
        gaps = np.isnan(values)
        match self.code:
            case _ if self.code in _ARITHMETIC:
                return np.asarray(_ARITHMETIC[self.code](values, self.a))
            case 6:
                return np.where(values == REFUSED, values, np.clip(values, self.a, self.b))
            case 7:
                return np.where(gaps, self.a, values)
            case 8:
                return np.where(values == self.a, self.b, values)
            case 9:
                return np.where(values == REFUSED, values, gaps.astype(np.float64))
            case 10:
                return np.where(values == REFUSED, values, np.where(gaps, REFUSED, (values > self.a).astype(np.float64)))
        assert self.keys is not None
        assert self.found is not None
        known = dict(zip(self.keys.tolist(), self.found.tolist(), strict=True))
        given = [value if value == REFUSED else known.get(value, self.b) for value in values.tolist()]
        return np.where(gaps, self.a, np.asarray(given, dtype=np.float64))


_ARITHMETIC = {SUBTRACT: np.subtract, DIVIDE: np.divide, MULTIPLY: np.multiply, ADD: np.add}


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """A choice or a flag as the steps see it: an object for each code, NaN for what is missing or new."""

    feature: int
    values: tuple[Any, ...]
    category: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A choice or a flag turned into numbers: one for each code."""

    feature: int
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A number of the row and what is done to it in turn."""

    feature: int
    ops: tuple[Op, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """Columns multiplied with each other from the left, and what is done to the result."""

    parts: tuple[Table | Number | Product, ...]
    ops: tuple[Op, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A date. No step that is compiled can read one; it may be dropped."""

    name: str


Column: TypeAlias = Levels | Table | Number | Product | Moment
Numeric: TypeAlias = Table | Number | Product


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one step sees, and hands to the next.

    Attributes:
        names: of the columns, while they are those of the frame.
        guards: columns that nobody reads, but in which the original would find what it refuses.
        sparse: scikit-learn keeps the columns as a sparse matrix.
    """

    columns: tuple[Column, ...]
    names: tuple[str, ...] | None = None
    guards: tuple[Numeric, ...] = ()
    sparse: bool = False

    def made(self, columns: Sequence[Column], guards: Sequence[Numeric] = ()) -> Seen:
        """The same rows with other columns."""
        return replace(self, columns=tuple(columns), names=None, guards=(*self.guards, *guards))


def whole_frame(schema: Schema) -> Seen:
    """What `project.frame.frame` gives a model, with the columns of the row matrix."""
    features = schema.features
    return Seen(tuple(_column(f, at) for at, f in enumerate(features)), tuple(f.name for f in features))


def _column(declared: Field, at: int) -> Column:
    if declared.kind == "number":
        return Number(at)
    if declared.kind == "date":
        return Moment(declared.name)
    if declared.kind == "flag":
        return Levels(at, (math.nan, math.nan, 0.0, 1.0) if declared.missing else (False, False, False, True), category=False)
    # A code that no row can hold takes the first level's place, so that no step has to be asked what it does to it.
    first = declared.levels[0] if declared.levels else math.nan
    gaps = (math.nan if declared.new_levels else first, math.nan if declared.missing else first)
    return Levels(at, (*gaps, *declared.levels))


def numeric(column: Column) -> Numeric:
    """The column as scikit-learn reads it where it wants numbers."""
    if isinstance(column, Moment):
        raise NotCompiled(f"The date {column.name} reaches the model; dates are not compiled.")
    if not isinstance(column, Levels):
        return column
    try:
        return Table(column.feature, np.array([float(value) for value in column.values]))
    except (TypeError, ValueError):
        raise NotCompiled("The model reads the text of a choice as if it were a number.") from None


def then(column: Numeric, *ops: Op) -> Numeric:
    """The column with more done to it."""
    if isinstance(column, Table):
        values = column.values
        with np.errstate(all="ignore"):
            for op in ops:
                values = op.on(values)
        return Table(column.feature, values)
    return replace(column, ops=(*column.ops, *ops))


def is_gap(value: object) -> bool:
    """Whether an object of a frame is a missing value."""
    return isinstance(value, float) and math.isnan(value)
