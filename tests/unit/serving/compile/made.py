"""Rows to compile models on: every kind of feature, gaps, new levels; and the one comparison that all tests here make."""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from farero.core.label import LabelSpec
from farero.core.matrix import to_columns
from farero.core.schema import Field, Schema
from farero.project.frame import frame
from farero.serving.compile import Compiled, compile_model

LEVELS = ("red", "green", "blue", "white", "black")
SCHEMA = Schema(
    fields=(
        Field(name="a", kind="number"),
        Field(name="b", kind="number", missing=True),
        Field(name="month", kind="number"),
        Field(name="colour", kind="choice", levels=LEVELS, missing=True, new_levels=True),
        Field(name="size", kind="choice", levels=("s", "m", "l")),
        Field(name="new", kind="flag"),
        Field(name="paid", kind="flag", missing=True),
    )
)
NUMBERS, CHOICES, FLAGS = ["a", "b", "month"], ["colour", "size"], ["new", "paid"]
FULL = Schema(fields=tuple(Field(name=name, kind="number") for name in "pqrst"))
BINARY = LabelSpec(name="y", kind="binary", arrives_within=timedelta(days=1))
NUMBER = LabelSpec(name="y", kind="number", arrives_within=timedelta(days=1))
CLASSES = LabelSpec(name="y", kind="classes", arrives_within=timedelta(days=1), classes=("x", "y", "z"))


def matrix(count: int, seed: int = 0, schema: Schema = SCHEMA) -> NDArray[np.float64]:
    """Random rows; values repeat, so that many lie on a threshold."""
    rng = np.random.default_rng(seed)
    columns = []
    for f in schema.features:
        if f.kind == "number":
            values = rng.integers(1, 13, count) * 1.0 if f.name == "month" else rng.normal(size=count).round(2) * 1.7
            gap: float = np.nan
        else:
            values = rng.integers(0, len(f.levels) or 2, count) * 1.0
            gap = -1.0
        if f.missing:
            values = np.where(rng.random(count) < 0.15, gap, values)
        if f.new_levels:
            values = np.where(rng.random(count) < 0.1, -2.0, values)
        columns.append(values)
    return np.column_stack(columns)


def seen(rows: NDArray[np.float64], schema: Schema = SCHEMA) -> pd.DataFrame:
    """What the original model is given."""
    return frame(schema, to_columns(schema, rows))


def labels(rows: NDArray[np.float64], label: LabelSpec, seed: int = 0) -> NDArray[Any]:
    """Something to learn, with noise."""
    rng = np.random.default_rng(seed)
    score = np.nan_to_num(rows[:, 0]) + np.nan_to_num(rows[:, 1]) * 0.5 + (rows[:, 3] == 2) + rng.normal(size=len(rows))
    if label.kind == "number":
        return np.exp(score / 2)
    if label.kind == "binary":
        return (score > 0.3).astype(np.int64)
    return np.array(["x", "y", "z"], dtype=object)[np.digitize(score, [-0.5, 0.8])]


def neighbours(rows: NDArray[np.float64], thresholds: NDArray[np.float64], feature: int) -> NDArray[np.float64]:
    """The rows with one number replaced by thresholds, and by their float64 and float32 neighbours."""
    single = thresholds.astype(np.float32)
    near = [thresholds, np.nextafter(thresholds, -np.inf), np.nextafter(thresholds, np.inf)]
    near += [single.astype(np.float64), np.nextafter(single, np.float32(-np.inf)).astype(np.float64)]
    near += [np.nextafter(single, np.float32(np.inf)).astype(np.float64), (single.astype(np.float64) + thresholds) / 2]
    values = np.concatenate(near)
    made = np.resize(rows, (len(values), rows.shape[1]))
    made[:, feature] = values
    return made


def answered(model: Any, label: LabelSpec, rows: NDArray[np.float64], schema: Schema = SCHEMA) -> NDArray[np.float64]:
    """The original's answers as `Quick.answers` has them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if label.kind == "number":
            return np.asarray(model.predict(seen(rows, schema)), dtype=np.float64).reshape(-1, 1)
        shares = np.asarray(model.predict_proba(seen(rows, schema)), dtype=np.float64)
    order = [int(one) for one in model.classes_] if label.kind == "binary" else [label.classes.index(one) for one in model.classes_]
    answers = np.zeros((len(rows), 2 if label.kind == "binary" else len(label.classes)))
    answers[:, order] = shares
    return answers[:, 1:] if label.kind == "binary" else answers


def compared(
    model: Any, label: LabelSpec, rows: NDArray[np.float64], schema: Schema = SCHEMA, *, within: float = 1e-12, relative: bool = False
) -> Compiled:
    """Compile a fitted model and hold every answer against the original's: in one go, in odd lots, and on the short way."""
    engine = compile_model(model, label, schema)
    want = answered(model, label, rows, schema)
    got = engine.answers(rows)
    scale = np.maximum(np.abs(want), 1.0) if relative else 1.0
    assert np.isfinite(got).all()
    assert (np.abs(got - want) / scale).max() <= within
    if label.kind == "binary":
        assert ((got >= 0.5) == (want >= 0.5)).all()
    elif label.kind == "classes":
        assert (got.argmax(axis=1) == want.argmax(axis=1)).all()
    quick = engine.quick
    assert quick is not None
    for count in (1, 7, 33):
        quick.rows[:count] = rows[-count:]
        quick.run(count)
        assert (quick.answers[:count] == got[-count:]).all()
    return engine
