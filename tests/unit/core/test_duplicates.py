"""Copies among rows, exact while few rows differ, and close beyond."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from farero.core.duplicates import Copies, count_copies, fingerprints

SMALL = st.lists(st.tuples(st.sampled_from([0.0, -0.0, 1.0, 2.5, float("nan")]), st.integers(-2, 3)), max_size=60)


def columns(rows: list[tuple[float, int]]) -> list[NDArray[np.generic]]:
    return [np.array([x for x, _ in rows], dtype=np.float64), np.array([code for _, code in rows], dtype=np.int32)]


def truth(rows: list[tuple[float, int]]) -> int:
    return len(rows) - len({("nan" if x != x else x + 0.0, code) for x, code in rows})


@pytest.mark.row("M4")
@given(SMALL)
def test_copies_are_counted_exactly(rows: list[tuple[float, int]]) -> None:
    assert count_copies(columns(rows)) == truth(rows)


@given(SMALL, SMALL)
def test_a_copy_in_a_later_batch_counts(first: list[tuple[float, int]], second: list[tuple[float, int]]) -> None:
    copies = Copies()
    copies.add(columns(first))
    copies.add(columns(second))
    assert copies.count() == truth(first + second)
    assert copies.count() == truth(first + second)


def test_no_column_and_no_row_hold_no_copy() -> None:
    assert count_copies([]) == 0
    assert count_copies([np.zeros(0), np.zeros(0, dtype=np.int8)]) == 0


def test_equal_values_in_other_columns_are_no_copy() -> None:
    assert count_copies([np.array([1.0, 2.0]), np.array([2.0, 1.0])]) == 0


@pytest.mark.parametrize(
    "column",
    [
        np.arange(50_000, dtype=np.float64),
        np.arange(50_000, dtype=np.float32) * 0.25,
        np.arange(50_000, dtype=np.int32),
        np.datetime64("2024-01-01", "us") + np.arange(50_000) * np.timedelta64(1, "h"),
        np.datetime64("2024-01-01", "s") + np.arange(50_000) * np.timedelta64(1, "D"),
        np.linspace(-1e300, 1e300, 50_000),
    ],
    ids=["whole", "float32", "int32", "hours", "days", "huge"],
)
def test_different_values_have_different_fingerprints(column: NDArray[np.generic]) -> None:
    assert len(np.unique(fingerprints([column]))) == 50_000
    assert count_copies([np.concatenate([column, column[:300]])]) == 300


def test_flags_of_few_columns_are_mostly_copies() -> None:
    flags = [np.random.default_rng(place).integers(0, 2, 5_000).astype(np.int8) for place in range(3)]
    assert count_copies(flags) == 5_000 - 8


def test_beyond_what_is_kept_the_count_is_close_and_memory_is_bounded() -> None:
    values = np.random.default_rng(5).permutation(200_000).astype(np.float64)
    copies = Copies(kept=4_096)
    for start in range(0, 200_000, 7_001):
        copies.add([values[start : start + 7_001]])
    copies.add([values[:50_000]])
    assert abs(copies.count() - 50_000) < 6 * 200_000 / np.sqrt(2_048)
    assert len(copies._distinct) <= 4_096


def test_compiled_code_makes_the_same_fingerprints() -> None:
    random = np.random.default_rng(0)
    rows = 1000

    def odd(nothing: float, zero: float) -> np.ndarray:
        values = np.random.default_rng(1).normal(size=rows)
        values[::7], values[::11], values[::13] = nothing, zero, np.inf
        return values

    codes = random.integers(-2, 9, rows).astype(np.int32)
    times = np.datetime64("2024-01-01", "us") + random.integers(0, 10**9, rows).astype("m8[us]")
    others = [codes, times, codes > 3, np.round(odd(np.nan, 0.0)).astype(np.float32)]
    whole = fingerprints([odd(np.nan, -0.0), *others], fast=True)
    halves = [[column[part] for column in (odd(-np.nan, 0.0), *others)] for part in (slice(0, 600), slice(600, None))]
    assert np.array_equal(whole, np.concatenate([fingerprints(half) for half in halves]))
