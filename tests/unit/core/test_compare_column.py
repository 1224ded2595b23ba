"""One column of two tables: exact against scipy, and every odd content told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from farero.core.compare_column import ColumnComparison, compare_column
from farero.core.source import MemorySource

RANDOM = np.random.default_rng(4)


def compare(a: NDArray[Any], b: NDArray[Any], *, pictures: bool = False) -> ColumnComparison:
    return compare_column("a", MemorySource({"a": a}), MemorySource({"a": b}), pictures=pictures)


def text(*cells: object) -> NDArray[Any]:
    made = np.empty(len(cells), dtype=object)
    made[:] = list(cells)
    return made


def said(found: ColumnComparison) -> str:
    return "\n".join(finding.because for finding in found.findings)


@pytest.mark.row("M1")
@given(st.integers(2, 90), st.integers(2, 90), st.integers(0, 2**31), st.integers(0, 2))
@settings(deadline=None, max_examples=80)
def test_every_figure_of_numbers_is_scipys(n: int, m: int, seed: int, digits: int) -> None:
    random = np.random.default_rng(seed)
    a, b = np.round(random.normal(0, 1, n), digits), np.round(random.normal(0.6, 2, m), digits)
    found = compare(a, b).drift
    ks = stats.ks_2samp(a, b, method="exact")
    assert found.ks == pytest.approx(ks.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(ks.pvalue, abs=1e-9)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(a, b), abs=1e-9)
    if a.std() > 0:
        assert found.wasserstein_normalised == pytest.approx(stats.wasserstein_distance(a, b) / a.std(), rel=1e-9, abs=1e-9)
    assert found.mean == pytest.approx((a.mean(), b.mean()), abs=1e-9)
    assert found.std == pytest.approx((a.std(), b.std()), abs=1e-9)


@pytest.mark.row("M1")
def test_every_figure_of_choices_is_scipys() -> None:
    a, b = RANDOM.choice(list("vwxyz"), 700, p=[0.3, 0.2, 0.2, 0.2, 0.1]), RANDOM.choice(list("vwxyz"), 450)
    found = compare(a.astype(object), b.astype(object)).drift
    counts = [np.array([(side == level).sum() for level in "vwxyz"]) for side in (a, b)]
    assert found.chi2_p == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue, rel=1e-9)
    assert found.jensen_shannon == pytest.approx(float(jensenshannon(counts[0] / 700, counts[1] / 450, 2)), abs=1e-9)
    shares = counts[0] / 700, counts[1] / 450
    assert found.psi == pytest.approx(float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0]))), abs=1e-3)


@pytest.mark.row("M1")
def test_sums_keep_their_precision_far_from_zero() -> None:
    a, b = 1e9 + RANDOM.normal(0, 1e-3, 3000), 1e9 + RANDOM.normal(1e-3, 1e-3, 3000)
    found = compare(a, b).drift
    assert found.std == pytest.approx((a.std(), b.std()), rel=1e-6)
    assert found.mean == pytest.approx((a.mean(), b.mean()), rel=1e-15)


def test_values_at_the_end_of_what_a_float_can_say_are_compared() -> None:
    found = compare(RANDOM.normal(0, 1, 300), np.full(300, 1e300))
    assert (found.drift.ks, found.drift.psi_reading) == (1.0, "large")
    assert found.drift.mean is not None
    assert found.drift.mean[1] == pytest.approx(1e300)


def test_times_with_and_without_a_zone_are_told_apart() -> None:
    from dataclasses import replace

    from farero.core.ordered_column import OrderedColumn
    from farero.core.raw_column import RawKind

    class InZone(MemorySource):
        def column(self, name: str, like: RawKind | None = None) -> OrderedColumn:
            return replace(super().column(name, like), zone="Europe/Berlin")

    days = np.datetime64("2024-01-01", "s") + RANDOM.integers(0, 10**6, 400)
    found = compare_column("a", MemorySource({"a": days}), InZone({"a": days}))
    assert "times of a are without a zone in the reference and in the zone Europe/Berlin in the current table" in said(found)
    assert found.drift.ks == 0.0


def test_a_hundred_thousand_levels_are_counted_and_compared() -> None:
    names = np.array([f"level {i}" for i in range(100_000)], dtype=object)
    a, b = (np.concatenate([names, RANDOM.choice(names[:50], 120_000)]) for _ in range(2))
    found = compare(a, b)
    assert found.drift.kind == "choice"
    assert found.drift.jensen_shannon == pytest.approx(0.0, abs=0.03)
    assert found.drift.chi2_p is not None
    assert found.drift.chi2_p > 1e-6


def test_a_column_of_one_value_everywhere_has_no_distance() -> None:
    found = compare(np.full(50, 7.0), np.full(60, 7.0))
    assert (found.drift.ks, found.drift.p_value, found.drift.wasserstein_normalised, found.drift.psi) == (0.0, 1.0, 0.0, 0.0)
    assert found.findings == ()


def test_an_empty_column_that_fills_and_one_that_stays_empty_differ() -> None:
    empty = np.full(40, np.nan)
    assert compare(empty, np.arange(40.0)).broken == "a had no value and has some"
    assert compare(empty, empty).broken is None
    assert "a has no value in either table" in said(compare(empty, empty))


def test_a_picture_is_made_where_it_is_wanted() -> None:
    assert compare(np.arange(99.0), np.arange(99.0)).bars is None
    bars = compare(np.arange(99.0), np.arange(99.0), pictures=True).bars
    assert bars is not None
    assert sum(bars.current) == pytest.approx(1.0)
