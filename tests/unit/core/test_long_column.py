"""Long columns are counted in bins, and the error that this may make is certain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from farero.core import long_column
from farero.core.compare import MemorySource, compare_tables
from farero.core.compare_column import compare_column
from farero.core.long_column import count_both, look_through

RANDOM = np.random.default_rng(8)


def long(**columns: NDArray[Any]) -> MemorySource:
    return MemorySource(columns, longest=0, batch=777)


def text(*cells: object) -> NDArray[Any]:
    made = np.empty(len(cells), dtype=object)
    made[:] = list(cells)
    return made


@pytest.mark.row("M1", "M9")
@pytest.mark.parametrize("digits", [9, 1, 0])
@pytest.mark.parametrize("shift", [0.0, 0.1, 3.0])
def test_the_true_ks_lies_within_what_is_said(digits: int, shift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_column, "SAMPLED", 2000)
    a, b = np.round(RANDOM.normal(0, 1, 20_000), digits), np.round(RANDOM.normal(shift, 1, 9000), digits)
    found = compare_column("a", long(a=a), long(a=b))
    true = stats.ks_2samp(a, b, method="asymp").statistic
    assert found.within is not None
    assert found.drift.ks is not None
    assert found.drift.ks - 1e-9 <= true <= found.drift.ks + found.within + 1e-9
    assert found.within < 0.005
    assert found.drift.wasserstein == pytest.approx(stats.wasserstein_distance(a, b), rel=0.02, abs=0.002)
    assert found.drift.mean == pytest.approx((a.mean(), b.mean()))
    assert found.drift.std == pytest.approx((a.std(), b.std()))


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 2**31), st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_counting_and_sorting_agree_on_any_sizes(n: int, m: int, seed: int, digits: int) -> None:
    random = np.random.default_rng(seed)
    a, b = np.round(random.normal(0, 1, n), digits), np.round(random.normal(0.5, 2, m), digits)
    counted, sorted_ = (
        compare_column("a", long(a=a), long(a=b)).drift,
        compare_column("a", MemorySource({"a": a}), MemorySource({"a": b})).drift,
    )
    assert counted.ks == pytest.approx(sorted_.ks, abs=1e-9), "fewer rows than bins leave nothing between the edges"
    assert counted.mean == pytest.approx(sorted_.mean, rel=1e-9, abs=1e-12)
    assert counted.missing == sorted_.missing


@pytest.mark.row("M4")
def test_missing_infinite_and_unreadable_cells_are_counted_in_batches_too() -> None:
    values = RANDOM.normal(0, 1, 3000)
    holed = values.copy()
    holed[:30], holed[30:33] = np.nan, np.inf
    one, other = compare_tables(long(a=values), long(a=holed)), compare_tables({"a": values}, {"a": holed})
    assert one.columns[0].missing == other.columns[0].missing == (0.0, 0.01)
    assert [finding.because for finding in one.quality] == [finding.because for finding in other.quality]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (text(*["x", "y"] * 900), text(*["x", "z"] * 900)),
        (text(*[None] * 800, *["1.5", "2.5"] * 500), text(*["3"] * 1000)),
        (RANDOM.random(1800) < 0.5, RANDOM.random(1800) < 0.9),
        (RANDOM.random(1800) < 0.5, np.arange(1800) % 2),
        (np.full(900, np.nan), np.arange(900.0)),
        (np.arange(900.0), np.full(900, np.nan)),
        (np.arange(900.0), text(*["n/a"] * 900)),
        (np.datetime64("2024-01-01") + np.arange(900), np.datetime64("2024-06-01") + np.arange(900)),
    ],
)
def test_any_kind_of_long_column_is_judged_as_a_short_one(before: NDArray[Any], after: NDArray[Any]) -> None:
    one = compare_tables(long(a=before), long(a=after), rule="bonferroni")
    other = compare_tables({"a": before}, {"a": after}, rule="bonferroni")
    assert (one.drift, one.columns[0].kind, one.columns[0].missing) == (other.drift, other.columns[0].kind, other.columns[0].missing)
    assert (one.columns[0].psi or 0.0) == pytest.approx(other.columns[0].psi or 0.0, rel=0.05, abs=0.02)
    assert [finding.because for finding in one.quality] == [finding.because for finding in other.quality]


def test_pairs_of_long_columns_are_compared() -> None:
    apart = RANDOM.normal(size=(3000, 2))
    together = RANDOM.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 3000)
    found = compare_tables(*(long(a=x[:, 0], b=x[:, 1]) for x in (apart, together)))
    assert [pair.names for pair in found.pairs] == [("a", "b")]


def test_lists_are_told_at_the_first_batch() -> None:
    cells = np.empty(2000, dtype=object)
    cells[:] = [[1]] * 2000
    assert "cannot be compared" in compare_tables(long(a=cells), long(a=cells)).quality[0].because


def test_the_sample_holds_the_extremes_of_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_column, "SAMPLED", 100)
    values = RANDOM.normal(0, 1, 10_000)
    source = long(a=values)
    seen = look_through(lambda: source.batches("a"), 10_000)
    assert (seen.ordered[0], seen.ordered[-1]) == (values.min(), values.max())
    assert seen.is_sample
    counted = count_both("a", "number", (seen, seen), (lambda: source.batches("a"), lambda: source.batches("a")))
    assert (counted.reference.low, counted.reference.high) == (values.min(), values.max())
    assert counted.current.under == counted.current.over == 0.0
