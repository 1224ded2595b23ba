"""A profile counts every row once, adds up, and refuses other bins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.core.rows_of import SCHEMA, columns, outputs

from farero.core import profile
from farero.core.counting import LEAST_ROWS
from farero.core.profile import Builder, Profile, build, build_reference, merge
from farero.errors import Corrupt

REFERENCE = build_reference(SCHEMA, columns(3000), outputs(3000))


def test_every_row_is_counted_once() -> None:
    made = build(REFERENCE, columns(400, 1, missing=0.2), outputs(400, 1))
    assert made.rows == 400
    assert all(int(c.counts.sum()) + c.missing + c.infinite + c.new == 400 for c in made.columns)
    assert made.prediction is not None
    assert int(made.prediction.counts.sum()) == 400


def test_sums_give_back_mean_and_extremes() -> None:
    rows = columns(400, 1)
    amount, ref = build(REFERENCE, rows).columns[0], REFERENCE.columns[0]
    assert ref.mean is not None
    assert ref.mean + amount.total / 400 == pytest.approx(float(np.mean(rows["amount"])))
    assert (amount.low, amount.high) == (rows["amount"].min(), rows["amount"].max())


def test_new_levels_are_counted_and_the_most_frequent_named() -> None:
    rows = dict(columns(100, 1))
    rows["plan"] = np.where(np.arange(100) < 30, -2, rows["plan"]).astype(np.int32)
    names = {f"new {i:02}": 1 for i in range(25)} | {"team": 5}
    plan = build(REFERENCE, rows, None, {"plan": names}).columns[1]
    assert plan.new == 30
    assert list(plan.new_values)[:2] == ["team", "new 00"]
    assert len(plan.new_values) == 20


def test_infinite_values_are_counted_apart() -> None:
    rows = dict(columns(10, 1))
    rows["amount"] = np.array([np.inf, -np.inf, np.nan, *range(7)])
    amount = build(REFERENCE, rows).columns[0]
    assert (amount.infinite, amount.missing, amount.values) == (2, 1, 7)


def test_enormous_values_make_an_infinite_deviation_and_no_error() -> None:
    rows = dict(columns(3, 1))
    rows["amount"] = np.array([1e300, -1e300, 1.0])
    assert build(REFERENCE, rows).columns[0].squares == np.inf


@pytest.mark.row("M9")
def test_a_span_is_the_sum_of_its_windows() -> None:
    rows = columns(1000, 2, missing=0.1)
    whole = build(REFERENCE, rows, outputs(1000, 2))
    parts = [
        build(REFERENCE, {k: v[part] for k, v in rows.items()}, _part(part))
        for part in (slice(0, 100), slice(100, 700), slice(700, 1000))
    ]  # fmt: skip
    added = merge(merge(parts[0], parts[1]), parts[2])
    assert added.rows == whole.rows
    for a, b in zip((*added.columns, added.prediction), (*whole.columns, whole.prediction), strict=True):
        assert a is not None
        assert b is not None
        assert a.counts.tolist() == b.counts.tolist()
        assert (a.missing, a.new, a.low, a.high) == (b.missing, b.new, b.low, b.high)
        assert a.total == pytest.approx(b.total, abs=1e-6)


def _part(rows: slice) -> object:
    whole = outputs(1000, 2)
    assert whole.probability is not None
    return type(whole)(value=whole.value[rows], probability=whole.probability[rows])


def test_profiles_on_other_bins_are_not_merged() -> None:
    other = build(build_reference(SCHEMA, columns(500, 9)), columns(10))
    with pytest.raises(ValueError, match="different references cannot be merged"):
        merge(build(REFERENCE, columns(10)), other)


def test_a_profile_comes_back_from_bytes_as_it_was() -> None:
    made = build(REFERENCE, columns(50, 3, missing=0.5), outputs(50), {"plan": {"team": 1}})
    assert Profile.from_bytes(made.to_bytes()).to_bytes() == made.to_bytes()


def test_bytes_of_something_else_are_corrupt() -> None:
    with pytest.raises(Corrupt, match="are not a Profile"):
        Profile.from_bytes(REFERENCE.to_bytes())


def test_a_window_without_rows_has_a_profile() -> None:
    empty = build(REFERENCE, columns(0), outputs(0))
    assert (empty.rows, merge(empty, empty).rows) == (0, 0)


def test_rows_of_each_pair_are_counted_and_add_up() -> None:
    parts = [build(REFERENCE, columns(100 + seed, seed, missing=0.3)) for seed in (1, 2)]
    whole = merge(*parts)
    assert len(whole.pair_hits) == len(REFERENCE.pairs) // 2 == 3
    assert np.array_equal(whole.pair_rows, parts[0].pair_rows + parts[1].pair_rows)
    # Amount and plan; amount and active; plan and active: only amounts are missing.
    assert whole.pair_rows[2] == whole.rows > whole.pair_rows[0]
    assert np.all(whole.pair_hits <= whole.pair_rows)
    both = (columns(101, 1)["plan"] == 0) & (columns(101, 1)["active"] == 1)
    assert parts[0].pair_hits[2] == int(both.sum())


def test_rows_may_come_in_batches_of_any_size() -> None:
    rows, answers = columns(1000, 2, missing=0.1), outputs(1000, 2)
    rows = {name: np.concatenate([column, column[:30]]) for name, column in rows.items()}
    answers = replace(answers, value=np.append(answers.value, np.zeros(30)), probability=np.append(answers.probability, np.ones(30)))
    builder = Builder(REFERENCE)
    for first, last in ((0, 1), (1, 400), (400, 400), (400, 1030)):
        part = replace(answers, value=answers.value[first:last], probability=answers.probability[first:last])
        builder.add({name: column[first:last] for name, column in rows.items()}, part, {"plan": {"team": 1}})
    made, whole = builder.finish(), build(REFERENCE, rows, answers)
    assert (made.rows, made.duplicates) == (whole.rows, whole.duplicates) == (1030, 30)
    assert [c.counts.tolist() for c in made.columns] == [c.counts.tolist() for c in whole.columns]
    assert made.prediction.counts.tolist() == whole.prediction.counts.tolist()
    assert (made.pair_hits.tolist(), made.pair_rows.tolist()) == (whole.pair_hits.tolist(), whole.pair_rows.tolist())
    assert made.columns[1].new_values == {"team": 4}


def test_more_rows_than_a_block_are_counted_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = columns(1000, 2, missing=0.1)
    whole = build(REFERENCE, rows, outputs(1000, 2))
    monkeypatch.setattr(profile, "BLOCK_ROWS", 64)
    parts = build(REFERENCE, rows, outputs(1000, 2))
    assert [c.counts.tolist() for c in parts.columns] == [c.counts.tolist() for c in whole.columns]
    assert (parts.rows, parts.pair_hits.tolist(), parts.duplicates) == (1000, whole.pair_hits.tolist(), whole.duplicates)


def test_numbers_may_be_of_any_type() -> None:
    rows = columns(500, 4)
    whole = np.round(rows["amount"])
    counts = build(REFERENCE, {**rows, "amount": whole}).columns[0].counts.tolist()
    for kind in (np.int64, np.int16, np.float32, np.uint8):
        assert build(REFERENCE, {**rows, "amount": whole.astype(kind)}).columns[0].counts.tolist() == counts


def test_a_builder_that_was_given_nothing_makes_an_empty_profile() -> None:
    made = Builder(REFERENCE).finish()
    assert (made.rows, made.columns[0].values, made.prediction) == (0, 0, None)


def test_the_rest_of_many_rows_is_counted_as_they_were() -> None:
    rows = columns(LEAST_ROWS + 500, 2, missing=0.1)
    builder = Builder(REFERENCE)
    for part in (slice(0, LEAST_ROWS), slice(LEAST_ROWS, None)):
        builder.add({name: column[part] for name, column in rows.items()})
    made, at_once = builder.finish(), build(REFERENCE, rows)
    assert [c.counts.tolist() for c in made.columns] == [c.counts.tolist() for c in at_once.columns]
    assert (made.rows, made.duplicates) == (at_once.rows, at_once.duplicates)
    assert made.columns[0].total == pytest.approx(at_once.columns[0].total, rel=1e-12)
