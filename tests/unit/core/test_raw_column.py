"""Undeclared columns are read as what they are, and what cannot be read is counted."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from farero.core.raw_column import Coded, RawColumn, RawKind, look_at, read


def objects(*cells: object) -> NDArray[Any]:
    made = np.empty(len(cells), dtype=object)
    made[:] = list(cells)
    return made


def read_as(kind: RawKind, cells: NDArray[Any]) -> RawColumn:
    return read(look_at(cells), kind)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (np.array([1.0, np.nan]), "number"),
        (np.array([1, 2], dtype=np.uint8), "number"),
        (np.array([1, 2], dtype="m8[s]"), "number"),
        (np.array([np.nan, np.nan]), "empty"),
        (np.array(["NaT"], dtype="M8[us]"), "empty"),
        (np.array(["2024-01-01"], dtype="M8[D]"), "date"),
        (np.array([True, False]), "flag"),
        (np.array([1j]), "other"),
        (np.array(["a", "b"]), "choice"),
        (objects(), "empty"),
        (objects(None, "", "  ", float("nan")), "empty"),
        (objects("1.5", "", "-2e3"), "number"),
        (objects(1, None, 2.5, Decimal("3.1")), "number"),
        (objects("true", "False", None), "flag"),
        (objects(True, None), "flag"),
        (objects("2024-01-01", "2024-01-02T03:00:00Z"), "date"),
        (objects(date(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)), "date"),
        (objects("a", 1, "b"), "choice"),
        (objects([1], [2]), "other"),
        (objects({"a": 1}), "other"),
    ],
)
def test_a_column_tells_its_kind(cells: NDArray[Any], kind: RawKind) -> None:
    assert look_at(cells).kind == kind


def test_nine_tenths_of_readable_text_make_a_column_of_numbers() -> None:
    assert look_at(objects(*[str(i) for i in range(18)], "n/a", "unknown")).kind == "number"
    assert look_at(objects(*[str(i) for i in range(8)], "n/a", "unknown")).kind == "choice"


def test_text_is_read_as_numbers_and_the_rest_is_counted() -> None:
    made = read_as("number", objects("1.5", "", None, "n/a", "nan", 2, "inf"))
    assert made.values.tolist()[0] == 1.5
    assert (made.missing, made.unreadable, int(np.isinf(made.values).sum())) == (3, 1, 1)


def test_dates_become_seconds_since_1970_in_utc() -> None:
    cells = objects("1970-01-02", "1970-01-01T01:00:00+01:00", datetime(1970, 1, 1, 0, 1, tzinfo=UTC), date(1970, 1, 2), "soon", None)
    made = read_as("date", cells)
    assert made.values.tolist()[:4] == [86400.0, 0.0, 60.0, 86400.0]
    assert (made.missing, made.unreadable) == (1, 1)
    typed = read_as("date", np.array(["1970-01-01T00:00:01", "NaT"], dtype="M8[ns]"))
    assert (typed.values[0], typed.missing) == (1.0, 1)


def test_choices_are_counted_most_frequent_first() -> None:
    made = read_as("choice", objects("b", "a", "b", None, "", 3))
    assert list(made.levels.items()) == [("b", 2), ("a", 1), ("3", 1)]
    assert made.missing == 2


def test_flags_are_read_from_words_and_from_0_and_1() -> None:
    made = read_as("flag", objects("TRUE", "false", True, 0, 1, None, "maybe"))
    assert made.levels == {"false": 2, "true": 3}
    assert (made.missing, made.unreadable) == (1, 1)
    assert made.flags is not None
    assert made.flags.tolist() == [True, False, True, False, True, False, False]
    assert read_as("flag", np.array([1, 0, 1])).levels == {"false": 1, "true": 2}


def test_flags_can_be_read_as_numbers_and_numbers_as_levels() -> None:
    assert read_as("number", np.array([True, False])).values.tolist() == [1.0, 0.0]
    assert read_as("choice", np.array([1.5, 1.5, 2.0])).levels == {"1.5": 2, "2.0": 1}


def test_whole_numbers_too_large_for_a_float_cannot_be_read() -> None:
    assert read_as("number", objects(10**400, 1)).unreadable == 1


def test_a_column_without_values_is_all_missing() -> None:
    made = read_as("empty", objects(None, None))
    assert (made.kind, made.rows, made.missing) == ("empty", 2, 2)


@pytest.mark.parametrize("kind", ["number", "choice", "flag", "date"])
def test_coded_text_reads_as_its_cells_do(kind: RawKind) -> None:
    values = ("1.5", "true", "x", "", "2024-05-01", "unused", None)
    codes = np.array([0, 1, 2, 3, 4, -1, 6, 0, 1], dtype=np.int32)
    plain = objects(*[None if code < 0 else values[code] for code in codes])
    one, other = read_as(kind, plain), read(look_at(Coded(codes=codes, values=values)), kind)
    assert (one.rows, one.missing, one.unreadable) == (other.rows, other.missing, other.unreadable)
    assert one.levels == other.levels
    assert np.array_equal(one.values, other.values, equal_nan=True)
    assert (one.flags is None) == (other.flags is None)
    assert one.flags is None or other.flags is None or np.array_equal(one.flags, other.flags)


def test_values_that_occur_nowhere_do_not_tell_a_kind() -> None:
    assert look_at(Coded(codes=np.array([-1, -1], dtype=np.int32), values=("a", "b"))).kind == "empty"
    assert look_at(Coded(codes=np.array([0, -1], dtype=np.int32), values=("1", "b"))).kind == "number"
