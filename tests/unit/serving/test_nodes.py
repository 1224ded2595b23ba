"""Rows that come to every node: walked here by hand, with the trees' own comparison."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from farero.core.matrix import to_columns
from farero.core.schema import Field, Schema
from farero.project.frame import frame
from farero.serving import nodes
from farero.serving.compile.columns import MULTIPLY, SUBTRACT, Number, Op, whole_frame
from farero.serving.compile.ensemble import Ensemble, Tree

SCHEMA = Schema(
    fields=(*(Field(name=f"x{i}", kind="number", missing=i == 1) for i in range(3)), Field(name="part", kind="number", min=0, max=1))
)
TREES = 10


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def _rows(count: int = 2000) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    rows = np.concatenate([random().normal(size=(count, 3)), random().random((count, 1))], axis=1)
    rows[::10, 1] = np.nan
    return rows


def _forest(*, scaled: bool, leaves: int = 60) -> tuple[Ensemble, object]:
    rows = _rows()
    forest = RandomForestRegressor(TREES, max_leaf_nodes=leaves, random_state=0)
    model = make_pipeline(StandardScaler(), forest) if scaled else forest
    model.fit(frame(SCHEMA, to_columns(SCHEMA, rows)), np.nan_to_num(rows[:, 1]) * rows[:, 0] + rows[:, 3])
    trees = []
    for member in forest.estimators_:
        t = member.tree_
        trees.append(Tree(
            left=t.children_left, right=t.children_right, feature=t.feature, threshold=t.threshold,
            missing_left=t.missing_go_to_left.astype(np.bool_), value=t.value[:, 0, :], weight=t.n_node_samples.astype(float), bits={},
        ))  # fmt: skip
    seen = whole_frame(SCHEMA)
    if scaled:
        scaler = model[0]
        columns = [Number(at, (Op(SUBTRACT, float(scaler.mean_[at])), Op(3, float(scaler.scale_[at])))) for at in range(4)]
        seen = replace(seen, columns=tuple(columns))
    return Ensemble(seen=seen, trees=trees, start=np.zeros(1), float32=True), model


def _tried(ensemble: Ensemble, values: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> tuple[int, int]:
    """How many sides of nodes there are, and how many are come to with the value at which the node decides."""
    sides, tried = 0, 0
    for tree in ensemble.trees:
        limit = tree.threshold.astype(np.float32)
        limit = np.where(limit > tree.threshold, np.nextafter(limit, np.float32(-np.inf)), limit)
        left, right = np.zeros(len(limit), dtype=bool), np.zeros(len(limit), dtype=bool)
        place = np.zeros(len(values), dtype=np.intp)
        while (going := np.flatnonzero(tree.left[place] >= 0)).size:
            node = place[going]
            value = values[going, tree.feature[node]]
            left[node[value == limit[node]]] = True
            right[node[value == np.nextafter(limit[node], np.float32(np.inf))]] = True
            goes_left = np.where(np.isnan(value), tree.missing_left[node], value <= tree.threshold[node])
            place[going] = np.where(goes_left, tree.left[node], tree.right[node])
        inner = tree.left >= 0
        sides += 2 * int(inner.sum())
        tried += int(left[inner].sum() + right[inner].sum())
    return sides, tried


@pytest.mark.row("S11")
def test_every_node_is_come_to_with_the_last_value_that_goes_left_and_the_first_that_goes_right() -> None:
    ensemble, _ = _forest(scaled=False)
    rows = nodes.at_nodes(SCHEMA, _rows(500), ensemble, random())
    sides, tried = _tried(ensemble, rows.astype(np.float32))
    assert sides == len(rows) > 1000
    assert tried == sides


@pytest.mark.row("S11")
def test_behind_a_scaler_nearly_every_node_is_come_to() -> None:
    ensemble, model = _forest(scaled=True)
    rows = nodes.at_nodes(SCHEMA, _rows(500), ensemble, random())
    scaled = model[0].transform(frame(SCHEMA, to_columns(SCHEMA, rows)))  # type: ignore[index]
    sides, tried = _tried(ensemble, scaled.astype(np.float32))
    assert tried > 0.98 * sides


def test_every_row_is_one_that_the_schema_allows() -> None:
    ensemble, _ = _forest(scaled=False)
    rows = nodes.at_nodes(SCHEMA, _rows(500), ensemble, random())
    assert rows[:, 3].min() >= 0 and rows[:, 3].max() <= 1
    assert not np.isinf(rows).any()
    assert not np.isnan(rows[:, [0, 2, 3]]).any()


def test_of_more_cases_than_rows_as_many_are_drawn_the_same_ones_each_time() -> None:
    ensemble, _ = _forest(scaled=False)
    rows = nodes.at_nodes(SCHEMA, _rows(500), ensemble, random(), most=200)
    assert len(rows) == 200
    assert _tried(ensemble, rows.astype(np.float32))[1] >= 200
    assert rows.tobytes() == nodes.at_nodes(SCHEMA, _rows(500), ensemble, random(), most=200).tobytes()


def test_thresholds_are_told_by_feature_as_rows_hold_them() -> None:
    plain, _ = _forest(scaled=False)
    found = nodes.thresholds(plain)
    expected = np.unique(np.concatenate([tree.threshold[tree.feature == 2] for tree in plain.trees]))
    assert sorted(found) == [0, 1, 2, 3]
    assert found[2].tolist() == expected.tolist()
    scaled, model = _forest(scaled=True)
    scaler = model[0]  # type: ignore[index]
    inner = np.unique(np.concatenate([tree.threshold[tree.feature == 2] for tree in scaled.trees]))
    assert nodes.thresholds(scaled)[2] == pytest.approx(inner * scaler.scale_[2] + scaler.mean_[2])


def test_nodes_that_split_categories_and_columns_that_cannot_be_undone_have_no_rows() -> None:
    ensemble, _ = _forest(scaled=False)
    categorical = replace(ensemble, trees=[replace(tree, bits=dict.fromkeys(range(len(tree.left)))) for tree in ensemble.trees])  # type: ignore[arg-type]
    assert nodes.at_nodes(SCHEMA, _rows(50), categorical, random()).shape == (0, 4)
    clipped = replace(ensemble, seen=replace(ensemble.seen, columns=tuple(Number(at, (Op(6, 0.0, 1.0),)) for at in range(4))))
    assert nodes.at_nodes(SCHEMA, _rows(50), clipped, random()).shape == (0, 4)
    assert nodes.thresholds(clipped) == {}


def test_plain_arithmetic_can_be_undone_but_not_a_multiplication_with_nothing() -> None:
    assert nodes.undone(()) and nodes.undone((Op(SUBTRACT, 0.0), Op(MULTIPLY, -2.0)))
    assert not nodes.undone((Op(MULTIPLY, 0.0),))


def test_a_factor_below_zero_turns_the_way_round() -> None:
    schema = Schema(fields=(Field(name="x", kind="number"),))
    tree = Tree(
        left=np.array([1, 3, -1, -1, -1]), right=np.array([2, 4, -1, -1, -1]), feature=np.zeros(5, dtype=np.int64),
        threshold=np.array([2.0, -4.0, 0, 0, 0]), missing_left=np.zeros(5, dtype=np.bool_), value=np.zeros((5, 1)),
        weight=np.ones(5), bits={},
    )  # fmt: skip
    seen = replace(whole_frame(schema), columns=(Number(0, (Op(MULTIPLY, -2.0),)),))
    rows = nodes.at_nodes(schema, np.zeros((1, 1)), Ensemble(seen=seen, trees=[tree], start=np.zeros(1)), random())
    assert sorted((rows[:, 0] * -2.0).tolist()) == [-4.0, np.nextafter(-4.0, 0), 2.0, np.nextafter(2.0, 3)]
