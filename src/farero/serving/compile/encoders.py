"""Encoders of categories, as columns: what each known category, a missing one and an unknown one become."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from farero.serving.compile import columns as c
from farero.serving.compile.columns import Column, Levels, Numeric, Op, Seen, Table, numeric, then
from farero.serving.compile.refused import NotCompiled

Coder = Callable[[int | None], float]
"""From the index of a category, or None for an unknown one, to the number it becomes."""


def one_hot(step: Any, seen: Seen) -> Seen:
    """OneHotEncoder: a column a category, less the dropped ones, with the infrequent ones as one."""
    made: list[Column] = []
    guards: list[Numeric] = []
    for at, column in enumerate(seen.columns):
        slot = _slots(step, at)
        made += [_coded(column, step.categories_[at], _is(slot, place)) for place in range(step._n_features_outs[at])]
        if step.handle_unknown == "error":
            guards.append(_coded(column, step.categories_[at], lambda index: c.REFUSED if index is None else 0.0))
    given = seen.made(made, guards)
    return Seen(given.columns, None, given.guards, sparse=bool(step.sparse_output))


def _slots(step: Any, at: int) -> Callable[[int | None], int]:
    """Which of its columns a category sets; -1 for none."""
    grouped = getattr(step, "_infrequent_enabled", False)
    mapping = step._default_to_infrequent_mappings[at] if grouped else None
    infrequent = step._infrequent_indices[at] if grouped else None
    dropped = None if step._drop_idx_after_grouping is None else step._drop_idx_after_grouping[at]

    def slot(index: int | None) -> int:
        if index is None:
            if step.handle_unknown not in ("infrequent_if_exist", "warn") or infrequent is None:
                return -1
            index = int(infrequent[0])
        if mapping is not None:
            index = int(mapping[index])
        if dropped is None or index < dropped:
            return index
        return -1 if index == dropped else index - 1

    return slot


def _is(slot: Callable[[int | None], int], place: int) -> Coder:
    return lambda index: float(slot(index) == place)


def ordinal(step: Any, seen: Seen) -> Seen:
    """OrdinalEncoder: the category's number, with values of their own for unknown and missing ones."""
    made: list[Column] = []
    for at, column in enumerate(seen.columns):
        grouped = getattr(step, "_infrequent_enabled", False)
        mapping = step._default_to_infrequent_mappings[at] if grouped else None
        gap = step._missing_indices.get(at)
        made.append(_coded(column, step.categories_[at], _number(step, mapping, gap)))
    return seen.made(made)


def _number(step: Any, mapping: Any, gap: int | None) -> Coder:
    unknown = float(step.unknown_value) if step.handle_unknown == "use_encoded_value" else c.REFUSED

    def number(index: int | None) -> float:
        if index is None:
            return unknown
        if index == gap:
            return float(step.encoded_missing_value)
        return float(index if mapping is None else mapping[index])

    return number


def target_encoder(step: Any, seen: Seen) -> Seen:
    """TargetEncoder for a number or two classes: the mean label of the category, of all rows for an unknown one."""
    if step.target_type_ == "multiclass":
        raise NotCompiled("A TargetEncoder for more than two classes is not compiled.")
    made = []
    for at, column in enumerate(seen.columns):
        made.append(_coded(column, step.categories_[at], _mean(step.encodings_[at], float(step.target_mean_))))
    return seen.made(made)


def _mean(encodings: Any, otherwise: float) -> Coder:
    return lambda index: otherwise if index is None else float(encodings[index])


def _coded(column: Column, categories: Any, coder: Coder) -> Numeric:
    """The column with every category replaced by its number."""
    places: dict[object, int] = {}
    gap: int | None = None
    for index, category in enumerate(categories.tolist()):
        if category is None:
            raise NotCompiled("An encoder that knows None as a category is not compiled.")
        if c.is_gap(category):
            gap = index
        else:
            places[category] = index

    def of(value: object) -> float:
        return coder(gap if c.is_gap(value) else places.get(value))

    if isinstance(column, Levels):
        return Table(column.feature, np.array([of(value) for value in column.values]))
    column = numeric(column)
    if isinstance(column, Table):
        return Table(column.feature, np.array([c.REFUSED if value == c.REFUSED else of(value) for value in column.values.tolist()]))
    if not all(isinstance(category, (int, float)) for category in places):
        raise NotCompiled("An encoder meets a number where it knows texts.")
    keys = sorted(places, key=lambda category: float(category))  # type: ignore[arg-type]
    found = np.array([coder(places[key]) for key in keys])
    return then(column, Op(c.SEARCH, of(math.nan), coder(None), np.array([float(key) for key in keys]), found))  # type: ignore[arg-type]
