"""The p-values of Kolmogorov-Smirnov distances equal scipy's: exact for small samples, the law for one sample beyond."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from farero.core.kolmogorov import one_sample_p, two_sample_p

RANDOM = np.random.default_rng(2)


@pytest.mark.row("M1")
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1), st.floats(0, 2))
@settings(deadline=None, max_examples=200)
def test_small_samples_have_scipys_exact_p(n: int, m: int, seed: int, shift: float) -> None:
    random = np.random.default_rng(seed)
    found = stats.ks_2samp(random.normal(0, 1, n), random.normal(shift, 1, m), method="exact")
    assert two_sample_p(found.statistic, n, m) == pytest.approx(found.pvalue, rel=1e-9, abs=1e-9)


@pytest.mark.row("M1")
@pytest.mark.parametrize(("n", "m"), [(10_000, 10_000), (3000, 3000), (700, 700), (3, 30_000), (1000, 99)])
@pytest.mark.parametrize("shift", [0.0, 0.05, 0.4])
def test_larger_samples_have_it_where_it_is_cheap(n: int, m: int, shift: float) -> None:
    a, b = RANDOM.normal(0, 1, n), RANDOM.normal(shift, 1, m)
    found = stats.ks_2samp(a, b, method="exact" if max(n, m) <= 10_000 else "asymp")
    assert two_sample_p(stats.ks_2samp(a, b).statistic, n, m) == pytest.approx(found.pvalue, rel=1e-9, abs=2e-2 if min(n, m) == 3 else 1e-9)


@pytest.mark.row("M1")
@pytest.mark.parametrize(("n", "m"), [(1000, 2000), (20_000, 20_000), (1_000_000, 100_000), (1_000_000, 1_000_000), (500, 5_000_000)])
def test_large_samples_have_scipys_p_from_the_middle_to_the_far_tail(n: int, m: int) -> None:
    size = round(n * m / (n + m))
    for z in (0.4, 0.8, 1.2, 1.48, 1.49, 2.0, 3.0, 5.0) if size < 400_000 else (0.8, 1.48, 1.6):
        at = z / size**0.5
        assert two_sample_p(at, n, m) == pytest.approx(float(stats.kstwo.sf(at, size)), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 7, 60, 140, 141, 400, 5000, 100_000])
def test_the_law_for_one_sample_equals_scipys(n: int) -> None:
    for z in (0.3, 0.5, 0.7, 0.86, 0.9, 1.2, 1.47, 1.49, 1.9, 2.1, 4.0):
        distance = z / n**0.5
        if distance < 1:
            assert one_sample_p(distance, n) == pytest.approx(float(stats.kstwo.sf(distance, n)), rel=1e-6, abs=1e-9), z


@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 5), (400, 500), (100_000, 100_000)])
def test_no_distance_is_chance_and_the_largest_is_hardly(n: int, m: int) -> None:
    assert two_sample_p(0.0, n, m) == 1.0
    assert two_sample_p(float("nan"), n, m) == 1.0
    assert 0.0 <= two_sample_p(1.0, n, m) <= max(1.0, 2 / n)


def test_p_falls_as_the_distance_grows() -> None:
    for n, m in ((50, 70), (300, 300), (5000, 7000), (900_000, 800_000)):
        steps = [two_sample_p(d, n, m) for d in np.linspace(0.001, 0.6, 60).tolist()]
        assert all(a >= b - 1e-5 for a, b in pairwise(steps))
