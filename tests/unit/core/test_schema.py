from __future__ import annotations

import math

import numpy as np
import pytest

from farero.core.schema import NEW_CODE, Fault, Field, Schema, check_columns, check_rows, denied_name
from farero.errors import BadInput

SCHEMA = Schema(
    fields=(
        Field(name="tenure", kind="number", unit="month", min=0),
        Field(name="charge", kind="number", missing=True),
        Field(name="contract", kind="choice", levels=("monthly", "yearly")),
        Field(name="paperless", kind="flag", missing=True),
        Field(name="since", kind="date", missing=True),
        Field(name="email", kind="personal", privacy="drop", missing=True),
    ),
    key="customer",
)
GOOD = {
    "tenure": 3, "charge": 9.5, "contract": "yearly", "paperless": True, "since": "2024-05-01T00:00:00Z",
    "email": "a@b.c", "customer": "c-1",
}  # fmt: skip
NEW = Schema(fields=(Field(name="plan", kind="choice", levels=("a", "b"), new_levels=True),))


def _paths(faults: tuple[Fault, ...]) -> list[tuple[str, str]]:
    return [(fault.path, fault.code) for fault in faults]


def test_rows_that_fit_become_columns() -> None:
    checked = check_rows(SCHEMA, [GOOD, {"tenure": 0.5, "contract": "monthly"}])
    rows = checked.rows
    assert (checked.faults, checked.fault_count, checked.fits.tolist(), rows.count) == ((), 0, [True, True], 2)
    assert rows.columns["tenure"].tolist() == [3.0, 0.5]
    assert rows.columns["contract"].tolist() == [1, 0]
    assert rows.columns["paperless"].tolist() == [1, -1]
    assert math.isnan(rows.columns["charge"][1])
    assert np.isnat(rows.columns["since"][1])
    assert rows.columns["since"][0] == np.datetime64("2024-05-01T00:00:00")
    assert {name: str(values.dtype) for name, values in rows.columns.items()} == {
        "tenure": "float64", "charge": "float64", "contract": "int32", "paperless": "int8", "since": "datetime64[us]",
    }  # fmt: skip
    assert rows.keys == ("c-1", None)
    assert rows.personal == {"email": ("a@b.c", None)}


@pytest.mark.row("S2")
def test_every_fault_of_every_row_is_listed_with_its_path() -> None:
    checked = check_rows(
        SCHEMA,
        [
            GOOD,
            {
                "tenure": "3",
                "charge": math.nan,
                "contract": "weekly",
                "paperless": 1,
                "since": "2024",
                "email": 1,
                "customer": 1.5,
                "tenur": 1,
            },
            {},
            5,
            {**GOOD, "tenure": -1},
        ],
    )
    assert _paths(checked.faults) == [
        ("rows[1].tenure", "wrong-type"),
        ("rows[1].charge", "not-finite"),
        ("rows[1].contract", "unknown-level"),
        ("rows[1].paperless", "wrong-type"),
        ("rows[1].since", "bad-date"),
        ("rows[1].email", "wrong-type"),
        ("rows[1].customer", "wrong-type"),
        ("rows[1].tenur", "extra-field"),
        ("rows[2].tenure", "missing"),
        ("rows[2].contract", "missing"),
        ("rows[3]", "not-an-object"),
        ("rows[4].tenure", "below-min"),
    ]
    assert checked.fault_count == 12
    assert checked.fits.tolist() == [True, False, False, False, False]
    assert checked.rows.count == 1


@pytest.mark.row("S2")
def test_an_extra_field_is_refused_with_the_nearest_name() -> None:
    faults = check_rows(SCHEMA, [{**GOOD, "tenrue": 3, "xyz": 1}]).faults
    assert [str(fault) for fault in faults] == [
        "rows[0].tenrue: is not a declared field; did you mean 'tenure'?",
        "rows[0].xyz: is not a declared field; leave it out",
    ]


@pytest.mark.row("L4")
def test_no_message_repeats_the_value_of_a_personal_or_undeclared_field() -> None:
    faults = check_rows(SCHEMA, [{**GOOD, "email": ["anna@example.org"], "phone": "555-1234"}]).faults
    assert len(faults) == 2
    assert not any("anna" in fault.message or "555" in fault.message for fault in faults)


@pytest.mark.row("L4")
def test_personal_values_never_reach_the_model_or_show_in_a_repr() -> None:
    rows = check_rows(SCHEMA, [GOOD]).rows
    assert "email" not in rows.columns
    assert "a@b.c" not in repr(rows)


def test_no_rows_are_a_fault() -> None:
    assert _paths(check_rows(SCHEMA, []).faults) == [("rows", "empty")]


def test_faults_of_one_bare_row_are_called_by_the_field() -> None:
    assert _paths(check_rows(SCHEMA, [{"tenure": "x", "contract": "monthly"}], prefix="").faults) == [("tenure", "wrong-type")]
    assert _paths(check_rows(SCHEMA, [3], prefix="").faults) == [("body", "not-an-object")]
    assert _paths(check_rows(SCHEMA, [{}], prefix="instances").faults)[0] == ("instances[0].tenure", "missing")


def test_a_whole_number_may_be_the_key() -> None:
    assert check_rows(SCHEMA, [{**GOOD, "customer": 17}]).rows.keys == ("17",)


def test_new_levels_keep_their_text() -> None:
    rows = check_rows(NEW, [{"plan": "a"}, {"plan": "zebra"}]).rows
    assert rows.columns["plan"].tolist() == [0, NEW_CODE]
    assert rows.new_values == {"plan": (None, "zebra")}
    columns = check_columns(NEW, {"plan": np.array(["zebra", "b", "lion"], dtype=object)}).rows
    assert columns.new_values == {"plan": ("zebra", None, "lion")}
    assert check_rows(NEW, [{"plan": "a"}]).rows.new_values == {}


def test_columns_of_a_csv_are_read_as_declared() -> None:
    raw = {
        "tenure": np.array(["3", "-1", "x", ""], dtype=object),
        "charge": np.array(["", "NA", "2.5", "1"], dtype=object),
        "contract": np.array(["monthly", "yearly", "weekly", "monthly"], dtype=object),
        "paperless": np.array(["Yes", "no", "true", "0"], dtype=object),
        "since": np.array(["2024-05-01", "2024-05-01T01:00:00+01:00", None, ""], dtype=object),
        "email": np.array(["a", None, "b", "c"], dtype=object),
        "customer": np.array([1, 2, 3, 4]),
        "noise": np.array([1, 2, 3, 4]),
    }
    checked = check_columns(SCHEMA, raw)
    assert _paths(checked.faults) == [
        ("rows[1].tenure", "below-min"),
        ("rows[2].tenure", "wrong-type"),
        ("rows[2].contract", "unknown-level"),
        ("rows[3].tenure", "missing"),
    ]
    assert checked.fits.tolist() == [True, False, False, False]
    assert checked.rows.columns["tenure"].tolist() == [3.0]
    assert checked.rows.columns["paperless"].tolist() == [1]
    assert checked.rows.personal == {"email": ("a",)}
    assert checked.rows.keys == ("1",)
    assert checked.notes == ("column 'noise' is not declared and was ignored",)


@pytest.mark.parametrize("odd", ["x", "", "nan", "NAN", "1_0", "inf", "-1", True, 3])
def test_a_column_of_spelt_numbers_is_judged_like_each_of_its_cells(odd: object) -> None:
    schema = Schema(fields=(Field(name="n", kind="number", min=0, missing=True),))
    cells = ["1.5", None, " 2 ", "3e1", odd]
    whole = check_columns(schema, {"n": cells})
    single = [check_columns(schema, {"n": [cell, 0.5]}) for cell in cells]  # the number beside it makes each cell be looked at
    assert whole.fits.tolist() == [bool(found.fits[0]) for found in single]
    assert [fault.code for fault in whole.faults] == [fault.code for found in single for fault in found.faults]
    assert whole.rows.columns["n"][:4].tolist()[::2] == [1.5, 2.0]


def test_typed_columns_are_checked_by_the_same_rules() -> None:
    raw = {
        "tenure": np.array([1, 2, -3]),
        "charge": np.array([np.nan, 1.0, np.inf]),
        "contract": ["monthly"] * 3,
        "paperless": np.array([True, False, True]),
        "since": np.array(["2024-05-01", "NaT", "2024-05-02"], dtype="datetime64[ns]"),
    }
    checked = check_columns(SCHEMA, raw)
    assert _paths(checked.faults) == [("rows[2].tenure", "below-min"), ("rows[2].charge", "not-finite")]
    assert checked.rows.columns["since"].dtype == np.dtype("datetime64[us]")
    assert checked.rows.columns["paperless"].tolist() == [1, 0]


def test_a_column_of_another_type_is_refused_cell_by_cell() -> None:
    raw = {"tenure": np.array([True, False]), "contract": np.array(["2024", "2025"], dtype="datetime64[us]")}
    checked = check_columns(SCHEMA, raw)
    assert _paths(checked.faults) == [
        ("rows[0].tenure", "wrong-type"), ("rows[0].contract", "wrong-type"),
        ("rows[1].tenure", "wrong-type"), ("rows[1].contract", "wrong-type"),
    ]  # fmt: skip


def test_an_absent_column_is_one_fault_and_fits_no_row_unless_it_may_be_missing() -> None:
    checked = check_columns(SCHEMA, {"contract": ["monthly"] * 5})
    assert _paths(checked.faults) == [("tenure", "missing")]
    assert not checked.fits.any()
    assert check_columns(SCHEMA, {"tenure": [1.0], "contract": ["monthly"]}).rows.columns["charge"].tolist() != [0.0]


def test_faults_are_listed_up_to_a_limit_and_all_counted() -> None:
    checked = check_columns(SCHEMA, {"tenure": np.full(50, -1.0), "contract": ["monthly"] * 50}, limit=7)
    assert (len(checked.faults), checked.fault_count) == (7, 50)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(BadInput, match=r"differ in length: \[1, 2\]"):
        check_columns(SCHEMA, {"tenure": [1.0], "contract": ["monthly", "yearly"]})


def test_the_digest_changes_with_what_rows_are_accepted_and_with_nothing_else() -> None:
    other = Schema(fields=(Field(name="plan", kind="choice", levels=("a", "b", "c"), new_levels=True),))
    unit = Schema(fields=(Field(name="plan", kind="choice", levels=("a", "b"), new_levels=True, unit="x"),))
    assert NEW.digest() != other.digest()
    assert NEW.digest() == unit.digest()


@pytest.mark.row("L4")
@pytest.mark.parametrize(
    "name",
    ["email", "E-Mail".replace("-", ""), "email_address", "customerEmail", "phone", "PhoneNumber", "mobile", "name", "first_name",
     "lastName", "surname", "address", "home_address", "street", "ssn", "national_id", "social_security_no", "card", "card_number",
     "creditCard", "iban", "passport_no", "phones"],
)  # fmt: skip
def test_names_of_personal_data_are_on_the_deny_list(name: str) -> None:
    assert denied_name(name)


@pytest.mark.parametrize(
    "name", ["rename", "discard", "tenure", "username_length"[9:], "national", "streetcar", "mnth", "dest", "cardinality", "id"]
)
def test_a_part_of_a_word_is_not_on_the_deny_list(name: str) -> None:
    assert not denied_name(name)
