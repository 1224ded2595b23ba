"""Distances equal scipy's, hold at the edges, and refuse what cannot be compared."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from farero.core import distance

RANDOM = np.random.default_rng(5)
SAMPLE = st.lists(st.floats(-1e6, 1e6) | st.integers(-3, 3).map(float), min_size=1, max_size=40)


@pytest.mark.row("M1")
def test_ks_of_counts_is_the_ks_of_rows_where_a_bin_holds_one_value() -> None:
    a, b = RANDOM.integers(0, 20, 500), RANDOM.integers(2, 20, 300)
    counted = distance.ks(np.bincount(a, minlength=20), np.bincount(b, minlength=20))
    assert counted == pytest.approx(stats.ks_2samp(a, b, method="asymp").statistic, abs=1e-9)


@pytest.mark.row("M1")
@pytest.mark.parametrize(("n", "m"), [(40, 40), (1000, 100), (10_000, 10_000)])
def test_the_p_value_of_ks_equals_scipy_where_it_decides(n: int, m: int) -> None:
    size = round(n * m / (n + m))
    at = stats.kstwo.isf([0.5, 0.2, 0.1, 0.05], size)
    assert distance.ks_p_value(at, n, m) == pytest.approx([0.5, 0.2, 0.1, 0.05], rel=0.01)


@pytest.mark.parametrize("size", [5, 20, 200])
def test_the_p_value_of_ks_is_too_large_and_never_too_small_in_the_far_tail(size: int) -> None:
    tail = np.array([1e-3, 1e-5, 1e-8])
    assert np.all(distance.ks_p_value(stats.kstwo.isf(tail, size), 2 * size, 2 * size) >= tail)


def test_the_p_value_of_ks_is_certain_at_0_and_nan_for_nan() -> None:
    assert distance.ks_p_value([0.0, 1e-6, np.nan], 100, 100).tolist()[:2] == [1.0, 1.0]
    assert np.isnan(distance.ks_p_value(np.nan, 100, 100))


@pytest.mark.row("M1")
def test_jensen_shannon_equals_scipy() -> None:
    p, q = RANDOM.integers(0, 50, 12), RANDOM.integers(0, 50, 12)
    assert distance.jensen_shannon(p, q) == pytest.approx(float(jensenshannon(p, q, 2)), abs=1e-9)


@pytest.mark.row("M1")
@pytest.mark.parametrize("k", [2, 3, 8, 31])
def test_chi_squared_equals_scipy(k: int) -> None:
    a, b = RANDOM.integers(5, 60, k), RANDOM.integers(5, 60, k)
    found, expected = distance.chi2(a, b), stats.chi2_contingency([a, b], correction=False)
    assert (found.statistic, found.df) == (pytest.approx(expected.statistic, rel=1e-9), expected.dof)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_the_tail_of_chi_squared_equals_scipy_far_out() -> None:
    for df in (1, 2, 7, 40, 501):
        for x in (1e-3, float(df), 3.0 * df, 900.0):
            assert distance.chi2_tail(x, df) == pytest.approx(stats.chi2.sf(x, df), rel=1e-8, abs=1e-290)


@pytest.mark.row("M1")
def test_psi_is_the_sum_of_its_formula() -> None:
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.3, 0.4])
    assert distance.psi(1000 * p, 200 * q) == pytest.approx(float(np.sum((q - p) * np.log(q / p))))


def test_an_empty_bin_keeps_psi_finite() -> None:
    assert 0.5 < distance.psi([50, 50, 0], [50, 40, 10]) < 1.0


@pytest.mark.parametrize(
    ("value", "reading"), [(0.0, "stable"), (0.0999, "stable"), (0.1, "moderate"), (0.2499, "moderate"), (0.25, "large")]
)
def test_psi_is_read_in_the_customary_words(value: float, reading: str) -> None:
    assert distance.psi_reading(value) == reading


def test_bins_that_hold_nothing_tell_nothing() -> None:
    assert distance.chi2([10, 0], [7, 0]).p_value == 1.0


def test_rare_bins_are_pooled_and_no_row_is_lost() -> None:
    a, b = distance.pooled([500, 3, 2, 1, 0], [90, 1, 0, 0, 4])
    assert (a.sum(), b.sum(), len(a)) == (506, 95, 2)


def test_at_most_so_many_bins_stay_by_themselves() -> None:
    assert len(distance.pooled(np.full(100, 50), np.full(100, 50), most=30)[0]) == 31


def test_a_difference_of_shares_is_judged_as_by_chi_squared() -> None:
    expected = stats.chi2_contingency([[30, 70], [45, 155]], correction=False).pvalue
    assert distance.proportion_p_value(30, 100, 45, 200) == pytest.approx(expected)
    assert distance.proportion_p_value(0, 100, 0, 100) == 1.0
    assert distance.proportion_p_value(0, 0, 5, 10) == 1.0


@pytest.mark.parametrize("measure", [distance.ks, distance.psi, distance.jensen_shannon, distance.chi2])
def test_what_cannot_be_compared_is_refused(measure: Callable[[list[int], list[int]], object]) -> None:
    with pytest.raises(ValueError, match="2 and 3 bins cannot be compared"):
        measure([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="one side is empty"):
        measure([1, 2], [0, 0])


@pytest.mark.row("M1")
@given(SAMPLE, SAMPLE, st.integers(1, 12))
def test_the_bounds_from_counts_hold_the_true_distance(a: list[float], b: list[float], bins: int) -> None:
    edges = np.unique(np.quantile(a, np.linspace(0, 1, bins + 1)))
    counts = [np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1) for side in (a, b)]
    low, high = distance.ks_bounds(counts[0], counts[1])
    at = np.unique([*a, *b])
    true = max(abs(np.searchsorted(np.sort(a), at, side="right") / len(a) - np.searchsorted(np.sort(b), at, side="right") / len(b)))
    assert low == pytest.approx(distance.ks(*counts), abs=1e-12)
    assert low - 1e-9 <= true <= high + 1e-9


def test_bins_of_one_value_each_leave_nothing_uncertain() -> None:
    counts = (np.array([3, 5, 2]), np.array([1, 5, 4]))
    assert distance.ks_bounds(*counts, np.ones(3, dtype=np.bool_)) == (pytest.approx(0.2), pytest.approx(0.2))
