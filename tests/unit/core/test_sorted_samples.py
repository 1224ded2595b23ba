"""Distances of sorted samples equal scipy's, whatever the ties, the sizes and the units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy import stats

from farero.core.sorted_samples import ks_distance, wasserstein

RANDOM = np.random.default_rng(11)
Floats = NDArray[np.float64]

FINITE = st.floats(-1e6, 1e6, allow_nan=False, width=64)
FEW = st.integers(-3, 3).map(float)  # ties everywhere
SAMPLE = st.one_of(
    arrays.arrays(np.float64, st.integers(1, 60), elements=FINITE), arrays.arrays(np.float64, st.integers(1, 400), elements=FEW)
)


def ks_of(a: Floats, b: Floats) -> float:
    with np.errstate(divide="ignore"):  # scipy's p of one value against one
        return float(stats.ks_2samp(a, b, method="asymp").statistic)


def apart(a: Floats, b: Floats) -> tuple[float, float]:
    a, b = np.sort(a), np.sort(b)
    return ks_distance(a, b), wasserstein(a, b)


@pytest.mark.row("M1")
@given(SAMPLE, SAMPLE)
@settings(deadline=None, max_examples=60)
def test_any_two_samples_are_as_far_apart_as_scipy_says(a: Floats, b: Floats) -> None:
    ks, moved = apart(a, b)
    assert ks == pytest.approx(ks_of(a, b), abs=1e-9)
    assert moved == pytest.approx(stats.wasserstein_distance(a, b), rel=1e-9, abs=1e-9)


@pytest.mark.row("M1")
@pytest.mark.parametrize(("n", "m"), [(2, 3), (10, 1000), (500, 500), (40_000, 200), (300, 50_000), (30_011, 20_000), (60_000, 20_000)])
@pytest.mark.parametrize("digits", [8, 1, 0])
@pytest.mark.parametrize("shift", [0.0, 0.4, 50.0])
def test_large_samples_are_as_far_apart_as_scipy_says(n: int, m: int, digits: int, shift: float) -> None:
    a, b = np.round(RANDOM.normal(0, 2, n), digits), np.round(RANDOM.normal(shift, 2 + shift / 8, m), digits)
    ks, moved = apart(a, b)
    assert ks == pytest.approx(ks_of(a, b), abs=1e-9)
    assert moved == pytest.approx(stats.wasserstein_distance(a, b), rel=1e-9)


@pytest.mark.row("M1")
def test_a_sample_does_not_differ_from_itself_and_order_does_not_matter() -> None:
    a, b = np.sort(RANDOM.lognormal(0, 2, 5000)), np.sort(RANDOM.lognormal(0.1, 2, 3100))
    assert (ks_distance(a, a), wasserstein(a, a)) == (0.0, 0.0)
    assert ks_distance(a, b) == pytest.approx(ks_distance(b, a), abs=1e-12)
    assert wasserstein(a, b) == pytest.approx(wasserstein(b, a), rel=1e-12)


def test_a_shift_moves_by_itself_and_far_samples_have_nothing_in_common() -> None:
    a = np.sort(RANDOM.normal(0, 1, 4097))
    assert wasserstein(a, a + 3.25) == pytest.approx(3.25, rel=1e-12)
    assert ks_distance(a, a + 1000) == 1.0


def test_values_at_the_end_of_what_a_float_can_say_overflow_to_infinity() -> None:
    a, b = np.array([-1.7e308, 1.0]), np.array([1.7e308, 1.7e308])
    assert ks_distance(a, b) == 1.0
    assert wasserstein(a, b) == np.inf


def test_a_wild_value_does_not_spoil_the_others() -> None:
    a, b = np.append(np.linspace(0, 1, 1000), 1e15), np.append(np.linspace(0, 1, 1000) + 0.25, 1e15)
    assert wasserstein(a, b) == pytest.approx(0.25 * 1000 / 1001, rel=1e-12)


@pytest.mark.parametrize("measure", [ks_distance, wasserstein])
def test_a_sample_without_values_is_refused(measure: object) -> None:
    assert callable(measure)
    with pytest.raises(ValueError, match="one side is empty"):
        measure(np.zeros(0), np.ones(3))
