"""Intervals: equal to other implementations where there are such, and holding the truth as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score

from farero.core import intervals
from farero.core.intervals import Interval

RANDOM = np.random.default_rng(5)


def least_hits(runs: int, coverage: float) -> int:
    """A count of hits that is missed by chance once in ten million where each run hits with this chance at least."""
    return int(stats.binom.ppf(1e-7, runs, coverage))


@pytest.mark.row("M5")
@pytest.mark.parametrize(("hits", "rows"), [(0, 1), (1, 1), (3, 10), (10, 10), (250, 1000), (1, 100_000)])
def test_the_interval_of_a_share_is_the_one_of_clopper_and_pearson(hits: int, rows: int) -> None:
    found, known = intervals.share(hits, rows), stats.binomtest(hits, rows).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-12)


@pytest.mark.parametrize("rows", [1, 3, 17, 60])
def test_the_interval_of_a_share_holds_every_truth_often_enough(rows: int) -> None:
    found = [intervals.share(hits, rows) for hits in range(rows + 1)]
    for truth in np.linspace(0.001, 0.999, 97):
        chances = stats.binom.pmf(np.arange(rows + 1), rows, truth)
        assert sum(chance for chance, one in zip(chances, found, strict=True) if one.low <= truth <= one.high) >= 0.95


def test_the_interval_of_f1_holds_the_truth_often_enough_whatever_the_rows_are() -> None:
    rows = 11
    for right, extra, missed in [(0.2, 0.1, 0.1), (0.5, 0.05, 0.2), (0.05, 0.3, 0.02), (0.02, 0.02, 0.02)]:
        truth = 2 * right / (2 * right + extra + missed)
        held = defined = 0.0
        for a in range(rows + 1):
            for b in range(rows + 1 - a):
                for c in range(rows + 1 - a - b):
                    if a + b + c:
                        chance = float(
                            stats.multinomial.pmf([a, b, c, rows - a - b - c], rows, [right, extra, missed, 1 - right - extra - missed])
                        )
                        one = intervals.f1(a, a + b, a + c)
                        defined += chance
                        held += chance * (one.low <= truth <= one.high)
        assert held / defined >= 0.95


def test_the_mean_of_a_symmetric_sample_has_the_interval_of_student() -> None:
    values = np.concatenate([np.arange(1.0, 30.0), np.arange(1.0, 30.0)])
    found = intervals.mean(values)
    known = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    assert found is not None
    assert (found.low, found.high) == pytest.approx(known, abs=1e-6)


@pytest.mark.parametrize("values", [[], [2.0], [3.0, 3.0, 3.0], [1e9, 1e9]])
def test_values_without_spread_have_no_interval(values: list[float]) -> None:
    assert intervals.mean(np.array(values)) is None


@pytest.mark.row("M5")
@pytest.mark.parametrize(("shape", "rows"), [("exponential", 30), ("exponential", 300), ("square", 100), ("lognormal", 300)])
def test_the_mean_of_skewed_losses_is_held_in_nearly_95_of_100_cases(shape: str, rows: int) -> None:
    draw, truth = {
        "exponential": (lambda: RANDOM.exponential(size=rows), 1.0),
        "square": (lambda: RANDOM.normal(size=rows) ** 2, 1.0),
        "lognormal": (lambda: RANDOM.lognormal(0, 0.8, rows), math.exp(0.32)),
    }[shape]
    runs = 3000
    found = [intervals.mean(draw()) for _ in range(runs)]
    assert sum(one is not None and one.low <= truth <= one.high for one in found) >= least_hits(runs, 0.93)


def naive_delong(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[float, float]:
    """Area and variance as the paper defines them, pair by pair."""
    above, below = score[positive][:, None], score[~positive][None, :]
    won = (above > below) + 0.5 * (above == below)
    return float(won.mean()), float(np.var(won.mean(axis=1), ddof=1) / above.size + np.var(won.mean(axis=0), ddof=1) / below.size)


@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(2, 12), st.sampled_from([3, 1000]))
def test_area_and_variance_are_those_of_delong(seed: int, positives: int, negatives: int, levels: int) -> None:
    draw = np.random.default_rng(seed)
    positive = draw.permutation(np.arange(positives + negatives) < positives)
    score = draw.integers(0, levels, len(positive)).astype(np.float64)
    found = intervals.delong(positive, score)
    assert found is not None
    area, influence = found
    known = naive_delong(positive, score)
    assert (area, float((influence**2).sum()) / len(score) ** 2) == pytest.approx(known, abs=1e-12)
    assert area == pytest.approx(float(roc_auc_score(positive, score)))


def test_one_sort_of_rows_has_no_area() -> None:
    assert intervals.delong(np.ones(4, dtype=bool), np.arange(4.0)) is None


@given(st.floats(0, 1), st.integers(1, 500), st.integers(1, 500))
def test_the_ends_of_an_area_s_interval_solve_newcombe_s_equation(value: float, positives: int, negatives: int) -> None:
    found = intervals.area(value, positives, negatives)
    assert 0 <= found.low <= value <= found.high <= 1
    half = (positives + negatives) / 2 - 1
    for end in (found.low, found.high):
        if 1e-9 < end < 1 - 1e-9 and abs(end - value) > 1e-6:
            variance = end * (1 - end) * (1 + half * (1 - end) / (2 - end) + half * end / (1 + end)) / (positives * negatives)
            assert abs(value - end) == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-4)


@pytest.mark.row("M5")
@pytest.mark.parametrize(("positives", "negatives", "apart"), [(8, 40, 1.0), (40, 40, 1.0), (10, 10, 3.0), (100, 400, 2.0)])
def test_an_area_is_held_in_nearly_95_of_100_cases(positives: int, negatives: int, apart: float) -> None:
    truth, runs, hits = float(stats.norm.cdf(apart / math.sqrt(2))), 2000, 0
    positive = np.arange(positives + negatives) < positives
    for _ in range(runs):
        score = RANDOM.normal(size=len(positive)) + apart * positive
        found = intervals.delong(positive, score)
        assert found is not None
        one = intervals.smooth(found[0], found[1], "share", normal=True)
        if min(positives, negatives) < 30 or one is None:
            one = intervals.area(found[0], positives, negatives).wider(one)
        hits += one.low <= truth <= one.high
    assert hits >= least_hits(runs, 0.93)


def test_a_smooth_figure_moves_on_its_own_scale_and_stays_inside() -> None:
    influence = np.array([1.0, -1.0] * 50)
    reach = float(stats.t.ppf(0.975, 99)) * math.sqrt(100 / (100 * 99))
    plain = intervals.smooth(5.0, influence, "plain")
    assert plain is not None
    assert (plain.low, plain.high) == pytest.approx((5 - reach, 5 + reach))
    positive = intervals.smooth(2.0, influence, "positive")
    assert positive is not None
    assert (positive.low, positive.high) == pytest.approx((2 * math.exp(-reach / 2), 2 * math.exp(reach / 2)))
    share = intervals.smooth(0.9, influence, "share")
    assert share is not None
    assert math.log(share.high / (1 - share.high)) - math.log(9) == pytest.approx(reach / 0.09)
    assert math.log(9) - math.log(share.low / (1 - share.low)) == pytest.approx(reach / 0.09)
    below = intervals.smooth(-3.0, influence, "below-one")
    assert below is not None
    assert (below.low, below.high) == pytest.approx((1 - 4 * math.exp(reach / 4), 1 - 4 * math.exp(-reach / 4)))


@pytest.mark.parametrize(("value", "scale"), [(0.0, "share"), (1.0, "share"), (0.0, "positive"), (1.0, "below-one")])
def test_the_end_of_a_scale_has_no_interval(value: float, scale: intervals.Scale) -> None:
    assert intervals.smooth(value, np.array([1.0, -1.0, 2.0]), scale) is None


@given(st.sampled_from(["share", "positive"]), st.floats(1e-9, 1 - 1e-9), st.floats(1e-12, 1e12))
def test_the_wildest_influence_gives_finite_ends_around_the_value(scale: intervals.Scale, value: float, size: float) -> None:
    found = intervals.smooth(value, np.array([size, -size, size]), scale)
    assert found is not None
    assert 0 <= found.low <= value <= found.high < math.inf


def test_few_days_tell_nothing_of_how_days_differ() -> None:
    influence, days = RANDOM.normal(size=90), np.arange(90) % 9
    assert intervals.by_day(0.5, influence, days, "share") is None
    assert intervals.by_day(0.5, influence, np.arange(90) % 10, "share") is not None


def test_the_spread_by_day_is_that_of_leaving_one_day_out_at_a_time() -> None:
    days = RANDOM.integers(0, 12, 200)
    values = RANDOM.normal(size=200)
    influence = values - values.mean()
    left = np.array([values[days != day].mean() for day in range(12)]) - values.mean()
    found = intervals.spread_by_day(influence, days)
    assert found is not None
    assert found == pytest.approx((math.sqrt(11 / 12 * float(np.sum(left**2))), 11))


@pytest.mark.row("M5")
def test_means_of_days_that_differ_are_held_where_rows_taken_as_independent_miss_them() -> None:
    runs, rows, days = 2000, 360, np.arange(360) % 12
    alone = together = 0
    for _ in range(runs):
        values = 10 + RANDOM.normal(size=rows) + RANDOM.normal(size=12)[days]
        influence = values - values.mean()
        plain, by_day = intervals.smooth(values.mean(), influence, "plain"), intervals.by_day(values.mean(), influence, days, "plain")
        assert plain is not None
        assert by_day is not None
        alone += plain.low <= 10 <= plain.high
        together += by_day.low <= 10 <= by_day.high
    assert together >= least_hits(runs, 0.94)
    assert alone < 0.5 * runs


def test_the_wider_of_two_holds_both() -> None:
    first = Interval(low=1.0, high=3.0)
    assert first.wider(Interval(low=2.0, high=4.0)) == Interval(low=1.0, high=4.0)
    assert first.wider(None) == first
