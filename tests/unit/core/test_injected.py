"""Drift put into windows on purpose: of the size asked for, and nothing else changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tests.unit.core.rows_of import columns

from farero.core import profile
from farero.core.injected import CHANGES, Change, inject, names, shifted, targets
from farero.core.profile import build_reference
from farero.core.reference import Reference
from farero.core.schema import Columns, Field, Schema
from farero.core.stacked import Stack, figures, stack

SCHEMA = Schema(
    fields=(
        Field(name="x", kind="number", missing=True), Field(name="y", kind="number"),
        Field(name="plan", kind="choice", levels=("a", "b", "c")),
        Field(name="active", kind="flag"), Field(name="since", kind="date"), Field(name="still", kind="number"),
    )
)  # fmt: skip


def table(n: int, seed: int) -> Columns:
    random = np.random.default_rng(seed)
    rows = columns(n, seed)
    return {
        "x": random.normal(10, 2, n), "y": random.normal(0, 1, n), "plan": rows["plan"], "active": rows["active"], "since": rows["since"],
        "still": np.full(n, 7.0),
    }  # fmt: skip


@pytest.fixture(scope="module")
def made() -> tuple[Reference, Stack]:
    reference = build_reference(SCHEMA, table(20_000, 0), None, np.repeat(np.arange(20), 1000))
    return reference, stack(reference, [profile.build(reference, table(4000, 1 + n)) for n in range(3)], [20, 21, 22])


@pytest.mark.row("M11")
@pytest.mark.parametrize("size", [0.25, 0.5, 1.0, -0.5])
def test_a_shift_in_counts_is_the_shift_of_the_rows(made: tuple[Reference, Stack], size: float) -> None:
    reference, windows = made
    moved = shifted(reference.columns[0], windows.columns[0].counts, size * (reference.columns[0].std or 0.0))
    rows = {**table(4000, 1), "x": table(4000, 1)["x"] + size * (reference.columns[0].std or 0.0)}
    true = profile.build(reference, rows).columns[0].counts
    assert moved[0].sum() == 4000
    assert np.abs(np.cumsum(moved[0] - true)).max() <= 0.004 * 4000


@given(st.lists(st.integers(0, 50), min_size=5, max_size=5), st.floats(-100, 100))
@settings(max_examples=200)
def test_a_shift_keeps_every_row(counts: list[int], by: float) -> None:
    column = build_reference(Schema(fields=(Field(name="x", kind="number"),)), {"x": np.repeat([1.0, 2.0, 4.0], 100)}).columns[0]
    held = np.array([(counts * 5)[: len(column.counts)]], dtype=np.int64)
    moved = shifted(column, held, by)
    assert moved.min() >= 0
    assert moved.sum() == held.sum()


def test_no_shift_changes_nothing(made: tuple[Reference, Stack]) -> None:
    reference, windows = made
    assert_array_equal(shifted(reference.columns[0], windows.columns[0].counts, 0.0), windows.columns[0].counts)


def test_each_change_is_of_its_size_and_in_its_place(made: tuple[Reference, Stack]) -> None:
    reference, windows = made
    empty = inject(reference, windows, Change(kind="missing", size=0.1), 1)
    assert (empty.columns[1].missing / empty.rows).tolist() == pytest.approx([0.1] * 3, abs=0.001)
    other = inject(reference, windows, Change(kind="share", size=0.1), 2)
    assert (other.columns[2].counts - windows.columns[2].counts).tolist() == [[-400, 400, 0]] * 3
    for changed, place in ((empty, 1), (other, 2)):
        assert all(changed.columns[at] is windows.columns[at] for at in range(6) if at != place)
        assert_array_equal(changed.rows, windows.rows)


def test_a_correlation_leaves_the_margins_as_they_were(made: tuple[Reference, Stack]) -> None:
    reference, windows = made
    change = Change(kind="correlation", size=0.5)
    (pair,) = [place for place in targets(reference, change) if reference.pairs.reshape(-1, 2)[place].tolist() == [0, 1]]
    bound = inject(reference, windows, change, pair)
    assert all(bound.columns[at] is windows.columns[at] for at in range(6))
    before = windows.pair_hits[:, pair] / windows.pair_rows[:, pair]
    after = bound.pair_hits[:, pair] / bound.pair_rows[:, pair]
    assert before.tolist() == pytest.approx([0.25] * 3, abs=0.03)
    assert (after - before).tolist() == pytest.approx([1 / 12] * 3, abs=0.005)
    others = [place for place in range(windows.pair_hits.shape[1]) if place != pair]
    assert_array_equal(bound.pair_hits[:, others], windows.pair_hits[:, others])


def test_a_shift_takes_its_pairs_along(made: tuple[Reference, Stack]) -> None:
    reference, windows = made
    moved = inject(reference, windows, Change(kind="shift", size=1.0), 0)
    pair = next(place for place, ends in enumerate(reference.pairs.reshape(-1, 2).tolist()) if ends == [0, 1])
    rows = {**table(4000, 1), "x": table(4000, 1)["x"] + (reference.columns[0].std or 0.0)}
    true = profile.build(reference, rows).pair_hits[pair]
    assert abs(int(moved.pair_hits[0, pair]) - int(true)) < 0.02 * 4000


def test_changes_go_only_where_they_can(made: tuple[Reference, Stack]) -> None:
    reference, _ = made
    where = {change.name: names(reference, change, targets(reference, change)) for change in CHANGES}
    assert where["shift 0.25 σ"] == ["x", "y"]
    assert where["10% missing"] == ["x", "plan", "still"] or len(where["10% missing"]) == 3
    assert where["10% other level"] == ["plan", "active"]
    assert where["correlation 0.5"] == ["x and y"]
    assert targets(reference, CHANGES[3], most=1) == [0]


def test_a_shift_is_seen_by_the_figures(made: tuple[Reference, Stack]) -> None:
    reference, windows = made
    moved = inject(reference, windows, Change(kind="shift", size=0.5), 1)
    seen = figures(reference.columns[1], moved.columns[1], reference.rows)
    assert seen.distance.tolist() == pytest.approx([0.197] * 3, abs=0.03)  # 2 Phi(0.25) - 1


def test_references_without_pairs_are_no_obstacle(made: tuple[Reference, Stack]) -> None:
    reference, windows = made
    old = Stack(
        numbers=windows.numbers, rows=windows.rows, columns=windows.columns, pair_hits=windows.pair_hits[:, :0],
        pair_rows=windows.pair_rows[:, :0],
    )  # fmt: skip
    assert inject(reference, old, Change(kind="correlation", size=0.5), 0) is old
    assert inject(reference, old, Change(kind="missing", size=0.1), 0).pair_rows.shape == (3, 0)
