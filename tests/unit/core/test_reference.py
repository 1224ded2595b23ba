"""A reference holds bins that fit its rows, and knows how much its own windows differ."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from tests.unit.core.rows_of import SCHEMA, columns, outputs

from farero.core import reference, scores
from farero.core.drift import compare
from farero.core.prediction import Outputs
from farero.core.profile import build
from farero.core.reference import (
    BINS,
    MOST_LEVELS,
    OTHER_LEVELS,
    PREDICTION,
    Reference,
    build_reference,
    count_ordered,
    freeze_values,
    grouped,
    side,
)
from farero.core.schema import Columns, Field, Schema
from farero.errors import Corrupt

WINDOWS = np.repeat(np.arange(30), 100)


def test_a_reference_counts_every_row_of_every_feature_once() -> None:
    ref = build_reference(SCHEMA, columns(3000, missing=0.1), outputs(3000))
    assert [c.name for c in ref.columns] == ["amount", "plan", "active", "since"]
    assert all(int(c.counts.sum()) + c.missing == 3000 for c in ref.columns)
    assert ref.prediction is not None
    assert ref.prediction.name == PREDICTION
    assert int(ref.prediction.counts.sum()) == 3000


def test_bins_of_a_continuous_column_hold_about_the_same_number_of_rows() -> None:
    amount = build_reference(SCHEMA, columns(102_400)).columns[0]
    assert len(amount.edges) == BINS + 1
    assert np.all(amount.counts[1:-1] == 100)
    assert (amount.counts[0], amount.counts[-1]) == (0, 0)


def test_a_frequent_value_has_a_bin_of_its_own() -> None:
    values = np.sort(np.concatenate([np.zeros(500), np.random.default_rng(0).normal(0, 1, 500)]))
    ref = freeze_values("a", "number", values, 0)
    at = int(np.searchsorted(ref.edges, 0.0, side="left"))
    assert ref.counts[at] == 500


def test_the_outer_bins_are_what_lies_outside_the_reference() -> None:
    ref = freeze_values("a", "number", np.array([1.0, 2.0, 3.0]), 0)
    counts = count_ordered(ref.edges, np.array([-5.0, 0.999, 1.0, 3.0, 3.001]))
    assert (counts[0], counts[-1]) == (2, 1)


def test_groups_are_tenths_of_the_rows_or_the_largest_levels() -> None:
    ref = build_reference(SCHEMA, columns(10_000))
    tenths = grouped(ref.columns[0].counts, ref.columns[0].groups)
    assert len(tenths) == 10
    assert np.all(np.abs(tenths - 1000) < 50)
    assert grouped(ref.columns[1].counts, ref.columns[1].groups).tolist() == ref.columns[1].counts.tolist()[:3]


def test_many_levels_are_grouped_into_the_largest_and_the_rest() -> None:
    levels = tuple(f"l{i}" for i in range(100))
    schema = Schema(fields=(Field(name="city", kind="choice", levels=levels),))
    codes = np.random.default_rng(0).integers(0, 100, 5000).astype(np.int32)
    city = build_reference(schema, {"city": codes}).columns[0]
    assert int(city.groups.max()) == 20
    assert grouped(city.counts, city.groups).sum() == 5000


@pytest.mark.row("M9")
def test_noise_is_the_farthest_of_its_own_windows() -> None:
    rows = dict(columns(3000))
    rows["amount"] = np.where(WINDOWS == 7, rows["amount"] + 30, rows["amount"])
    moved, calm = (build_reference(SCHEMA, c, None, WINDOWS).columns[0].noise for c in (rows, columns(3000)))
    assert calm < 0.2 < 0.6 < moved


def test_without_windows_nothing_is_known_of_noise() -> None:
    ref = build_reference(SCHEMA, columns(100))
    assert (ref.windows, ref.columns[0].noise, ref.columns[0].missing_noise) == (0, 0.0, 0.0)


def test_windows_of_less_than_half_the_usual_size_are_left_out() -> None:
    index = np.concatenate([np.repeat(np.arange(10), 100), np.full(3, 10)])
    ref = build_reference(SCHEMA, columns(1003), None, index)
    assert (ref.windows, ref.window_rows) == (10, 100)
    assert ref.columns[0].noise < 0.25


def test_missing_noise_and_constant_windows_are_counted() -> None:
    rows = dict(columns(3000))
    rows["amount"] = np.where(WINDOWS < 3, np.nan, rows["amount"])
    rows["active"] = np.where(WINDOWS < 5, 0, rows["active"]).astype(np.int8)
    ref = build_reference(SCHEMA, rows, None, WINDOWS)
    assert ref.columns[0].missing_noise == pytest.approx(0.9)
    assert ref.columns[2].constant_windows == 5


def test_answers_of_classes_are_levels() -> None:
    shares = np.eye(3)[np.array([0, 1, 1, 2])]
    answers = Outputs(value=np.array([0.0, 1.0, 1.0, 2.0]), probability=np.ones(4), probabilities=shares)
    ref = build_reference(SCHEMA, columns(4), answers)
    assert ref.prediction is not None
    assert (ref.prediction.kind, ref.prediction.levels, ref.prediction.counts.tolist()) == ("choice", ("0", "1", "2"), [1, 2, 1])


def test_a_column_without_values_has_no_edges() -> None:
    amount = build_reference(SCHEMA, columns(50, missing=1.1)).columns[0]
    assert (len(amount.edges), amount.counts.tolist(), amount.missing, amount.mean) == (0, [0], 50, None)


def test_a_reference_of_no_rows_can_be_made() -> None:
    assert build_reference(SCHEMA, columns(0), outputs(0)).rows == 0


def test_a_reference_comes_back_from_bytes_as_it_was() -> None:
    ref = build_reference(SCHEMA, columns(3000, missing=0.1), outputs(3000), WINDOWS)
    assert Reference.from_bytes(ref.to_bytes()).to_bytes() == ref.to_bytes()


def test_bytes_of_something_else_are_corrupt() -> None:
    with pytest.raises(Corrupt, match="are not a Reference"):
        Reference.from_bytes(b"something else")


def test_the_hash_tells_bins_apart() -> None:
    hashes = {build_reference(SCHEMA, columns(500, seed)).edges_hash for seed in (0, 0, 1)}
    assert len(hashes) == 2


def test_pairs_of_all_columns_but_dates_are_watched() -> None:
    ref = build_reference(SCHEMA, columns(500))
    assert [column.name for column in ref.columns] == ["amount", "plan", "active", "since"]
    assert ref.pairs.reshape(-1, 2).tolist() == [[0, 1], [0, 2], [1, 2]]


def test_the_side_of_a_number_is_its_median_of_a_choice_its_largest_level_of_a_flag_true() -> None:
    table = columns(1000, missing=0.1)
    amount, plan, active, since = build_reference(SCHEMA, table).columns
    of_amount, of_plan, of_active = side(amount, table["amount"]), side(plan, table["plan"]), side(active, table["active"])
    assert of_amount is not None and of_plan is not None and of_active is not None
    assert int(np.bitwise_count(of_amount.valid).sum()) == 1000 - amount.missing
    assert int(np.bitwise_count(of_amount.above).sum()) == pytest.approx((1000 - amount.missing) / 2, abs=4)
    assert int(np.bitwise_count(of_plan.above).sum()) == int((table["plan"] == 0).sum())
    assert int(np.bitwise_count(of_active.above).sum()) == int(table["active"].sum())
    assert side(since, table["since"]) is None


def test_a_column_of_mostly_one_value_is_cut_where_both_sides_hold_rows() -> None:
    table = {**columns(1000), "amount": np.repeat([0.0, 5.0, 9.0], [700, 200, 100])}
    of_amount = side(build_reference(SCHEMA, table).columns[0], table["amount"])
    assert of_amount is not None
    assert int(np.bitwise_count(of_amount.above).sum()) == 300


def test_a_reference_stored_before_there_were_pairs_still_reads() -> None:
    ref = build_reference(SCHEMA, columns(300))
    name, plain = msgspec.msgpack.decode(ref.to_bytes())
    del plain["pairs"]
    again = Reference.from_bytes(msgspec.msgpack.encode((name, plain)))
    assert again.pairs.tolist() == []
    assert again.edges_hash == ref.edges_hash


def test_bins_are_1024_and_those_of_an_earlier_release_still_serve() -> None:
    table = columns(30_000)
    ref = build_reference(SCHEMA, table)
    assert len(ref.columns[0].counts) == 1024 + 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "BINS", 256)
        old = build_reference(SCHEMA, table)
    read = Reference.from_bytes(old.to_bytes())
    made = build(read, columns(500, 1))
    assert len(made.columns[0].counts) == 256 + 2
    assert made.rows == int(made.columns[0].counts.sum()) == 500
    assert compare(read, made)[0].ks == pytest.approx(compare(ref, build(ref, columns(500, 1)))[0].ks, abs=0.004)


def test_of_a_hundred_thousand_levels_the_largest_are_counted_by_themselves() -> None:
    levels = tuple(f"city {i}" for i in range(100_000))
    schema = Schema(
        fields=(Field(name="city", kind="choice", levels=levels, missing=True, new_levels=True), Field(name="x", kind="number"))
    )
    random = np.random.default_rng(0)

    def drawn(n: int, first: int) -> Columns:
        codes = np.minimum(random.zipf(1.3, n) + first, 99_999).astype(np.int32)
        codes[:50], codes[50:70] = -1, -2
        return {"city": codes, "x": random.normal(size=n)}

    table = drawn(20_000, 40_000)
    ref = build_reference(schema, table)
    city = ref.columns[0]
    assert (len(city.levels), city.levels[-1], len(city.codes), city.missing) == (MOST_LEVELS + 1, OTHER_LEVELS, 100_000, 50)
    assert int(city.counts.sum()) == 20_000 - 70
    top = city.levels[int(np.argmax(city.counts[:-1]))]
    assert top == "city 40001"
    assert int(city.counts[:-1].max()) == int((table["city"] == 40_001).sum())
    again = Reference.from_bytes(ref.to_bytes())
    same = build(again, table)
    assert same.columns[0].counts.tolist() == city.counts.tolist()
    assert (same.columns[0].new, same.columns[0].missing, len(same.to_bytes()) < 10_000) == (20, 50, True)
    assert compare(again, replace(same, columns=(replace(same.columns[0], new=0), same.columns[1])))[0].jensen_shannon == 0.0
    moved = compare(again, build(again, drawn(5_000, 90_000)))[0]
    assert moved.jensen_shannon is not None and moved.jensen_shannon > 0.8
    of_city = side(city, table["city"])
    assert of_city is not None and int(np.bitwise_count(of_city.above).sum()) == int((table["city"] == 40_001).sum())
    assert scores.read(scores.layout(again), same, 0).rows == 20_000
