"""From a fitted model to an engine that answers without Python: the compiler's front, one model or several that answer together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from farero.core.label import LabelSpec
from farero.core.schema import Schema
from farero.project.adapted import bare
from farero.serving.answers import class_order, width
from farero.serving.blend import Blend
from farero.serving.compile.blend import CompiledBlend
from farero.serving.compile.columns import Seen, whole_frame
from farero.serving.compile.ensemble import Ensemble, Packed
from farero.serving.compile.forests import FORESTS
from farero.serving.compile.hist import HIST
from farero.serving.compile.lightgbm_text import LIGHTGBM
from farero.serving.compile.linear import LINEAR, Linear, PackedLinear
from farero.serving.compile.links import SIGMOID
from farero.serving.compile.refused import NotCompiled
from farero.serving.compile.single import Compiled
from farero.serving.compile.steps import check_names, name_of, transformed
from farero.serving.compile.xgboost_json import XGBOOST

_READERS: Final[Mapping[str, Callable[[Any, Seen], Ensemble | Linear]]] = {**FORESTS, **HIST, **LINEAR, **LIGHTGBM, **XGBOOST}


def compile_model(model: object, label: LabelSpec, schema: Schema) -> Compiled | CompiledBlend:
    """An engine that answers as the model does, without calling it. A blend is compiled where each of its models can be.

    Raises:
        NotCompiled: the model, a step in it, or what it reads is not among those that are compiled. Says which.
    """
    if not schema.features:
        raise NotCompiled("There are no features.")
    if isinstance(model, Blend):
        return CompiledBlend([_one(bare(member), label, schema) for member in model.members], model.shares, label, schema)
    return _one(model, label, schema)


def _one(model: object, label: LabelSpec, schema: Schema) -> Compiled:
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
