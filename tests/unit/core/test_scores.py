"""Every row of a profile falls into the cells once, and each score is the mean that its definition says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.core.days_of_scores import reference_of, window
from tests.unit.core.rows_of import SCHEMA, columns, outputs

from farero.core import profile, scores
from farero.core.profile import ColumnProfile, Profile
from farero.core.reference import freeze_values
from farero.core.schema import NEW_CODE, Columns, Field, Schema
from farero.core.scores import Layout, WindowScores

REFERENCE, PLAN, _ = reference_of(10)


def means(plan: Layout, seen: WindowScores) -> dict[tuple[str, str | None], float]:
    counts = scores.atoms(plan, seen.cells)
    rows = np.add.reduceat(counts, plan.starts)
    total = np.add.reduceat(counts * plan.values, plan.starts)
    names = [("+".join(score.columns) + " " + score.kind, score.level) for score in plan.scores]
    return {name: float(t / n) if n else float("nan") for name, t, n in zip(names, total, rows, strict=True)}


@pytest.mark.row("M2")
def test_scores_of_two_hand_made_columns_are_what_the_definitions_say() -> None:
    # Four values, each held by a quarter of the reference: mid-ranks 1/8, 3/8, 5/8, 7/8. The flag is true where x is 3 or 4.
    schema = Schema(fields=(Field(name="x", kind="number", missing=True), Field(name="f", kind="flag")))
    x = np.tile([1.0, 2.0, 3.0, 4.0], 100)
    reference = profile.build_reference(schema, {"x": x, "f": (x > 2).astype(np.int8)})
    plan = scores.layout(reference)
    now = {"x": np.array([1.0, 4.0, 4.0, np.nan, 9.0]), "f": np.array([0, 1, 0, 1, 1], dtype=np.int8)}
    found = means(plan, scores.read(plan, profile.build(reference, now), 3))
    # 9 lies above all of the reference, mid-rank 1, but shares the group of rank 7/8 .. 1 with nothing else.
    assert found["x location", None] == pytest.approx((0.125 + 0.875 + 0.875 + 1.0) / 4)
    assert found["x spread", None] == pytest.approx((3 * 0.75**2 + 1.0) / 4)
    assert found["x missing", None] == pytest.approx(1 / 5)
    assert found["x outside", None] == pytest.approx(1 / 4)
    assert found["x infinite", None] == 0
    assert found["f category", "true"] == pytest.approx(3 / 5)
    # Rows with a value of x: x > 2 and f in one of four.
    assert found["x+f pair", None] == pytest.approx(2 / 4)


def test_the_reference_itself_has_location_one_half_and_spread_one_third() -> None:
    table = columns(4000, 1, missing=0.02)
    reference = profile.build_reference(SCHEMA, table)
    plan = scores.layout(reference)
    found = means(plan, scores.read(plan, profile.build(reference, table), 0))
    assert found["amount location", None] == pytest.approx(0.5, abs=1e-12)
    assert found["amount spread", None] == pytest.approx(1 / 3, abs=2e-3)
    shares = [found["plan category", level] for level in ("free", "basic", "pro")]
    assert sum(shares) == pytest.approx(1.0)


def test_new_levels_infinite_and_missing_values_are_shares_of_their_own() -> None:
    table = columns(100, 5)
    plan_codes = table["plan"].copy()
    plan_codes[:30] = NEW_CODE
    amount = table["amount"].copy()
    amount[:20], amount[20:25] = np.nan, np.inf
    found = means(PLAN, window(REFERENCE, {**table, "plan": plan_codes, "amount": amount}, 0))
    assert found["plan new", None] == pytest.approx(0.3)
    assert found["amount missing", None] == pytest.approx(0.2)
    assert found["amount infinite", None] == pytest.approx(0.05)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 2**20))
def test_cells_of_merged_windows_are_the_sum_of_their_cells(n: int, m: int, seed: int) -> None:
    parts = [profile.build(REFERENCE, columns(rows, seed + i, missing=0.1)) for i, rows in enumerate((n, m))]
    a, b = (scores.read(PLAN, part, 0).cells for part in parts)
    assert np.array_equal(scores.read(PLAN, profile.merge(*parts), 0).cells, a + b)


def test_every_row_of_a_column_is_in_one_cell_of_values_or_missing() -> None:
    table = columns(300, 8, missing=0.3)
    cells = window(REFERENCE, table, 0).cells
    for column in PLAN.columns:
        rows, missing, infinite, new = cells[column.first : column.first + 4].tolist()
        groups = int(cells[column.groups_from() : column.groups_from() + column.groups].sum())
        assert rows == 300
        assert groups + missing + infinite + new == 300


def test_dates_are_watched_for_missing_values_only() -> None:
    assert {score.kind for score in PLAN.scores if "since" in score.columns} == {"missing"}


def test_choices_have_their_ten_largest_levels_and_the_rest() -> None:
    levels = tuple(f"l{i:02}" for i in range(15))
    schema = Schema(fields=(Field(name="c", kind="choice", levels=levels),))
    codes = np.repeat(np.arange(15), np.arange(15, 0, -1)).astype(np.int32)
    plan = scores.layout(profile.build_reference(schema, {"c": codes}))
    watched = [score.level for score in plan.scores if score.kind == "category"]
    assert watched == [*levels[:10], ""]
    flags = Schema(fields=(Field(name="f", kind="flag"),))
    of_flag = scores.layout(profile.build_reference(flags, {"f": np.array([0, 1], dtype=np.int8)}))
    assert [score.level for score in of_flag.scores if score.kind == "category"] == ["true"]


def test_a_column_without_values_in_the_reference_is_watched_for_missing_ones_alone() -> None:
    schema = Schema(fields=(Field(name="x", kind="number", missing=True),))
    reference = profile.build_reference(schema, {"x": np.full(10, np.nan)})
    plan = scores.layout(reference)
    assert [score.kind for score in plan.scores] == ["missing"]
    assert scores.read(plan, profile.build(reference, {"x": np.array([1.0, np.nan])}), 0).cells[:2].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("values", "said"), [([7.0, 7.0], 1), ([7.0, 8.0], 0), ([7.0], -1), ([np.nan, np.nan], -1), ([7.0, np.nan, 7.0], 1)]
)
def test_a_window_of_one_repeated_value_is_constant(values: list[float], said: int) -> None:
    schema = Schema(fields=(Field(name="x", kind="number", missing=True),))
    reference = profile.build_reference(schema, {"x": np.arange(100.0)})
    plan = scores.layout(reference)
    assert scores.read(plan, profile.build(reference, {"x": np.array(values)}), 0).constant.tolist() == [said]


def test_one_new_level_in_every_row_is_constant_and_two_are_not() -> None:
    codes = np.full(10, NEW_CODE, dtype=np.int32)
    table: Columns = {**columns(10), "plan": codes}
    place = [column.name for column in PLAN.columns].index("plan")
    for named, said in (({"gold": 10}, 1), ({"gold": 5, "tin": 5}, 0)):
        made = profile.build(REFERENCE, table, None, {"plan": named})
        assert scores.read(PLAN, made, 0).constant[place] == said


@pytest.mark.row("M3")
def test_the_models_own_answers_are_a_column_in_a_family_of_their_own() -> None:
    reference = profile.build_reference(SCHEMA, columns(500), outputs(500))
    plan = scores.layout(reference)
    kinds = [score.kind for score in plan.scores if score.family == "prediction"]
    assert kinds == ["location", "spread"]
    made = profile.build(reference, columns(200, 1), outputs(200, 1))
    assert means(plan, scores.read(plan, made, 0))["prediction location", None] == pytest.approx(0.5, abs=0.1)


def test_weights_lay_out_the_whole_budget_and_the_same_for_each_column_of_a_family() -> None:
    each, constant = scores.weights(PLAN)
    assert each.sum() + constant.sum() == pytest.approx(1.0)
    of_pairs = [w for w, score in zip(each, PLAN.scores, strict=True) if score.kind == "pair"]
    assert len(of_pairs) == 3
    assert np.ptp(of_pairs) == 0
    location = sum(w for w, score in zip(each, PLAN.scores, strict=True) if score.kind == "location")
    spread = sum(w for w, score in zip(each, PLAN.scores, strict=True) if score.kind == "spread")
    assert location / spread == pytest.approx(scores.SHARES["location"] / scores.SHARES["spread"])


def test_a_loss_is_a_layout_of_its_own() -> None:
    ref = freeze_values("loss", "number", np.repeat([0.0, 1.0], [900, 100]), 0)
    plan = scores.column_layout(ref)
    now = ColumnProfile(name="loss", counts=np.bincount(np.searchsorted(ref.edges, [0.0] * 3 + [1.0]), minlength=len(ref.edges) + 1))
    seen = scores.read(plan, Profile(rows=4, edges_hash=plan.edges_hash, columns=(now,), prediction=None), 0)
    # Mid-ranks of 0 and 1 are 0.45 and 0.95: 0.45 plus half the error rate.
    assert means(plan, seen)["loss location", None] == pytest.approx(0.45 + 0.25 / 2)


def test_a_profile_on_another_reference_is_refused() -> None:
    other = profile.build_reference(SCHEMA, columns(50, 99))
    with pytest.raises(ValueError, match="another reference"):
        scores.read(PLAN, profile.build(other, columns(10)), 0)


def test_scores_of_a_window_survive_bytes() -> None:
    seen = window(REFERENCE, columns(50), 12)
    again = WindowScores.from_bytes(seen.to_bytes())
    assert (again.number, again.rows, again.edges_hash) == (12, 50, REFERENCE.edges_hash)
    assert np.array_equal(again.cells, seen.cells)
    assert np.array_equal(again.constant, seen.constant)
