from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from farero.core.field import MISSING_CODE, MISSING_TIME, NEW_CODE, Field, Misfit, from_file, missing_value, read

TENURE = Field(name="tenure", kind="number", unit="month", min=0, max=100)
PLAN = Field(name="plan", kind="choice", levels=("monthly", "yearly"))
FLAG = Field(name="paperless", kind="flag")
WHEN = Field(name="when", kind="date")
EMAIL = Field(name="email", kind="personal", privacy="drop", missing=True)


@pytest.mark.parametrize(
    ("field", "value", "encoded"),
    [
        (TENURE, 3, 3.0),
        (TENURE, 0.0, 0.0),
        (TENURE, 100, 100.0),
        (TENURE, np.int64(7), 7.0),
        (PLAN, "yearly", 1),
        (FLAG, True, 1),
        (FLAG, False, 0),
        (FLAG, np.bool_(True), 1),
        (WHEN, "1970-01-01T00:00:01Z", 1_000_000),
        (WHEN, "1970-01-01T02:00:00+02:00", 0),
        (WHEN, datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 0),
        (EMAIL, "a@b.c", "a@b.c"),
    ],
)
def test_a_value_that_fits_is_encoded(field: Field, value: object, encoded: object) -> None:
    got = read(field, value)
    assert got == encoded
    assert type(got) is type(encoded)


@pytest.mark.row("S2")
@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (TENURE, None, "missing"),
        (TENURE, "3", "wrong-type"),
        (TENURE, True, "wrong-type"),
        (TENURE, [3], "wrong-type"),
        (TENURE, {"value": 3}, "wrong-type"),
        (TENURE, math.nan, "not-finite"),
        (TENURE, math.inf, "not-finite"),
        (TENURE, 10**400, "not-finite"),
        (TENURE, -1, "below-min"),
        (TENURE, 100.5, "above-max"),
        (PLAN, "weekly", "unknown-level"),
        (PLAN, "Monthly", "unknown-level"),
        (PLAN, " monthly", "unknown-level"),
        (PLAN, "", "unknown-level"),
        (PLAN, 1, "wrong-type"),
        (PLAN, ["monthly"], "wrong-type"),
        (FLAG, 1, "wrong-type"),
        (FLAG, "true", "wrong-type"),
        (WHEN, "2024-05-01T13:00:00", "no-zone"),
        (WHEN, "yesterday", "bad-date"),
        (WHEN, "2024-02-30T00:00:00Z", "bad-date"),
        (WHEN, "0001-01-01T00:00:00+14:00", "bad-date"),
        (WHEN, 1_700_000_000, "wrong-type"),
        (EMAIL, 5, "wrong-type"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_without_coercion(field: Field, value: object, code: str) -> None:
    got = read(field, value)
    assert isinstance(got, Misfit)
    assert got.code == code


@pytest.mark.parametrize(
    ("kind", "stands"), [("number", math.nan), ("choice", MISSING_CODE), ("flag", MISSING_CODE), ("date", MISSING_TIME), ("personal", None)]
)
def test_null_is_missing_where_the_project_allows_it(kind: str, stands: object) -> None:
    field = Field(name="x", kind=kind, missing=True, levels=("a",))  # type: ignore[arg-type]
    got = read(field, None)
    assert got == stands or (got != got and stands != stands)
    assert repr(missing_value(field)) == repr(got)


def test_a_new_level_passes_where_the_project_allows_it() -> None:
    assert read(Field(name="plan", kind="choice", levels=("a",), new_levels=True), "b") == NEW_CODE


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        (TENURE, "12", "must be a number, not text '12'"),
        (TENURE, True, "must be a number, not true"),
        (TENURE, -3, "is -3, below the least allowed value 0 month"),
        (TENURE, 250, "is 250, above the largest allowed value 100 month"),
        (PLAN, "yealy", "is 'yealy', not one of 'monthly', 'yearly'; did you mean 'yearly'?"),
        (PLAN, 3, "must be text, one of 'monthly', 'yearly', not the number 3"),
        (TENURE, [], "must be a number, not a list"),
        (
            Field(name="x", kind="choice", levels=tuple("abcdefghijk")),
            "z",
            "is 'z', not one of 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' and 3 more",
        ),
    ],
)
def test_the_message_says_what_was_there_and_what_may_be(field: Field, value: object, says: str) -> None:
    got = read(field, value)
    assert isinstance(got, Misfit)
    assert got.message == says


def test_a_long_text_is_cut_in_the_message() -> None:
    got = read(TENURE, "x" * 100_000)
    assert isinstance(got, Misfit)
    assert len(got.message) < 100


@pytest.mark.row("L4")
def test_a_personal_value_is_never_repeated_in_a_message() -> None:
    got = read(EMAIL, 4111111111111111)
    assert isinstance(got, Misfit)
    assert "4111" not in got.message


@pytest.mark.parametrize(
    ("field", "cell", "value"),
    [
        (TENURE, "12", 12.0),
        (TENURE, " 1.5e2 ", 150.0),
        (TENURE, "1_000", "1_000"),
        (TENURE, "abc", "abc"),
        (TENURE, "", None),
        (TENURE, " ", None),
        (TENURE, "NA", None),
        (TENURE, math.nan, None),
        (FLAG, "Yes", True),
        (FLAG, "0", False),
        (FLAG, 1, True),
        (FLAG, 0.0, False),
        (FLAG, 2, 2),
        (FLAG, "maybe", "maybe"),
        (PLAN, "yearly", "yearly"),
        (PLAN, " yearly ", "yearly"),
        (PLAN, "", None),
        (Field(name="c", kind="choice", levels=("NA", "EU")), "NA", "NA"),
        (Field(name="c", kind="choice", levels=("1", "2")), 2.0, "2"),
        (Field(name="c", kind="choice", levels=("1", "2")), math.inf, math.inf),
        (WHEN, "2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        (WHEN, "2024-05-01T13:00:00+02:00", datetime(2024, 5, 1, 11, tzinfo=UTC)),
        (WHEN, datetime(2024, 5, 1, tzinfo=UTC).replace(tzinfo=None), datetime(2024, 5, 1, tzinfo=UTC)),
        (EMAIL, 5, "5"),
        (EMAIL, None, None),
    ],
)
def test_a_cell_of_a_file_is_read_as_what_it_stands_for(field: Field, cell: object, value: object) -> None:
    assert from_file(field, cell) == value
