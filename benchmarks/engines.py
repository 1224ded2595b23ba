"""What compiling a model is worth: original, compiled and onnxruntime side by side, on one thread.

Run `python benchmarks/engines.py [rows ...]`. The original is asked through the pandas frame, as it is in serving; `bare` is its estimator
alone, on an array. onnxruntime answers the estimator alone too, from an array of float32 that is there already. The least of several
rounds is printed, each on rows that were not asked just before.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import onnxruntime
import threadpoolctl
from lightgbm import LGBMClassifier
from skl2onnx import to_onnx
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

from farero.core.label import LabelSpec
from farero.core.matrix import to_columns
from farero.core.schema import Field, Schema
from farero.project.frame import frame
from farero.serving.compile import compile_model
from farero.serving.engine import Original

LABEL = LabelSpec(name="y", kind="binary", arrives_within=timedelta(days=1))
NUMBERS = Schema(fields=tuple(Field(name=f"x{at}", kind="number") for at in range(10)))
MIXED = Schema(
    fields=(
        *(Field(name=f"x{at}", kind="number", missing=True) for at in range(6)),
        *(Field(name=f"c{at}", kind="choice", levels=tuple("abcdefgh"), missing=True, new_levels=True) for at in range(4)),
    )
)


def main(counts: list[int]) -> None:
    """Print the table."""
    print(f"{'model':<42}{'rows':>8}{'original µs':>13}{'bare µs':>11}{'compiled µs':>13}{'onnxruntime µs':>16}{'ratio':>8}")
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(20_000, 10))
    mixed = np.column_stack([np.where(rng.random((20_000, 6)) < 0.1, np.nan, plain[:, :6]), rng.integers(-2, 8, (20_000, 4))])
    labels = (plain[:, 0] + plain[:, 1] * plain[:, 2] + rng.normal(size=len(plain)) > 0).astype(np.int64)
    logistic = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), list(NUMBERS_OF_MIXED)),
            (OneHotEncoder(handle_unknown="ignore"), [f"c{at}" for at in range(4)]),
        ),
        LogisticRegression(),
    )
    for name, model, schema, rows in (
        ("RandomForestClassifier(100)", RandomForestClassifier(100, random_state=0), NUMBERS, plain),
        ("RandomForestClassifier(100, max_depth=8)", RandomForestClassifier(100, max_depth=8, random_state=0), NUMBERS, plain),
        ("GradientBoostingClassifier(100)", GradientBoostingClassifier(random_state=0), NUMBERS, plain),
        ("HistGradientBoostingClassifier(100)", HistGradientBoostingClassifier(random_state=0), NUMBERS, plain),
        ("HistGradientBoosting, choices and gaps", HistGradientBoostingClassifier(random_state=0), MIXED, mixed),
        ("LGBMClassifier(100)", LGBMClassifier(n_jobs=1, verbose=-1), NUMBERS, plain),
        ("XGBClassifier(100)", XGBClassifier(n_jobs=1), NUMBERS, plain),
        ("LogisticRegression, imputed, one-hot", logistic, MIXED, mixed),
    ):
        fitted = model.fit(frame(schema, to_columns(schema, rows)), labels)
        for count in counts:
            _line(name, fitted, schema, rows, count)


NUMBERS_OF_MIXED = tuple(f"x{at}" for at in range(6))


def _line(name: str, model: Any, schema: Schema, rows: np.ndarray, count: int) -> None:
    original = Original(model, LABEL, schema)
    compiled = compile_model(model, LABEL, schema)
    lots = [np.ascontiguousarray(np.resize(rows[at * 997 :], (count, rows.shape[1]))) for at in range(20)]
    frames = [to_columns(schema, lot) for lot in lots]
    estimator, inputs = model, lots
    if hasattr(model, "steps"):
        estimator = model[-1]
        inputs = [np.asarray(model[:-1].transform(frame(schema, columns))) for columns in frames]
    bare = least(lambda at: estimator.predict_proba(inputs[at]), count) if schema is NUMBERS or inputs is not lots else float("nan")
    quick = compiled.quick
    assert quick is not None

    def run(at: int) -> None:
        if count <= len(quick.rows):
            quick.run(count)
        else:
            compiled.answers(lots[at])

    def ready(at: int) -> None:
        quick.rows[: min(count, len(quick.rows))] = lots[at][: len(quick.rows)]

    fast = least(run, count, ready)
    slow = least(lambda at: original.predict(frames[at], count), count)
    foreign = _onnx(estimator, inputs, count)
    print(f"{name:<42}{count:>8}{slow:>13.1f}{bare:>11.1f}{fast:>13.2f}{foreign:>16.1f}{slow / fast:>8.0f}", flush=True)


def _onnx(estimator: Any, inputs: list[np.ndarray], count: int) -> float:
    """Microseconds, or NaN for a model that skl2onnx does not convert."""
    singles = [one.astype(np.float32) for one in inputs]
    try:
        content = to_onnx(estimator, singles[0][:1], options={id(estimator): {"zipmap": False}}).SerializeToString()
    except Exception as error:  # noqa: BLE001 - converters raise whatever they like
        print(f"  (onnx: {type(error).__name__}: {str(error).splitlines()[0][:80]})", file=sys.stderr)
        return float("nan")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return least(lambda at: session.run(None, {name: singles[at]}), count)


def least(run: Callable[[int], object], count: int, ready: Callable[[int], object] = lambda at: None) -> float:
    """Microseconds of the quickest of many calls, at least 20 or a second's worth."""
    best = float("inf")
    end = time.perf_counter() + 1.0
    for number in range(400 if count <= 100 else 40):
        ready(number % 20)
        start = time.perf_counter_ns()
        run(number % 20)
        best = min(best, (time.perf_counter_ns() - start) / 1e3)
        if time.perf_counter() > end and number >= 3:
            break
    return best


if __name__ == "__main__":
    with threadpoolctl.threadpool_limits(1):
        main([int(count) for count in sys.argv[1:]] or [1, 10, 100, 1000, 10_000])
