"""From a fitted model to an engine that answers without Python: the compiler's front, and the engine that it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from farero.core.label import LabelSpec
from farero.core.matrix import to_matrix
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Schema
from farero.serving.answers import EngineKind, Quick, class_order, outputs, width
from farero.serving.compile.columns import Seen, whole_frame
from farero.serving.compile.ensemble import Ensemble, Packed
from farero.serving.compile.forests import FORESTS
from farero.serving.compile.hist import HIST
from farero.serving.compile.lightgbm_text import LIGHTGBM
from farero.serving.compile.linear import LINEAR, Linear, PackedLinear
from farero.serving.compile.links import SIGMOID
from farero.serving.compile.refused import NotCompiled
from farero.serving.compile.steps import check_names, name_of, transformed
from farero.serving.compile.xgboost_json import XGBOOST

CAPACITY: Final = 1024
"""Rows that the short way takes at once."""

_READERS: Final[Mapping[str, Callable[[Any, Seen], Ensemble | Linear]]] = {**FORESTS, **HIST, **LINEAR, **LIGHTGBM, **XGBOOST}


def compile_model(model: object, label: LabelSpec, schema: Schema) -> Compiled:
    """An engine that answers as the model does, without calling it.

    Raises:
        NotCompiled: the model, a step in it, or what it reads is not among those that are compiled. Says which.
    """
    if not schema.features:
        raise NotCompiled("There are no features.")
    estimator, seen = model, whole_frame(schema)
    while name_of(estimator) == "sklearn.pipeline.Pipeline":
        for _, step in estimator.steps[:-1]:  # type: ignore[attr-defined]
            seen = transformed(step, seen)
        estimator = estimator.steps[-1][1]  # type: ignore[attr-defined]
    read = _read(estimator, seen)
    places, wide = _places(estimator, label, 2 if read.link == SIGMOID else len(read.start))
    packed = Packed(read, places, wide) if isinstance(read, Ensemble) else PackedLinear(read, places, wide)
    return Compiled(packed, f"{read.what}, compiled by numba", label, schema, wide, read)


def _read(estimator: Any, seen: Seen) -> Ensemble | Linear:
    reader = _READERS.get(name_of(estimator))
    if reader is None:
        raise NotCompiled(f"{type(estimator).__name__} is not among the models that are compiled.")
    check_names(estimator, seen)
    return reader(estimator, seen)


def _places(estimator: Any, label: LabelSpec, shares: int) -> tuple[NDArray[np.int64], int]:
    """For each of the model's shares, the column of the answers it goes to, -1 for none; and how many columns there are."""
    classes = getattr(estimator, "classes_", None)
    if label.kind == "number":
        if classes is not None:
            raise NotCompiled(f"A {type(estimator).__name__} answers classes where the label is a number.")
        return np.zeros(shares, dtype=np.int64), 1
    if classes is None:
        raise NotCompiled(f"A {type(estimator).__name__} answers numbers where the label has classes.")
    order = class_order(classes, label)
    assert order is not None
    if len(order) != shares:
        raise NotCompiled(f"The model knows {len(order)} classes and answers {shares}.")
    if label.kind == "classes":
        return order.astype(np.int64), width(label)
    return np.where(order == 1, 0, -1).astype(np.int64), 1


class Compiled:
    """A compiled model. See `serving.answers.Engine`.

    A row that the original would refuse has NaN for its answer, in `predict` and in `answers` alike: ask the original.

    Attributes:
        read: what was read from the model, for those who compare; set it to None when that is done, it is as large as the model.
    """

    kind: EngineKind = "compiled"

    def __init__(
        self, packed: Packed | PackedLinear, detail: str, label: LabelSpec, schema: Schema, wide: int, read: Ensemble | Linear
    ) -> None:
        self.read: Ensemble | Linear | None = read
        self.detail = detail
        self._packed = packed
        self._label = label
        self._schema = schema
        self._wide = wide
        self._state = packed.state(len(schema.features))
        self.quick: Quick | None = Short(packed, self._state, len(schema.features), wide)

    def predict(self, columns: Columns, count: int) -> Outputs:
        """The answers to `count` rows."""
        answers = self.answers(to_matrix(self._schema, columns, count))
        if self._label.kind == "number":
            return outputs(self._label, answers[:, 0])
        if self._label.kind == "binary":
            return outputs(self._label, np.column_stack([1.0 - answers[:, 0], answers[:, 0]]))
        return outputs(self._label, answers)

    def answers(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """The answers (n, k) to a row matrix (n, features), as `Quick.answers` has them. Safe for threads."""
        matrix = np.ascontiguousarray(matrix, dtype=np.float64)
        made = np.empty((len(matrix), self._wide))
        scratch = np.empty(self._packed.scratch_bytes, dtype=np.uint8)
        self._packed.kernel(self._state.ctypes.data, matrix.ctypes.data, made.ctypes.data, scratch.ctypes.data, len(matrix))
        return made


class Short:
    """The short way through a compiled model: its own memory, addressed once. For one thread. See `serving.answers.Quick`."""

    def __init__(self, packed: Packed | PackedLinear, state: NDArray[np.int64], features: int, wide: int) -> None:
        self.rows = np.zeros((CAPACITY, features))
        self.answers = np.zeros((CAPACITY, wide))
        self._keep = (packed, state, np.empty(packed.scratch_bytes, dtype=np.uint8))
        self._kernel = packed.kernel
        self._addresses = (state.ctypes.data, self.rows.ctypes.data, self.answers.ctypes.data, self._keep[2].ctypes.data)

    def run(self, count: int) -> None:
        """Answer the first `count` of `rows` in `answers`."""
        if count > CAPACITY:
            raise ValueError(f"{count} rows where there is room for {CAPACITY}")
        state, rows, answers, scratch = self._addresses
        self._kernel(state, rows, answers, scratch, count)
