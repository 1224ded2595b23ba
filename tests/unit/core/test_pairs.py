"""Pairs of columns that stop, or start, going together are found though each by itself stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

from farero.core.pairs import Halves, compare_pairs, halves, halves_of_flags


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
