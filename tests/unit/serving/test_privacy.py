from __future__ import annotations

import hashlib
import hmac
import re

import numpy as np
import pytest

from farero.core.schema import MISSING_CODE, NEW_CODE, Field, Rows, Schema
from farero.errors import ConfigInvalid
from farero.ports import LogShape
from farero.serving.privacy import Protector, log_shape

KEY = b"sixteen bytes, or more"
SCHEMA = Schema(
    fields=(
        Field(name="tenure", kind="number", missing=True),
        Field(name="contract", kind="choice", levels=("monthly", "yearly"), missing=True, new_levels=True),
        Field(name="senior", kind="flag", missing=True),
        Field(name="since", kind="date", missing=True),
        Field(name="email", kind="personal", privacy="drop"),
        Field(name="phone", kind="personal", privacy="hash"),
        Field(name="town", kind="personal", privacy="bucket"),
    ),
    key="customer_id",
)
PHONES = ("+34 600 000 001", None, "+34 600 000 001")


def rows(**changes: object) -> Rows:
    values: dict[str, object] = {
        "count": 3,
        "columns": {
            "tenure": np.array([1.5, np.nan, -0.0]),
            "contract": np.array([1, MISSING_CODE, NEW_CODE], dtype=np.int32),
            "senior": np.array([1, -1, 0], dtype=np.int8),
            "since": np.array(["2024-05-01T13:00:00.000001", "NaT", "1969-12-31T23:59:59"], dtype="datetime64[us]"),
        },
        "keys": ("c1", None, "c3"),
        "personal": {"email": ("ana@example.org", "b@example.org", None), "phone": PHONES, "town": ("Soria", "Teruel", None)},
        "new_values": {"contract": (None, None, "weekly")},
    }
    return Rows(**(values | changes))  # type: ignore[arg-type]


def test_features_are_kept_as_plain_values_and_missing_ones_as_none() -> None:
    kept = Protector(KEY, SCHEMA).protect(rows())
    assert kept["tenure"] == [1.5, None, 0.0]
    assert kept["contract"] == ["yearly", None, "weekly"]
    assert kept["senior"] == [True, None, False]
    assert kept["since"] == ["2024-05-01T13:00:00.000001Z", None, "1969-12-31T23:59:59.000000Z"]
    assert [type(value) for value in (kept["tenure"][0], kept["senior"][0])] == [float, bool]


@pytest.mark.row("L4")
def test_personal_fields_are_dropped_hashed_or_bucketed() -> None:
    kept = Protector(KEY, SCHEMA).protect(rows())
    assert "email" not in kept
    assert kept["phone"][1] is None
    assert re.fullmatch(r"[0-9a-f]{32}", kept["phone"][0])
    assert kept["phone"][0] == kept["phone"][2]
    assert kept["town"][2] is None
    assert all(re.fullmatch(r"b\d\d", bucket) and int(bucket[1:]) < 64 for bucket in kept["town"][:2])
    assert all(clear not in str(kept) for clear in ("example.org", "600", "Soria", "Teruel"))


@pytest.mark.row("L4")
def test_a_hash_cannot_be_found_without_the_key_and_differs_between_fields() -> None:
    first = Protector(KEY, SCHEMA).protect(rows())["phone"][0]
    assert first == hmac.digest(KEY, b"phone\x00+34 600 000 001", hashlib.sha256).hex()[:32]
    assert first != Protector(b"another key of the same kind", SCHEMA).protect(rows())["phone"][0]
    assert first != hashlib.sha256(b"+34 600 000 001").hexdigest()[:32]


def test_buckets_are_stable_and_spread() -> None:
    towns = tuple(f"town {number}" for number in range(3))
    first = Protector(KEY, SCHEMA).protect(rows(personal={"town": towns}))["town"]
    assert first == Protector(KEY, SCHEMA).protect(rows(personal={"town": towns}))["town"]
    assert len(set(first)) > 1


def test_personal_fields_that_did_not_come_are_missing() -> None:
    kept = Protector(KEY, SCHEMA).protect(rows(personal={}))
    assert (kept["phone"], kept["town"]) == ([None] * 3, [None] * 3)


def test_a_value_that_is_no_valid_unicode_is_hashed_all_the_same() -> None:
    kept = Protector(KEY, SCHEMA).protect(rows(personal={"phone": ("\ud800", "a\x00b", "")}))
    assert len(set(kept["phone"])) == 3


def test_entity_keys_are_kept_where_the_project_declares_one() -> None:
    assert Protector(KEY, SCHEMA).keys(rows()) == ["c1", None, "c3"]
    assert Protector(KEY, Schema(fields=SCHEMA.fields)).keys(rows()) is None


def test_the_log_has_a_column_for_every_field_that_is_not_dropped() -> None:
    kinds = {"tenure": "number", "contract": "text", "senior": "flag", "since": "date", "phone": "text", "town": "text"}
    assert log_shape(SCHEMA, text_prediction=True) == LogShape(inputs=kinds, text_prediction=True)
    assert set(kinds) == set(Protector(KEY, SCHEMA).protect(rows()))


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="5 bytes"):
        Protector(b"short", SCHEMA)
