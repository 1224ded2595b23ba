"""LightGBM's models, read from the text that they are stored as into an `Ensemble`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from farero.serving.compile import columns as c
from farero.serving.compile.columns import Column, Levels, Numeric, Op, Seen, Table, numeric, then
from farero.serving.compile.ensemble import Ensemble, Tree
from farero.serving.compile.links import EXP, IDENTITY, SIGMOID, SOFTMAX
from farero.serving.compile.refused import NotCompiled

_CATEGORIES, _DEFAULT_LEFT = 1, 2
_MISSING_IS_ZERO, _MISSING_IS_NAN = 1, 2
_IDENTITY = frozenset("regression regression_l1 huber fair quantile mape".split())
_EXP = frozenset("poisson gamma tweedie".split())


def _read(model: Any, seen: Seen) -> Ensemble:
    booster = getattr(model, "booster_", model)
    if booster.num_feature() != len(seen.columns):
        raise NotCompiled(f"The model reads {booster.num_feature()} columns and would meet {len(seen.columns)}.")
    head, *parts = booster.model_to_string().split("\nTree=")
    fields = _fields(head)
    columns = _coded(booster, seen)
    made: list[Column] = [numeric(column) for column in columns]
    outputs = int(fields.get("num_class", "1"))
    trees = [_tree(_fields(part), at % outputs, made) for at, part in enumerate(parts)]
    link, scale = _link(fields, outputs)
    divisor = max(len(trees) // outputs, 1) if "average_output" in fields else 1
    for tree in trees:
        if scale / divisor != 1.0:
            np.multiply(tree.value, scale / divisor, out=tree.value)
    start = np.zeros(2 if link == SIGMOID else outputs)
    return Ensemble(seen=seen.made(made), trees=trees, start=start, link=link, what=f"{type(model).__name__} of {len(trees)} trees")


def _fields(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.split("\n\n\n")[0].splitlines())
    return {key: value for key, _, value in lines}


def _link(fields: Mapping[str, str], outputs: int) -> tuple[int, float]:
    """The link, and what the sum is multiplied with before it."""
    name, *settings = fields.get("objective", "none").split()
    if name == "binary":
        scale = next((float(setting.partition(":")[2]) for setting in settings if setting.startswith("sigmoid:")), 1.0)
        return SIGMOID, scale
    if name == "cross_entropy":
        return SIGMOID, 1.0
    if name == "multiclass" and outputs > 1:
        return SOFTMAX, 1.0
    if name in _IDENTITY and "sqrt" not in settings:
        return IDENTITY, 1.0
    if name in _EXP:
        return EXP, 1.0
    raise NotCompiled(f"LightGBM with the objective {' '.join((name, *settings))} is not compiled.")


def _coded(booster: Any, seen: Seen) -> list[Column]:
    """LightGBM reads a category as its code among those it was trained on, and missing or unknown ones as NaN."""
    known = booster.pandas_categorical or []
    choices = [at for at, column in enumerate(seen.columns) if isinstance(column, Levels) and column.category]
    if len(choices) != len(known):
        raise NotCompiled("LightGBM was trained on other choices than the schema has.")
    columns = list(seen.columns)
    for at, categories in zip(choices, known, strict=True):
        column = columns[at]
        assert isinstance(column, Levels)
        places = {category: float(code) for code, category in enumerate(categories)}
        columns[at] = Table(column.feature, np.array([np.nan if c.is_gap(v) else places.get(v, np.nan) for v in column.values]))
    return columns


def _tree(fields: Mapping[str, str], output: int, columns: list[Column]) -> Tree:
    if fields.get("is_linear", "0") == "1":
        raise NotCompiled("LightGBM with linear trees is not compiled.")
    leaves = int(fields["num_leaves"])
    inner = leaves - 1
    value = np.array(fields["leaf_value"].split(), dtype=np.float64)

    def ints(name: str, size: int) -> NDArray[np.int64]:
        return np.array(fields.get(name, "").split() or ["0"] * size, dtype=np.float64).astype(np.int64)

    left, right, kinds = ints("left_child", inner), ints("right_child", inner), ints("decision_type", inner)
    feature = ints("split_feature", inner)
    threshold = np.array(fields.get("threshold", "").split(), dtype=np.float64)
    missing = kinds >> 2 & 3
    if (missing == _MISSING_IS_ZERO).any():
        raise NotCompiled("LightGBM that takes zero for missing is not compiled.")
    # Where training met no NaN, NaN counts as zero.
    missing_left = np.where(missing == _MISSING_IS_NAN, (kinds & _DEFAULT_LEFT) > 0, threshold >= 0.0)
    bits = {}
    for at in np.flatnonzero(kinds & _CATEGORIES).tolist():
        size = _made_codes(columns, int(feature[at]))
        bounds, words = ints("cat_boundaries", 0), np.array(fields["cat_threshold"].split(), dtype=np.uint32)
        which = int(threshold[at])
        chosen = words[bounds[which] : bounds[which + 1]].astype("<u4").view(np.uint8)
        goes_left = np.zeros(max(size, len(chosen) * 8), dtype=np.bool_)
        goes_left[: len(chosen) * 8] = np.unpackbits(chosen, bitorder="little")
        bits[at] = np.concatenate([[True, True], ~goes_left[:size]])
    # Children of at least 0 are splits; -1 and below count the leaves, which are put behind the splits here.
    ends = np.full(leaves, -1)
    none = np.zeros(leaves)
    return Tree(
        left=np.concatenate([np.where(left < 0, inner - 1 - left, left), ends]),
        right=np.concatenate([np.where(right < 0, inner - 1 - right, right), ends]),
        feature=np.concatenate([feature, none.astype(np.int64)]),
        threshold=np.concatenate([threshold, none]),
        missing_left=np.concatenate([missing_left, none > 0]),
        value=np.concatenate([np.zeros(inner), value])[:, None],
        weight=np.concatenate([ints("internal_count", inner), ints("leaf_count", leaves)]).astype(np.float64),
        bits=bits,
        output=output,
    )


def _made_codes(columns: list[Column], at: int) -> int:
    """Turn a column whose categories are split into codes from -1 on, in place. Returns one more than the largest."""
    column: Numeric = numeric(columns[at])
    if not isinstance(column, Table):
        raise NotCompiled("LightGBM takes a number for a category; that is not compiled.")
    filled = then(column, Op(c.FILL, -1.0))
    assert isinstance(filled, Table)
    finite = filled.values[np.isfinite(filled.values)]
    codes = np.where(np.isfinite(filled.values), np.maximum(np.trunc(filled.values), -1.0), filled.values)
    columns[at] = Table(column.feature, codes)
    return int(max(finite.max(initial=0.0), 0.0)) + 1


LIGHTGBM: Final[Mapping[str, Callable[[Any, Seen], Ensemble]]] = {
    "lightgbm.LGBMClassifier": _read,
    "lightgbm.LGBMRegressor": _read,
    "lightgbm.Booster": _read,
}
