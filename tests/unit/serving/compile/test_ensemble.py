from __future__ import annotations

import numpy as np
import pytest

from farero.core.schema import Field, Schema
from farero.serving.compile.columns import whole_frame
from farero.serving.compile.ensemble import Ensemble, Packed, Tree, decides_alike, float32_at_most

SCHEMA = Schema(fields=(Field(name="a", kind="number"),))


def _stump(threshold: float, left: float, right: float) -> Tree:
    return Tree(
        left=np.array([2, -1, -1]), right=np.array([1, -1, -1]), feature=np.array([0, 0, 0]), threshold=np.array([threshold, 0.0, 0.0]),
        missing_left=np.array([True, False, False]), value=np.array([[0.0], [right], [left]]), weight=np.array([3.0, 1.0, 2.0]), bits={},
    )  # fmt: skip


def _answers(ensemble: Ensemble, values: list[float]) -> list[float]:
    packed = Packed(ensemble, np.zeros(1, np.int64), 1)
    rows, answers = np.array(values)[:, None].copy(), np.empty((len(values), 1))
    scratch = np.empty(packed.scratch_bytes, np.uint8)
    state = packed.state(1)
    packed.kernel(state.ctypes.data, rows.ctypes.data, answers.ctypes.data, scratch.ctypes.data, len(values))
    return answers[:, 0].tolist()


@pytest.mark.parametrize("float32", [True, False])
def test_every_row_of_any_number_of_rows_meets_every_tree(float32: bool) -> None:
    trees = [_stump(float(at), 1.0, 100.0) for at in range(19)]
    ensemble = Ensemble(seen=whole_frame(SCHEMA), trees=trees, start=np.array([0.5]), float32=float32)
    for count in (1, 15, 16, 17, 70):
        values = [float(at % 20) for at in range(count)]
        assert _answers(ensemble, values) == [0.5 + sum(1.0 if value <= at else 100.0 for at in range(19)) for value in values]


@pytest.mark.parametrize("float32", [True, False])
def test_gaps_go_where_the_node_says_or_to_the_original(float32: bool) -> None:
    trees = [_stump(0.0, 1.0, 2.0)]
    seen = whole_frame(SCHEMA)
    assert _answers(Ensemble(seen=seen, trees=trees, start=np.zeros(1), float32=float32), [np.nan, 5.0]) == [1.0, 2.0]
    refused = _answers(Ensemble(seen=seen, trees=trees, start=np.zeros(1), float32=float32, gaps=False), [np.nan, 5.0])
    assert np.isnan(refused[0]) and refused[1] == 2.0


def test_a_threshold_becomes_the_last_float32_that_is_still_at_most_it() -> None:
    cuts = np.array([0.1, 0.5, -0.1, 1e30])
    got = float32_at_most(cuts)
    assert (got.astype(np.float64) <= cuts).all()
    assert (np.nextafter(got, np.float32(np.inf)).astype(np.float64) > cuts).all()


@pytest.mark.row("S11")
def test_a_packed_threshold_that_is_off_by_one_float32_is_seen_at_any_node() -> None:
    random = np.random.default_rng(3)
    thresholds = np.concatenate(
        [random.normal(size=2000), random.normal(size=500).astype(np.float32).astype(np.float64), [0.0, np.inf, 1e300, -1e300]]
    )
    packed = float32_at_most(thresholds)
    assert decides_alike(thresholds, packed)
    for at in range(0, 2500, 250):
        for towards in (-np.inf, np.inf):
            spoilt = packed.copy()
            spoilt[at] = np.nextafter(spoilt[at], np.float32(towards))
            assert not decides_alike(thresholds, spoilt)
