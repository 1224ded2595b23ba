"""XGBoost's models, read from the JSON that they are stored as into an `Ensemble`. XGBoost compares and sums in float32."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from farero.serving.compile import columns as c
from farero.serving.compile.columns import Column, Levels, Op, Seen, Table, numeric, then
from farero.serving.compile.ensemble import Ensemble, Tree
from farero.serving.compile.links import EXP, IDENTITY, SIGMOID, SOFTMAX
from farero.serving.compile.refused import NotCompiled

_LINKS: Final = {
    "binary:logistic": SIGMOID,
    "multi:softprob": SOFTMAX,
    "reg:squarederror": IDENTITY,
    "reg:absoluteerror": IDENTITY,
    "reg:pseudohubererror": IDENTITY,
    "count:poisson": EXP,
    "reg:gamma": EXP,
    "reg:tweedie": EXP,
}


def _read(model: Any, seen: Seen) -> Ensemble:
    booster = model.get_booster()
    if not np.isnan(model.missing):
        raise NotCompiled("XGBoost that takes a number for missing is not compiled.")
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    name = learner["objective"]["name"]
    if learner["gradient_booster"]["name"] != "gbtree":
        raise NotCompiled(f"XGBoost's {learner['gradient_booster']['name']} is not compiled.")
    if name not in _LINKS:
        raise NotCompiled(f"XGBoost with the objective {name} is not compiled.")
    parameters = learner["learner_model_param"]
    if int(parameters["num_feature"]) != len(seen.columns):
        raise NotCompiled(f"The model reads {parameters['num_feature']} columns and would meet {len(seen.columns)}.")
    outputs = max(int(parameters["num_class"]), 1)
    if int(parameters.get("num_target", "1")) > 1:
        raise NotCompiled("XGBoost with several outputs is not compiled.")
    columns, sizes = _coded(model, seen)
    forest = learner["gradient_booster"]["model"]
    trees = [_tree(forest["trees"][at], forest["tree_info"][at], sizes) for at in range(_used(model, forest))]
    link = _LINKS[name]
    start = _start(parameters["base_score"], link, outputs)
    return Ensemble(
        seen=seen.made(columns), trees=trees, start=start, link=link, float32=True, single=True,
        what=f"{type(model).__name__} of {len(trees)} trees",
    )  # fmt: skip


def _used(model: Any, forest: Mapping[str, Any]) -> int:
    """How many trees answer: with early stopping, those up to the best round."""
    starts: Sequence[int] = forest["iteration_indptr"]
    best = getattr(model, "best_iteration", None) if model.early_stopping_rounds else None
    return starts[-1] if best is None else starts[best + 1]


def _start(base_score: str, link: int, outputs: int) -> NDArray[np.float64]:
    """The scores before the first tree. The model stores them as answers."""
    base = np.array(json.loads(base_score), dtype=np.float32).reshape(-1)
    one = np.float32(1.0)
    with np.errstate(divide="ignore"):
        if link == SIGMOID:
            return np.array([-np.log(one / base[0] - one), 0.0], dtype=np.float64)
        if link == EXP:
            return np.log(base).astype(np.float64)
    return np.broadcast_to(base, (outputs,)).astype(np.float64)


def _coded(model: Any, seen: Seen) -> tuple[list[Column], dict[int, int]]:
    """What the trees read, and how many categories each choice has. XGBoost reads a category as its code, missing ones as NaN."""
    columns: list[Column] = []
    sizes: dict[int, int] = {}
    for at, column in enumerate(seen.columns):
        if isinstance(column, Levels) and column.category:
            if not model.enable_categorical:
                raise NotCompiled("XGBoost without enable_categorical cannot read a choice.")
            # The two places before the levels are missing to it, so NaN; a declared level has its own code.
            codes = [np.nan if c.is_gap(value) else float(max(code, 0)) for code, value in enumerate(column.values, start=-2)]
            sizes[at] = len(codes) - 2
            columns.append(then(Table(column.feature, np.array(codes)), Op(c.FILL, -1.0)))
        else:
            one = numeric(column)
            # A sparse matrix does not hold zeros, and what it does not hold is missing.
            columns.append(then(one, Op(c.REPLACE, 0.0, np.nan)) if seen.sparse else one)
    return columns, sizes


def _tree(tree: Mapping[str, Any], output: int, sizes: Mapping[int, int]) -> Tree:
    if int(tree["tree_param"].get("size_leaf_vector", "1")) > 1:
        raise NotCompiled("XGBoost with trees of several outputs is not compiled.")
    left, right = np.array(tree["left_children"], dtype=np.int64), np.array(tree["right_children"], dtype=np.int64)
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    feature = np.array(tree["split_indices"], dtype=np.int64)
    default_left = np.array(tree["default_left"], dtype=np.int64) > 0
    # "Below the condition" is "at most the float32 before it".
    threshold = np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64)
    bits = {}
    for node, first, size in zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True):
        known = sizes.get(int(feature[node]))
        if known is None:
            raise NotCompiled("XGBoost takes a number for a category; that is not compiled.")
        goes_right = np.zeros(known + 2, dtype=np.bool_)
        goes_right[:2] = not default_left[node]
        chosen = [code for code in tree["categories"][first : first + size] if code < known]
        goes_right[2 + np.array(chosen, dtype=np.int64)] = True
        bits[int(node)] = goes_right
    plain = (left >= 0) & np.isin(feature, list(sizes))
    if any(int(node) not in bits for node in np.flatnonzero(plain)):
        raise NotCompiled("XGBoost compares the codes of a choice; that is not compiled.")
    return Tree(
        left=left, right=right, feature=feature, threshold=threshold, missing_left=default_left,
        value=conditions.astype(np.float64)[:, None], weight=np.array(tree["sum_hessian"], dtype=np.float64), bits=bits, output=output,
    )  # fmt: skip


XGBOOST: Final[Mapping[str, Callable[[Any, Seen], Ensemble]]] = {
    "xgboost.XGBClassifier": _read,
    "xgboost.XGBRegressor": _read,
}
