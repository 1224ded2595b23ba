"""Checked columns as one matrix of float64, the form in which compiled engines read rows; and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from farero.core.field import MISSING_CODE
from farero.core.schema import Columns, Field, Schema

_NOT_A_TIME: Final = np.datetime64("NaT", "us")


def to_matrix(schema: Schema, columns: Columns, count: int) -> NDArray[np.float64]:
    """The features of checked rows, one column a feature in the declared order.

    Every value stands exactly as it would reach the model, as a float64: number: itself, NaN = missing · choice: the code of its
    level, -1 missing, -2 a new level · flag: 0, 1, or -1 missing · date: microseconds since 1970 (exact up to the year 2255), NaN =
    missing.

    Returns:
        (count, features) float64, rows contiguous.
    """
    matrix = np.empty((count, len(schema.features)), dtype=np.float64)
    for position, field in enumerate(schema.features):
        values = columns[field.name]
        if field.kind == "date":
            times = values.astype("datetime64[us]")
            matrix[:, position] = np.where(np.isnat(times), np.nan, times.astype(np.int64).astype(np.float64))
        else:
            matrix[:, position] = values
    return matrix


def to_columns(schema: Schema, matrix: NDArray[np.float64]) -> Columns:
    """The columns that `to_matrix` was given.

    Args:
        matrix: (n, features) float64.
    """
    return {field.name: _column(field, matrix[:, position]) for position, field in enumerate(schema.features)}


def _column(field: Field, values: NDArray[np.float64]) -> NDArray[Any]:
    if field.kind == "number":
        return np.ascontiguousarray(values)
    if field.kind == "date":
        gaps = np.isnan(values)
        times: NDArray[Any] = np.where(gaps, 0.0, values).astype(np.int64).astype("datetime64[us]")
        times[gaps] = _NOT_A_TIME
        return times
    return values.astype(_CODES[field.kind])


_CODES: Final[Mapping[str, str]] = {"choice": "int32", "flag": "int8"}


def missing_in_matrix(field: Field) -> float:
    """What stands for a missing value of this field."""
    return float("nan") if field.kind in ("number", "date") else float(MISSING_CODE)
