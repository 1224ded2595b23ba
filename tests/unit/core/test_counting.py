"""The compiled way to count agrees with the plain one on every float64 there is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from farero.core import counting
from farero.core.counting import LEAST_ROWS, Bins, Counted, Levels
from farero.core.reference import freeze_values

ODD = [0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e300, -1e300, 1.7976931348623157e308, -1.7976931348623157e308, 1.0, -1.0, 3.0]
FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(ODD) | st.integers(-5, 5).map(float)
VALUES = FINITE | st.sampled_from([math.nan, math.inf, -math.inf])
COLUMNS = nps.arrays(np.float64, st.integers(0, 80), elements=VALUES)


def by_hand(edges: np.ndarray, values: np.ndarray) -> list[int]:
    """How many values have so many edges below them."""
    below = [sum(1 for edge in edges.tolist() if edge < x) for x in values.tolist() if math.isfinite(x)]
    return [below.count(place) for place in range(len(edges) + 1)]


def same(one: Counted, other: Counted) -> None:
    assert one.counts.tolist() == other.counts.tolist()
    assert (one.missing, one.infinite) == (other.missing, other.infinite)
    assert (one.sums.low, one.sums.high) == (other.sums.low, other.sums.high)


@pytest.mark.row("M9")
@given(nps.arrays(np.float64, st.integers(0, 60), elements=FINITE, unique=True), COLUMNS)
def test_both_ways_count_what_lies_between_any_edges(edges: np.ndarray, values: np.ndarray) -> None:
    edges = np.unique(edges)
    bins = Bins(edges)
    truth = by_hand(edges, values)
    assert bins.count_plainly(values).counts.tolist() == truth
    assert bins.count_fast(values).counts.tolist() == truth
    same(bins.count_plainly(values), bins.count_fast(values))


@given(nps.arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 2.0])), COLUMNS)
def test_both_ways_agree_on_the_bins_and_sums_of_a_reference(rows: np.ndarray, values: np.ndarray) -> None:
    ref = freeze_values("x", "number", np.sort(rows), 0)
    bins = Bins(ref.edges, mean=ref.mean, low=ref.low, high=ref.high)
    values = np.where(np.abs(values) < 1e100, values, np.nan)
    plain, fast = bins.count_plainly(values), bins.count_fast(values)
    same(plain, fast)
    for name in ("total", "squares", "under", "over"):
        assert getattr(fast.sums, name) == pytest.approx(getattr(plain.sums, name), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    "draw",
    [
        lambda r, n: r.normal(0, 1, n),
        lambda r, n: r.lognormal(3, 2, n),
        lambda r, n: r.standard_cauchy(n),
        lambda r, n: r.poisson(3, n).astype(np.float64),
        lambda r, n: np.where(r.random(n) < 0.6, 0.0, r.exponential(1e-300, n)),
        lambda r, n: r.choice([-1e300, -1.0, 0.0, 1e-310, 1e300], n),
        lambda r, n: np.full(n, 7.0),
        lambda r, n: 1.7e9 + r.integers(0, 86_400, n),
    ],
    ids=["normal", "lognormal", "cauchy", "counts", "atom", "extremes", "constant", "seconds"],
)
def test_many_rows_of_every_shape_are_counted_alike(draw: object) -> None:
    random = np.random.default_rng(0)
    ref = freeze_values("x", "number", np.sort(draw(random, 20_000)), 0)  # type: ignore[operator]
    bins = Bins(ref.edges, mean=ref.mean, low=ref.low, high=ref.high)
    values = draw(random, 70_000) * 1.01  # type: ignore[operator]
    values[::97] = np.nan
    values[::101] = -np.inf
    plain, fast = bins.count_plainly(values), bins.count_fast(values)
    same(plain, fast)
    assert int(fast.counts.sum()) + fast.missing + fast.infinite == 70_000
    assert fast.sums.under == pytest.approx(plain.sums.under, rel=1e-9)
    assert fast.sums.over == pytest.approx(plain.sums.over, rel=1e-9)
    finite = np.isfinite(values)
    assert bins.places(values).tolist() == np.where(finite, np.searchsorted(ref.edges, values), -1).tolist()


def test_the_number_of_rows_decides_which_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(Bins, "count_fast", lambda self, values: taken.append(len(values)))
    bins = Bins(np.array([0.0]))
    bins.count(np.zeros(LEAST_ROWS - 1))
    bins.count(np.zeros(LEAST_ROWS))
    bins.count(np.zeros(3), fast=True)
    assert taken == [LEAST_ROWS, 3]


def test_values_that_are_read_only_strided_or_of_another_type_are_counted() -> None:
    bins = Bins(np.array([0.0, 1.0, 2.0]))
    frozen = np.frombuffer(np.array([0.5, 1.5, 9.0]).tobytes())
    assert bins.count_fast(frozen).counts.tolist() == [0, 1, 1, 1]
    assert bins.count_fast(np.array([0.5, 8.0, 1.5, 8.0])[::2]).counts.tolist() == [0, 1, 1, 0]
    assert bins.count_fast(np.array([0, 1, 2, 3], dtype=np.int32)).counts.tolist() == [1, 1, 1, 1]  # type: ignore[arg-type]
    assert bins.count_fast(np.array([0.5, np.nan], dtype=np.float32)).missing == 1  # type: ignore[arg-type]


def test_nothing_is_counted_of_no_rows() -> None:
    for made in (Bins(np.zeros(0)).count_fast(np.zeros(0)), Bins(np.zeros(0)).count_plainly(np.zeros(0))):
        assert made.counts.tolist() == [0]
        assert (made.sums.low, made.sums.high, made.sums.total) == (None, None, 0.0)


def test_enormous_values_make_infinite_sums_and_no_error() -> None:
    values = np.array([1e300, -1e300, 1.0])
    assert Bins(np.array([0.0])).count_fast(values).sums.squares == Bins(np.array([0.0])).count_plainly(values).sums.squares == np.inf


def test_sums_of_many_rows_lose_no_digits() -> None:
    values = np.random.default_rng(0).normal(1e6, 1, 300_000)
    made = Bins(np.array([1e6]), mean=1e6).count_fast(values).sums
    assert made.total == pytest.approx(math.fsum(values - 1e6), rel=1e-12)
    assert made.squares == pytest.approx(math.fsum((values - 1e6) ** 2), rel=1e-13)


def test_the_kernel_is_made_once() -> None:
    assert counting.kernel() is counting.kernel()


def test_levels_are_counted_and_codes_that_nobody_declared_are_new() -> None:
    counts, missing, new = Levels(3, np.zeros(0, dtype=np.uint16)).count(np.array([0, 2, 2, -1, -2, 3, 99, -7], dtype=np.int32))
    assert (counts.tolist(), missing, new) == ([1, 0, 2], 1, 4)
    assert Levels(3, np.zeros(0, dtype=np.uint16)).places(np.array([2, -1, -2, 3])).tolist() == [2, -1, -2, -2]


def test_levels_that_share_a_place_are_counted_together() -> None:
    pooled = Levels(2, np.array([0, 1, 1, 1], dtype=np.uint16))
    counts, missing, new = pooled.count(np.array([0, 1, 2, 3, 3, 4, -1], dtype=np.int8))
    assert (counts.tolist(), missing, new) == ([1, 4], 1, 1)
    assert pooled.places(np.array([0, 3, 4])).tolist() == [0, 1, -2]


def test_no_rows_and_no_levels_are_fine() -> None:
    counts, missing, new = Levels(0, np.zeros(0, dtype=np.uint16)).count(np.zeros(0, dtype=np.int32))
    assert (counts.tolist(), missing, new) == ([], 0, 0)
