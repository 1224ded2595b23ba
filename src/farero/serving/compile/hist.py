"""scikit-learn's histogram gradient boosting, read into an `Ensemble`, with its own handling of categories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from farero.serving.compile import columns as c
from farero.serving.compile.columns import Column, Op, Seen, numeric, then
from farero.serving.compile.ensemble import Ensemble, Tree
from farero.serving.compile.links import EXP, IDENTITY, SIGMOID, SOFTMAX
from farero.serving.compile.refused import NotCompiled
from farero.serving.compile.steps import transformed


def _read(model: Any, seen: Seen) -> Ensemble:
    seen, categories = _preprocessed(model, seen)
    start = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(-1)
    trees = [_tree(one, output, categories) for stage in model._predictors for output, one in enumerate(stage)]
    link = _link(model, len(start))
    start = np.concatenate([start, [0.0]]) if link == SIGMOID else start
    return Ensemble(seen=seen, trees=trees, start=start, link=link, what=f"{type(model).__name__} of {len(trees)} trees")


def _link(model: Any, width: int) -> int:
    if hasattr(model, "classes_"):
        return SIGMOID if width == 1 else SOFTMAX
    kind = type(model._loss.link).__name__
    if kind not in ("IdentityLink", "LogLink"):
        raise NotCompiled(f"{type(model).__name__} with the link {kind} is not compiled.")
    return IDENTITY if kind == "IdentityLink" else EXP


def _preprocessed(model: Any, seen: Seen) -> tuple[Seen, dict[int, int]]:
    """What the trees read, and how many categories the columns have that hold some: their codes, -1 for missing and unknown."""
    prepare = model._preprocessor
    if prepare is None:
        return seen.made([numeric(column) for column in seen.columns]), {}
    inputs = prepare._transformer_to_input_indices
    encoder = prepare.named_transformers_["encoder"]
    chosen = [int(at) for at in inputs["encoder"]]
    names = tuple(seen.names[at] for at in chosen) if seen.names else None
    coded = transformed(encoder, Seen(tuple(seen.columns[at] for at in chosen), names))
    columns: list[Column] = [then(numeric(column), Op(c.FILL, -1.0)) for column in coded.columns]
    sizes = [sum(not c.is_gap(category) for category in known.tolist()) for known in encoder.categories_]
    columns += [numeric(seen.columns[int(at)]) for at in inputs["numerical"]]
    return seen.made(columns, coded.guards), dict(enumerate(sizes))


def _tree(predictor: Any, output: int, categories: Mapping[int, int]) -> Tree:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(np.bool_)
    bits: dict[int, NDArray[np.bool_]] = {}
    for at in np.flatnonzero(nodes["is_categorical"].astype(np.bool_) & ~leaf).tolist():
        words = np.asarray(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][at]], dtype="<u4")
        left = np.unpackbits(words.view(np.uint8), bitorder="little").astype(np.bool_)[: categories[int(nodes["feature_idx"][at])]]
        missing_right = not nodes["missing_go_to_left"][at]
        bits[at] = np.concatenate([[missing_right, missing_right], ~left])
    return Tree(
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"].astype(np.float64),
        missing_left=nodes["missing_go_to_left"].astype(np.bool_),
        value=np.ascontiguousarray(nodes["value"].astype(np.float64)[:, None]),
        weight=nodes["count"].astype(np.float64),
        bits=bits,
        output=output,
    )


HIST: Final[Mapping[str, Callable[[Any, Seen], Ensemble]]] = {
    "sklearn.ensemble.HistGradientBoostingClassifier": _read,
    "sklearn.ensemble.HistGradientBoostingRegressor": _read,
}
