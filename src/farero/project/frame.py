"""The one conversion from checked columns to the pandas frame that a model sees: in training and in serving alike."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from farero.core.label import LabelSpec
from farero.core.schema import Columns, Field, Schema


def frame(schema: Schema, columns: Columns) -> pd.DataFrame:
    """The features in the declared order.

    number: float64, NaN = missing · choice: category with the declared levels; missing and new levels are NaN · flag: bool, or
    float64 (1, 0, NaN) where it may be missing · date: datetime64[us, UTC]. The dtype depends on the declaration only, never on
    the values, so that one row has the form that the training had.
    """
    return pd.DataFrame({field.name: _series(field, columns[field.name]) for field in schema.features}, copy=False)


def series(label: LabelSpec, values: NDArray[np.float64]) -> pd.Series[Any]:
    """The labels as `train` sees them: int64 0 and 1, class names, or float64."""
    if label.kind == "binary":
        return pd.Series(values.astype(np.int64), name=label.name)
    if label.kind == "classes":
        return pd.Series(np.array(label.classes, dtype=object)[values.astype(np.int64)], name=label.name, dtype=object)
    return pd.Series(values.astype(np.float64), name=label.name)


def _series(field: Field, values: NDArray[Any]) -> Any:
    if field.kind == "choice":
        # A level that the model has never seen is missing to it.
        return pd.Categorical.from_codes(np.maximum(values, -1), dtype=_category(field.levels))
    if field.kind == "flag":
        return np.where(values < 0, np.nan, values.astype(np.float64)) if field.missing else values.astype(np.bool_)
    if field.kind == "date":
        return pd.DatetimeIndex(values.astype("datetime64[us]"), tz="UTC")
    return np.asarray(values, dtype=np.float64)


@lru_cache(maxsize=1024)
def _category(levels: tuple[str, ...]) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(pd.Index(levels, dtype=object))
