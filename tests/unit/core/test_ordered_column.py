"""Columns in order: nothing is lost on the way, whatever the type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from farero.core.ordered_column import (
    MOST_PAIRED_ROWS,
    OrderedColumn,
    as_kind,
    common_kind,
    freeze,
    looks_like_names,
    paired_rows,
    put_in_order,
    sort_values,
)
from farero.core.raw_column import Coded

KINDS = st.sampled_from(["f8", "f4", "i8", "i4", "i2", "i1", "u1", "u8", "bool"])


@given(KINDS.flatmap(lambda kind: arrays.arrays(np.dtype(kind), st.integers(0, 80))))
def test_finite_values_of_any_type_come_in_order(values: NDArray[Any]) -> None:
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    expected = np.sort(values.astype(np.float64))
    assert np.array_equal(sort_values(values), expected)


def test_whole_numbers_close_together_are_counted_to_the_same_result() -> None:
    for values in (np.array([3, 1, 2] * 50, dtype=np.int8), np.array([2.0, -1.0] * 60), np.full(200, 2**60, dtype=np.uint64)):
        assert np.array_equal(sort_values(values), np.sort(values.astype(np.float64)))


def test_cells_are_finite_missing_infinite_or_unreadable() -> None:
    made = put_in_order(np.array([2.0, np.nan, -np.inf, 1.0]))
    assert (made.ordered.tolist(), made.missing, made.infinite, made.values) == ([1.0, 2.0], 1, 1, 2)
    text = put_in_order(np.array(["3", "", "x", "inf", "1"] * 4, dtype=object), "number")
    assert (text.own, text.kind, text.missing, text.unreadable, text.infinite, text.values) == ("choice", "number", 4, 4, 4, 8)


def test_text_by_codes_reads_as_text_by_cells() -> None:
    cells = np.array(["a", "b", None, "a", ""], dtype=object)
    coded = Coded(codes=np.array([1, 0, -1, 1, 2], dtype=np.int32), values=("b", "a", "", "unused"))
    one, other = put_in_order(cells), put_in_order(coded)
    assert one.levels == other.levels == {"a": 2, "b": 1}
    assert one.missing == other.missing == 2


def test_the_reference_says_the_kind_unless_it_is_narrower_or_empty() -> None:
    assert common_kind("number", "choice") == "number"
    assert common_kind("flag", "number") == "number"
    assert common_kind("empty", "date") == "date"


def test_a_flag_can_stand_beside_numbers_and_an_empty_column_beside_anything() -> None:
    flag = put_in_order(np.array([True, False, True]))
    assert as_kind(flag, "number").ordered.tolist() == [0.0, 1.0, 1.0]
    empty = put_in_order(np.full(3, np.nan))
    assert (empty.kind, as_kind(empty, "flag").levels) == ("empty", {"false": 0, "true": 0})
    assert as_kind(flag, "flag") is flag


def test_what_was_frozen_is_not_frozen_again() -> None:
    made = put_in_order(np.array([1.0, 2.0, 4.0]))
    reference = freeze("x", made)
    assert (reference.mean, reference.low, reference.high, reference.missing) == (pytest.approx(7 / 3), 1.0, 4.0, 0)
    kept = OrderedColumn(kind="number", own="number", rows=3, frozen=reference)
    assert freeze("x", kept) is reference


def test_names_of_rows_are_told_from_levels() -> None:
    assert looks_like_names(put_in_order(np.array([f"u{i}" for i in range(150)], dtype=object)))
    assert not looks_like_names(put_in_order(np.array([f"u{i % 50}" for i in range(150)], dtype=object)))
    assert not looks_like_names(put_in_order(np.arange(500.0)))


def test_the_rows_for_pairs_are_spread_over_all_and_the_same_every_time() -> None:
    assert paired_rows(MOST_PAIRED_ROWS) is None
    rows = paired_rows(10 * MOST_PAIRED_ROWS + 7)
    assert rows is not None
    assert len(rows) == MOST_PAIRED_ROWS
    assert np.all(np.diff(rows) > 0)
    assert rows[-1] < 10 * MOST_PAIRED_ROWS + 7
    shares = np.bincount(rows % 24, minlength=24) / len(rows)
    assert abs(shares - 1 / 24).max() < 0.01, "no hour of the day is left out"


def test_lists_are_of_no_kind() -> None:
    cells = np.empty(2, dtype=object)
    cells[:] = [[1], [2]]
    assert put_in_order(cells).kind == "other"
    assert put_in_order(np.zeros(3, dtype="V1"), "number").kind == "other"
