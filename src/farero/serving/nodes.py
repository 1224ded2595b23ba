"""Rows that come to the nodes of a model's trees with just the values at which those decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from farero.core.field import Field
from farero.core.schema import Schema
from farero.serving.compile.columns import ADD, DIVIDE, MULTIPLY, SUBTRACT, Number, Op
from farero.serving.compile.ensemble import Ensemble, Tree
from farero.serving.probes import Matrix, allowed

MOST_NODES: Final = 20_000
"""Rows at most: a forest of 100 trees answers them in a quarter of a second."""
_MOST_CELLS: Final = 4_000_000


def at_nodes(schema: Schema, base: Matrix, ensemble: Ensemble, random: np.random.Generator, most: int = MOST_NODES) -> Matrix:
    """Rows of `base`, each moved so that it comes to one node, with a value at its threshold or next to it.

    For each node that splits a number there are two cases: the last value that goes left and the first that goes right, in the precision
    that the library compares in. Where that makes more than `most` rows, so many are drawn from all cases with equal chance.
    Where steps stand before the trees, their arithmetic is undone, which may miss a value by rounding: the values beside it are cases too.

    Returns:
        (n, features) float64, rows that the schema allows.
    """
    fields = schema.features
    numbers = [column if isinstance(column, Number) and undone(column.ops) else None for column in ensemble.seen.columns]
    inner = [np.flatnonzero(_splits_number(tree, numbers)) for tree in ensemble.trees]
    total = 2 * sum(nodes.size for nodes in inner)
    most = min(most, _MOST_CELLS // max(len(fields), len(numbers), 1))
    picked = np.sort(random.choice(total, most, replace=False)) if total > most else np.arange(total)
    rows: list[Matrix] = []
    first = 0
    for tree, nodes in zip(ensemble.trees, inner, strict=True):
        here = picked[(picked >= first) & (picked < first + 2 * nodes.size)] - first
        first += 2 * nodes.size
        if here.size:
            rows.append(_rows(fields, base, tree, nodes[here // 2], here % 2 == 1, numbers, ensemble.float32, random))
    return np.concatenate(rows) if rows else base[:0].copy()


def thresholds(ensemble: Ensemble) -> dict[int, Matrix]:
    """Each feature's values at which trees decide, by its position; steps before the trees undone."""
    found: dict[int, list[Matrix]] = {}
    for at, column in enumerate(ensemble.seen.columns):
        if isinstance(column, Number) and undone(column.ops):
            for tree in ensemble.trees:
                decides = (tree.left >= 0) & (tree.feature == at)
                decides[list(tree.bits)] = False
                found.setdefault(column.feature, []).append(_undo(tree.threshold[decides], column.ops))
    return {feature: np.unique(np.concatenate(values)) for feature, values in found.items()}


def undone(ops: Sequence[Op]) -> bool:
    """Whether what is done to a number is plain arithmetic, which can be undone."""
    return all(op.code in (SUBTRACT, DIVIDE, MULTIPLY, ADD) and (op.a or op.code in (SUBTRACT, ADD)) for op in ops)


def _undo(values: Matrix, ops: Sequence[Op]) -> Matrix:
    for op in reversed(ops):
        match op.code:
            case 2:
                values = values + op.a
            case 3:
                values = values * op.a
            case 4:
                values = values / op.a
            case _:
                values = values - op.a
    return values


def _turned(ops: Sequence[Op]) -> bool:
    """Whether larger becomes smaller."""
    return sum(op.code in (DIVIDE, MULTIPLY) and op.a < 0 for op in ops) % 2 == 1


def _splits_number(tree: Tree, numbers: Sequence[Number | None]) -> NDArray[np.bool_]:
    readable = np.array([number is not None for number in numbers])
    splits = tree.left >= 0
    splits[splits] = readable[tree.feature[splits]]
    splits[list(tree.bits)] = False
    return splits & np.isfinite(tree.threshold)


def _rows(
    fields: tuple[Field, ...], base: Matrix, tree: Tree, nodes: NDArray[np.int64], beyond: NDArray[np.bool_],
    numbers: Sequence[Number | None], float32: bool, random: np.random.Generator,
) -> Matrix:  # fmt: skip
    """One row a node and case: every number on the way to the node moved to where the way leads."""
    rows = base[random.integers(0, len(base), nodes.size)].copy()
    low, high = _box(tree, nodes, len(numbers), float32)
    place = np.arange(nodes.size)
    own = tree.feature[nodes]
    at = tree.threshold[nodes]
    value = _near(at, beyond, float32)
    for column, number in enumerate(numbers):
        if number is None:
            continue
        field = fields[number.feature]
        turned = _turned(number.ops)
        lowest, highest = _undo(low[:, column], number.ops), _undo(high[:, column], number.ops)
        if turned:
            lowest, highest = highest, lowest
        now = rows[:, number.feature]
        bounded = np.isfinite(lowest) | np.isfinite(highest)
        inside = (now > lowest) & (now <= highest)
        moved = np.where(bounded & ~inside, _between(field, lowest, highest), now)
        mine = own == column
        moved = np.where(mine, _undo(value, number.ops), moved).astype(np.float64)
        fits = allowed(field, moved) | np.isnan(moved) & np.isnan(now)
        rows[place[fits], number.feature] = moved[fits]
    return rows


def _between(field: Field, low: Matrix, high: Matrix) -> Matrix:
    """A value well inside each pair of limits that the field allows; one step away from the only limit where there is no other."""
    low = low if field.min is None else np.maximum(low, field.min)
    high = high if field.max is None else np.minimum(high, field.max)
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(low), np.where(np.isfinite(high), low / 2 + high / 2, low + 1.0), high - 1.0)


def _near(threshold: Matrix, beyond: NDArray[np.bool_], float32: bool) -> Matrix:
    """The last value that goes left of each threshold, or, where `beyond`, the first that goes right."""
    kind = np.float32 if float32 else np.float64
    with np.errstate(over="ignore"):
        left = threshold.astype(kind)
        left = np.where(left.astype(np.float64) > threshold, np.nextafter(left, kind(-np.inf)), left)
        return np.where(beyond, np.nextafter(left, kind(np.inf)), left).astype(np.float64)


def _box(tree: Tree, nodes: NDArray[np.int64], columns: int, float32: bool) -> tuple[Matrix, Matrix]:
    """Between which values, the lower one excluded, each column must lie to come to each node."""
    parent = np.full(len(tree.left), -1, dtype=np.int64)
    inner = np.flatnonzero(tree.left >= 0)
    parent[tree.left[inner]] = inner
    parent[tree.right[inner]] = inner
    low = np.full((nodes.size, columns), -np.inf)
    high = np.full((nodes.size, columns), np.inf)
    child, above = nodes, parent[nodes]
    categorical = np.zeros(len(tree.left), dtype=np.bool_)
    categorical[list(tree.bits)] = True
    while (going := np.flatnonzero(above >= 0)).size:
        up, down = above[going], child[going]
        numeric = ~categorical[up]
        going, up, down = going[numeric], up[numeric], down[numeric]
        column, limit, left = tree.feature[up], tree.threshold[up], tree.left[up] == down
        high[going[left], column[left]] = np.minimum(high[going[left], column[left]], limit[left])
        right = ~left
        low[going[right], column[right]] = np.maximum(low[going[right], column[right]], limit[right])
        child = np.where(above >= 0, above, child)
        above = np.where(above >= 0, parent[above], above)
    if float32:  # what lies strictly between the limits may still round onto one of them; the middle of a box does not
        low = np.where(np.isfinite(low), np.nextafter(low.astype(np.float32), np.float32(np.inf)).astype(np.float64), low)
    return low, high
