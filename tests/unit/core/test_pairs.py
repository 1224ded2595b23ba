"""Pairs of columns that stop, or start, going together are found though each by itself stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

from farero.core.pairs import Halves, choose_pairs, compare_pairs, count_pairs, halves, halves_of_flags


def normal_pair(correlation: float, n: int, seed: int) -> dict[str, Halves]:
    x = np.random.default_rng(seed).multivariate_normal([0, 5], [[1, correlation], [correlation, 1]], n)
    return {"a": halves(x[:, 0], float(np.median(x[:, 0]))), "b": halves(x[:, 1], float(np.median(x[:, 1])))}


@pytest.mark.parametrize("correlation", [-0.8, 0.0, 0.5, 0.95])
def test_the_correlation_of_normal_columns_is_pearsons(correlation: float) -> None:
    (pair,) = compare_pairs(normal_pair(correlation, 50_000, 1), normal_pair(correlation, 50_000, 2))
    assert pair.correlation == pytest.approx((correlation, correlation), abs=0.03)
    assert not pair.drift


def test_a_correlation_that_appears_is_drift() -> None:
    (pair,) = compare_pairs(normal_pair(0.0, 2000, 1), normal_pair(0.5, 1000, 2))
    assert pair.names == ("a", "b")
    assert pair.drift
    assert pair.p_value < 1e-9


def test_a_sure_and_small_change_is_no_drift() -> None:
    (pair,) = compare_pairs(normal_pair(0.0, 200_000, 1), normal_pair(0.05, 200_000, 2))
    assert pair.p_value < 1e-6
    assert not pair.drift


def test_rows_that_lack_a_value_do_not_count() -> None:
    x = np.random.default_rng(0).normal(size=(1001, 2))
    x[::3, 0] = np.nan
    held = x[~np.isnan(x[:, 0])]
    with_gaps = {"a": halves(x[:, 0], 0.0), "b": halves(x[:, 1], 0.0)}
    without = {"a": halves(held[:, 0], 0.0), "b": halves(held[:, 1], 0.0)}
    (pair,) = compare_pairs(with_gaps, without)
    assert pair.correlation[0] == pair.correlation[1]


def test_a_column_on_one_side_of_its_median_has_no_correlation() -> None:
    one_sided = {"a": halves(np.ones(10), 1.0), "b": halves(np.arange(10.0), 4.0)}
    assert compare_pairs(one_sided, one_sided) == ()


def test_flags_take_part_and_the_most_changed_pair_comes_first() -> None:
    x = np.random.default_rng(0).normal(size=1000)
    noise = np.random.default_rng(1).normal(size=1000)
    before = {"x": halves(x, 0.0), "flag": halves_of_flags(x > 0), "noise": halves(noise, 0.0)}
    after = {**before, "flag": halves_of_flags(noise > 0)}
    found = compare_pairs(before, after)
    assert [p.names for p in found] == [("flag", "noise"), ("x", "flag"), ("x", "noise")]
    assert [p.drift for p in found] == [True, True, False]
    assert found[1].correlation[0] == pytest.approx(1.0)


def sides(table: np.ndarray) -> list[Halves | None]:
    return [halves(column, float(np.median(column))) for column in table.T]


def test_rows_of_a_pair_are_counted_where_both_columns_have_a_value() -> None:
    a = halves(np.array([1.0, 2.0, 3.0, np.nan]), 1.5)
    b = halves_of_flags(np.array([True, True, False, True]))
    hits, rows = count_pairs([a, None, b], np.array([0, 2]))
    assert hits.tolist() == [1]
    assert rows.tolist() == [3]
    with pytest.raises(ValueError, match="no sides"):
        count_pairs([a, None, b], np.array([0, 1]))


def test_counts_of_pairs_add_up_over_rows_that_fill_no_whole_word() -> None:
    table = np.random.default_rng(0).normal(size=(131, 3))
    cut = [float(np.median(column)) for column in table.T]
    pairs = np.array([0, 1, 0, 2, 1, 2])
    whole, first, rest = (
        count_pairs([halves(c, m) for c, m in zip(rows.T, cut, strict=True)], pairs) for rows in (table, table[:70], table[70:])
    )
    assert np.array_equal(whole[0], first[0] + rest[0])
    assert np.array_equal(whole[1], first[1] + rest[1])


def test_all_pairs_are_watched_while_they_fit() -> None:
    table = np.random.default_rng(0).normal(size=(100, 4))
    assert choose_pairs(sides(table)).reshape(-1, 2).tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert choose_pairs([None, *sides(table)[:2], None]).tolist() == [1, 2]
    assert choose_pairs([None, None]).tolist() == []


def test_of_many_columns_neighbours_and_the_closest_pairs_are_watched() -> None:
    table = np.random.default_rng(0).normal(size=(3000, 40))
    table[:, 30] = table[:, 3] + 0.1 * table[:, 30]
    table[:, 35] = -table[:, 7] + 0.1 * table[:, 35]
    chosen = [tuple(pair) for pair in choose_pairs(sides(table), most=60).reshape(-1, 2).tolist()]
    assert len(chosen) == len(set(chosen)) == 60
    assert {(3, 30), (7, 35)} <= set(chosen)
    assert {(i, i + 1) for i in range(30)} <= set(chosen)
    assert chosen == sorted(chosen)
