"""A profile counts every row once, adds up, and refuses other bins."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tests.unit.core.rows_of import SCHEMA, columns, outputs

from farero.core.profile import Profile, build, build_reference, merge
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


def test_a_profile_stored_before_there_were_pairs_still_reads_and_merges() -> None:
    made = build(REFERENCE, columns(50))
    name, plain = msgspec.msgpack.decode(made.to_bytes())
    del plain["pair_hits"], plain["pair_rows"]
    old = Profile.from_bytes(msgspec.msgpack.encode((name, plain)))
    assert old.pair_hits.tolist() == []
    assert merge(old, made).rows == 100
    assert merge(old, made).pair_hits.tolist() == merge(made, old).pair_rows.tolist() == []
