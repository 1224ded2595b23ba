"""The steps before a model: pipelines and their selections, imputers and scalers of scikit-learn, as columns.

Only the exact classes of scikit-learn are known. A subclass may do anything, so it is left alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from farero.serving.compile import columns as c
from farero.serving.compile.columns import Column, Levels, Numeric, Op, Product, Seen, Table, numeric, then
from farero.serving.compile.encoders import one_hot, ordinal, target_encoder
from farero.serving.compile.refused import NotCompiled

Step = Callable[[Any, Seen], Seen]


def name_of(thing: object) -> str:
    """The full name of a thing's class, by which the compiler knows it without importing its library.

    scikit-learn's private modules move between versions, so of those only the public part counts.
    """
    kind = type(thing)
    public = [part for part in kind.__module__.split(".") if not part.startswith("_")]
    return ".".join((*public[:2], kind.__qualname__)) if public[0] == "sklearn" else ".".join((public[0], kind.__qualname__))


def transformed(step: Any, seen: Seen) -> Seen:
    """What a fitted transformer makes of the columns.

    Raises:
        NotCompiled: the step, or what it does here, is not among those that are compiled.
    """
    if step is None or isinstance(step, str) and step == "passthrough":
        return seen
    known = STEPS.get(name_of(step))
    if known is None:
        raise NotCompiled(f"{type(step).__name__} is not among the steps that are compiled.")
    check_names(step, seen)
    return known(step, seen)


def check_names(step: Any, seen: Seen) -> None:
    """A step that was fitted with names must meet them in the same order, as scikit-learn demands."""
    width = getattr(step, "n_features_in_", None)
    by_name = name_of(step) == "sklearn.compose.ColumnTransformer"
    if width is not None and width != len(seen.columns) and not by_name:
        raise NotCompiled(f"{type(step).__name__} was fitted on {width} columns and would meet {len(seen.columns)}.")
    names = getattr(step, "feature_names_in_", None)
    if names is not None and seen.names is not None and tuple(names) != seen.names and not by_name:
        raise NotCompiled(f"{type(step).__name__} was fitted on columns of other names or in another order.")


def pipeline(step: Any, seen: Seen) -> Seen:
    """Each step in turn."""
    for _, part in step.steps:
        seen = transformed(part, seen)
    return seen


def _column_transformer(step: Any, seen: Seen) -> Seen:
    columns: list[Column] = []
    guards = list(seen.guards)
    fitted_on = getattr(step, "feature_names_in_", None)
    for name, part, _ in step.transformers_:
        inputs = [int(at) for at in np.atleast_1d(step._transformer_to_input_indices[name])]
        if not inputs or isinstance(part, str) and part == "drop":
            continue
        if fitted_on is not None and seen.names is not None:
            places = {known: at for at, known in enumerate(seen.names)}
            if not all(fitted_on[at] in places for at in inputs):
                raise NotCompiled("The column transformer asks for columns that the rows have not.")
            inputs = [places[fitted_on[at]] for at in inputs]
        elif len(seen.columns) != step.n_features_in_:
            raise NotCompiled("The column transformer was fitted on another number of columns.")
        names = tuple(seen.names[at] for at in inputs) if seen.names else None
        given = transformed(part, Seen(tuple(seen.columns[at] for at in inputs), names))
        columns += given.columns
        guards += given.guards
    return Seen(tuple(columns), None, tuple(guards), sparse=bool(getattr(step, "sparse_output_", False)))


def _feature_union(step: Any, seen: Seen) -> Seen:
    columns: list[Column] = []
    guards = list(seen.guards)
    sparse = False
    for _, part in step.transformer_list:
        if isinstance(part, str) and part == "drop":
            continue
        given = transformed(part, Seen(seen.columns, seen.names, (), seen.sparse))
        weight = (step.transformer_weights or {}).get(_)
        columns += [then(numeric(one), Op(c.MULTIPLY, float(weight))) for one in given.columns] if weight is not None else given.columns
        guards += given.guards
        sparse = sparse or given.sparse
    return Seen(tuple(columns), None, tuple(guards), sparse)


def _each(seen: Seen, ops: Callable[[int], list[Op]]) -> Seen:
    return seen.made([then(numeric(column), *ops(at)) for at, column in enumerate(seen.columns)])


def _standard(step: Any, seen: Seen) -> Seen:
    return _shift_and_scale(seen, step.mean_ if step.with_mean else None, step.scale_ if step.with_std else None)


def _robust(step: Any, seen: Seen) -> Seen:
    return _shift_and_scale(seen, step.center_ if step.with_centering else None, step.scale_ if step.with_scaling else None)


def _shift_and_scale(seen: Seen, middle: Any, scale: Any) -> Seen:
    def ops(at: int) -> list[Op]:
        first = [] if middle is None else [Op(c.SUBTRACT, float(middle[at]))]
        return first if scale is None else [*first, Op(c.DIVIDE, float(scale[at]))]

    return _each(seen, ops)


def _min_max(step: Any, seen: Seen) -> Seen:
    low, high = (float(limit) for limit in step.feature_range)
    clip = [Op(c.CLIP, low, high)] if step.clip else []
    return _each(seen, lambda at: [Op(c.MULTIPLY, float(step.scale_[at])), Op(c.ADD, float(step.min_[at])), *clip])


def _max_abs(step: Any, seen: Seen) -> Seen:
    clip = [Op(c.CLIP, -1.0, 1.0)] if getattr(step, "clip", False) else []
    return _each(seen, lambda at: [Op(c.DIVIDE, float(step.scale_[at])), *clip])


def _binarizer(step: Any, seen: Seen) -> Seen:
    return _each(seen, lambda at: [Op(c.ABOVE, float(step.threshold))])


def _function(step: Any, seen: Seen) -> Seen:
    if step.func is not None:
        raise NotCompiled("A FunctionTransformer with a function of its own is not compiled.")
    return seen


def _polynomial(step: Any, seen: Seen) -> Seen:
    whole = [then(numeric(column), Op(c.FILL, c.REFUSED)) for column in seen.columns]
    made: list[Column] = []
    for powers in step.powers_.tolist():
        parts: list[Numeric] = [whole[at] for at, power in enumerate(powers) for _ in range(power)]
        made.append(then(Product(tuple(parts)), Op(c.FILL, c.REFUSED)) if len(parts) > 1 else parts[0] if parts else _ones(whole[0]))
    return seen.made(made, whole)


def _ones(like: Numeric) -> Numeric:
    # 1 for any number: whether it is above minus infinity.
    return then(like, Op(c.ABOVE, -math.inf))


def _selected(step: Any, seen: Seen) -> Seen:
    guards = []
    if not step.__sklearn_tags__().input_tags.allow_nan:
        guards = [then(numeric(column), Op(c.FILL, c.REFUSED)) for column in seen.columns]
    return seen.made([seen.columns[int(at)] for at in step.get_support(indices=True)], guards)


def _imputer(step: Any, seen: Seen) -> Seen:
    made: list[Column] = []
    guards: list[Numeric] = []
    for at, column in enumerate(seen.columns):
        statistic = step.statistics_[at]
        if not (isinstance(column, Levels) and column.category):
            guards += [] if c.is_gap(step.missing_values) else [then(numeric(column), Op(c.FILL, c.REFUSED))]
        if step.keep_empty_features or not _nothing(statistic):
            made.append(_filled(step, column, statistic))
    if step.indicator_ is not None:
        made += [_marked(step, seen.columns[int(at)]) for at in step.indicator_.features_]
    return seen.made(made, guards)


def _nothing(statistic: object) -> bool:
    return statistic is None or c.is_gap(statistic)


def _filled(step: Any, column: Column, statistic: Any) -> Column:
    if isinstance(column, Levels):
        return Levels(column.feature, tuple(statistic if _same(value, step.missing_values) else value for value in column.values))
    if c.is_gap(step.missing_values):
        return then(numeric(column), Op(c.FILL, float(statistic)))
    return then(numeric(column), Op(c.REPLACE, float(step.missing_values), float(statistic)))


def _marked(step: Any, column: Column) -> Column:
    if isinstance(column, Levels):
        return Table(column.feature, np.array([float(_same(value, step.missing_values)) for value in column.values]))
    if c.is_gap(step.missing_values):
        return then(numeric(column), Op(c.GAP))
    wanted = float(step.missing_values)
    return then(numeric(column), Op(c.SEARCH, 0.0, 0.0, np.array([wanted]), np.array([1.0])))


def _same(value: object, missing: object) -> bool:
    return c.is_gap(value) if c.is_gap(missing) else bool(value == missing)


STEPS: Final[Mapping[str, Step]] = {
    "sklearn.pipeline.Pipeline": pipeline,
    "sklearn.pipeline.FeatureUnion": _feature_union,
    "sklearn.compose.ColumnTransformer": _column_transformer,
    "sklearn.impute.SimpleImputer": _imputer,
    "sklearn.preprocessing.StandardScaler": _standard,
    "sklearn.preprocessing.RobustScaler": _robust,
    "sklearn.preprocessing.MinMaxScaler": _min_max,
    "sklearn.preprocessing.MaxAbsScaler": _max_abs,
    "sklearn.preprocessing.Binarizer": _binarizer,
    "sklearn.preprocessing.FunctionTransformer": _function,
    "sklearn.preprocessing.PolynomialFeatures": _polynomial,
    "sklearn.preprocessing.OneHotEncoder": one_hot,
    "sklearn.preprocessing.OrdinalEncoder": ordinal,
    "sklearn.preprocessing.TargetEncoder": target_encoder,
    "sklearn.feature_selection.VarianceThreshold": _selected,
    "sklearn.feature_selection.SelectKBest": _selected,
    "sklearn.feature_selection.SelectPercentile": _selected,
    "sklearn.feature_selection.SelectFromModel": _selected,
}
