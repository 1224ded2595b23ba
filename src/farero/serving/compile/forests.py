"""scikit-learn's trees, forests and gradient boosting, read into an `Ensemble`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from farero.serving.compile.columns import Seen
from farero.serving.compile.ensemble import Ensemble, Tree
from farero.serving.compile.links import IDENTITY, MEAN, SIGMOID, SOFTMAX
from farero.serving.compile.refused import NotCompiled


def _read(tree: Any, value: NDArray[np.float64], output: int = 0) -> Tree:
    nodes = tree.__getstate__()["nodes"]
    return Tree(
        left=nodes["left_child"].astype(np.int64),
        right=nodes["right_child"].astype(np.int64),
        feature=nodes["feature"].astype(np.int64),
        threshold=nodes["threshold"].astype(np.float64),
        missing_left=nodes["missing_go_to_left"].astype(np.bool_),
        value=value,
        weight=nodes["n_node_samples"].astype(np.float64),
        bits={},
        output=output,
    )


def _forest(model: Any, seen: Seen) -> Ensemble:
    single_output(model)
    members = getattr(model, "estimators_", None)
    chosen = [model] if members is None else list(members)
    first = chosen[0]
    gaps = bool(first._support_missing_values(np.zeros((1, 1)))) and not seen.sparse
    trees = [_read(member.tree_, np.ascontiguousarray(member.tree_.value[:, 0, :])) for member in chosen]
    name = type(model).__name__
    return Ensemble(
        seen=seen, trees=trees, start=np.zeros(trees[0].value.shape[1]), link=IDENTITY if members is None else MEAN,
        divisor=float(len(chosen)), float32=True, gaps=gaps, what=f"{name} of {len(chosen)} trees" if members is not None else name,
    )  # fmt: skip


def _boosted(model: Any, seen: Seen) -> Ensemble:
    width = model.estimators_.shape[1]
    constant = np.zeros((1, model.n_features_in_), dtype=np.float32)
    start = np.zeros(width)
    if model.init_ != "zero":
        # What the model starts from depends on no row, as long as it is one of scikit-learn's own constants.
        if type(model.init_).__name__ not in ("DummyClassifier", "DummyRegressor") or model.init is not None:
            raise NotCompiled(f"{type(model).__name__} that starts from another model is not compiled.")
        start = np.asarray(model._raw_predict_init(constant), dtype=np.float64).reshape(-1)
    classifies = hasattr(model, "classes_")
    if classifies and model.loss not in ("log_loss", "exponential"):
        raise NotCompiled(f"Gradient boosting with the loss {model.loss} is not compiled.")
    # With the exponential loss, the chance is the logistic of twice the score; doubling rounds nothing.
    twice = 2.0 if classifies and model.loss == "exponential" else 1.0
    trees = [
        _read(one.tree_, model.learning_rate * one.tree_.value[:, 0, :] * twice, output)
        for stage in model.estimators_
        for output, one in enumerate(stage)
    ]
    start = start * twice
    link = (SIGMOID if width == 1 else SOFTMAX) if classifies else IDENTITY
    start = np.concatenate([start, [0.0]]) if link == SIGMOID else start
    what = f"{type(model).__name__} of {len(trees)} trees"
    return Ensemble(seen=seen, trees=trees, start=start, link=link, float32=True, gaps=False, what=what)


def single_output(model: Any) -> None:
    """A model of several labels at once has no place here."""
    if getattr(model, "n_outputs_", 1) != 1:
        raise NotCompiled(f"{type(model).__name__} with several outputs is not compiled.")


FORESTS: Final[Mapping[str, Callable[[Any, Seen], Ensemble]]] = {
    "sklearn.tree.DecisionTreeClassifier": _forest,
    "sklearn.tree.DecisionTreeRegressor": _forest,
    "sklearn.tree.ExtraTreeClassifier": _forest,
    "sklearn.tree.ExtraTreeRegressor": _forest,
    "sklearn.ensemble.RandomForestClassifier": _forest,
    "sklearn.ensemble.RandomForestRegressor": _forest,
    "sklearn.ensemble.ExtraTreesClassifier": _forest,
    "sklearn.ensemble.ExtraTreesRegressor": _forest,
    "sklearn.ensemble.GradientBoostingClassifier": _boosted,
    "sklearn.ensemble.GradientBoostingRegressor": _boosted,
}
