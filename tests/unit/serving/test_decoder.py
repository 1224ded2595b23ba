from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from farero.core.schema import Field, Schema
from farero.serving.decoder import RowDecoder

SCHEMA = Schema(
    fields=(
        Field(name="tenure", kind="number", min=0, max=100),
        Field(name="usage", kind="number", missing=True),
        Field(name="plan", kind="choice", levels=("monthly", "yearly")),
        Field(name="colour", kind="choice", levels=("red",), missing=True, new_levels=True),
        Field(name="senior", kind="flag", missing=True),
        Field(name="since", kind="date", missing=True),
        Field(name="email", kind="personal", privacy="hash", missing=True),
    ),
    key="id",
)
ROW: dict[str, Any] = {
    "tenure": 3,
    "usage": 1.5,
    "plan": "yearly",
    "colour": "red",
    "senior": True,
    "since": "2024-05-01T13:00:00+02:00",
    "email": "a@b.example",
    "id": 17,
}
SINCE = 1714561200000000.0
NAN = float("nan")


def decoder(schema: Schema = SCHEMA, *, capacity: int = 4, max_rows: int = 3) -> tuple[RowDecoder, Any]:
    rows = np.full((capacity, len(schema.features)), 7.25)
    return RowDecoder(schema, max_rows=max_rows, rows=rows), rows


def said(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def test_one_bare_row_gives_its_numbers_and_its_values() -> None:
    reader, rows = decoder()
    got = reader.decode(said(ROW))
    assert got is not None
    assert (got.count, got.bare) == (1, True)
    assert rows[0].tolist() == [3.0, 1.5, 1.0, 0.0, 1.0, SINCE]
    assert (rows[1:] == 7.25).all(), "only the row's own place is written"
    assert got.inputs == {
        "tenure": [3.0], "usage": [1.5], "plan": ["yearly"], "colour": ["red"], "senior": [True], "since": ["2024-05-01T11:00:00.000000Z"],
    }  # fmt: skip
    assert (got.personal, got.keys) == ({"email": ["a@b.example"]}, ["17"])


def test_rows_in_a_list_are_spread_over_columns() -> None:
    reader, rows = decoder()
    got = reader.decode(said({"rows": [ROW, {"tenure": 0, "plan": "monthly", "colour": "blue"}, {**ROW, "usage": None, "id": "k"}]}))
    assert got is not None
    assert (got.count, got.bare) == (3, False)
    expected = [[3.0, 1.5, 1.0, 0.0, 1.0, SINCE], [0.0, NAN, 0.0, -2.0, -1.0, NAN], [3.0, NAN, 1.0, 0.0, 1.0, SINCE]]
    np.testing.assert_array_equal(rows[:3], expected)
    assert list(got.inputs["colour"]) == ["red", "blue", "red"]
    assert list(got.inputs["usage"]) == [1.5, None, None]
    assert list(got.inputs["since"]) == ["2024-05-01T11:00:00.000000Z", None, "2024-05-01T11:00:00.000000Z"]
    assert got.personal == {"email": ["a@b.example", None, "a@b.example"]}
    assert got.keys == ["17", None, "k"]


def test_a_list_of_one_row_is_not_a_bare_row() -> None:
    reader, rows = decoder()
    got = reader.decode(said({"rows": [ROW]}))
    assert got is not None
    assert (got.count, got.bare, rows[0, 0]) == (1, False, 3.0)


def test_a_list_is_known_as_one_however_it_is_spaced() -> None:
    reader, _ = decoder()
    got = reader.decode(json.dumps({"rows": [ROW, ROW]}, indent=4).encode())
    assert got is not None and got.count == 2


@pytest.mark.row("S2")
@pytest.mark.parametrize(
    "change",
    [
        {"tenure": "3"}, {"tenure": True}, {"tenure": None}, {"tenure": -1}, {"tenure": 100.5}, {"plan": "weekly"}, {"plan": 1},
        {"plan": None}, {"senior": 1}, {"senior": "true"}, {"since": "2024-05-01"}, {"since": "2024-05-01T13:00:00"}, {"since": 5},
        {"since": "soon"}, {"email": 5}, {"id": 1.0}, {"id": True}, {"id": [1]}, {"extra": 1}, {"usage": 10**400}, {"usage": [1]},
    ],
    ids=str,
)  # fmt: skip
def test_a_row_that_does_not_fit_is_left_to_the_careful_way(change: dict[str, Any]) -> None:
    reader, rows = decoder()
    assert reader.decode(said(ROW | change)) is None
    assert reader.decode(said({"rows": [ROW, ROW | change]})) is None
    assert (rows == 7.25).all(), "nothing is written before all is certain"


@pytest.mark.row("S2")
@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"null", b"[]", b"{", b"{}", b"\xff", b"\xef\xbb\xbf" + said(ROW), said([ROW]), said({"rows": []}), said({"rows": ROW}),
        said({"rows": [ROW] * 4}), said({"rows": [ROW], "more": 1}), said(ROW) + b"x", said(ROW).replace(b"1.5", b"NaN"),
        said(ROW).replace(b"1.5", b"1e999"), said(ROW).replace(b"1.5", b"-Infinity"), said(ROW).replace(b"a@b", b"\\ud800"),
        said(ROW).replace(b"a@b", b"\xed\xa0\x80"), b"[" * 100_000, b'{"tenure":' * 100_000, b'{"rows":[' + b"{}," * 100_000 + b"{}]}",
    ],
)  # fmt: skip
def test_a_body_that_is_no_such_rows_is_left_to_the_careful_way(body: bytes) -> None:
    reader, _ = decoder()
    assert reader.decode(body) is None


NEW = Field(name="c", kind="choice", levels=("x",), new_levels=True, missing=True)


@pytest.mark.row("S2")
@pytest.mark.parametrize(
    ("schema", "once", "twice"),
    [
        (Schema(fields=(Field(name="a", kind="number"),)), b'{"a":1}', b'{"a":1,"a":1}'),
        # As many colons as there are names, for one stands twice and one is absent.
        (Schema(fields=(Field(name="a", kind="number"), NEW)), b'{"a":1,"c":"x"}', b'{"a":1,"a":2}'),
        # The escaped colon in the text is none in the body.
        (Schema(fields=(Field(name="a", kind="number"), NEW)), b'{"c":":","a":1}', b'{"c":"\\u003a","a":1,"a":2}'),
        # The escaped colon in a name is none in the body.
        (Schema(fields=(Field(name="a:b", kind="number"), NEW)), b'{"a:b":1,"c":"x"}', b'{"a\\u003ab":1,"c":"x","c":"x"}'),
        # The value that is thrown away has the colon.
        (Schema(fields=(Field(name="a", kind="number"), NEW)), b'{"c":"12:30","a":1}', b'{"c":":","a":1,"c":"x"}'),
    ],
)
def test_a_name_that_stands_twice_is_never_taken(schema: Schema, once: bytes, twice: bytes) -> None:
    reader, _ = decoder(schema)
    assert reader.decode(once) is not None
    assert reader.decode(b'{"rows":[' + once + b"," + once + b"]}") is not None
    assert reader.decode(twice) is None
    assert reader.decode(b'{"rows":[' + twice + b"]}") is None
    assert reader.decode(b'{"rows":[' + once + b"," + twice + b"]}") is None
    assert reader.decode(b'{"rows":[' + once + b'],"rows":[' + once + b"]}") is None


def test_an_escaped_text_without_colons_is_read_like_a_plain_one() -> None:
    reader, _ = decoder(Schema(fields=(NEW,)))
    got = reader.decode(b'{"c":"caf\\u00e9"}')
    assert got is not None and got.inputs == {"c": ["café"]}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"-0.0", -0.0), (b"-0", 0.0), (b"9007199254740993", 9007199254740992.0), (b"18446744073709551617", 2.0**64), (b"1e-400", 0.0),
        (b"1" * 300, float("1" * 300)),
    ],
)  # fmt: skip
def test_a_number_is_read_to_the_last_bit(text: bytes, number: float) -> None:
    reader, rows = decoder(Schema(fields=(Field(name="x", kind="number"),)))
    got = reader.decode(b'{"x":' + text + b"}")
    assert got is not None
    assert rows[0].tobytes() == np.float64(number).tobytes()
    assert repr(got.inputs["x"]) == repr([number])


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("2255-06-05T23:47:34.740992Z", True),
        ("2255-06-05T23:47:34.740993Z", False),
        ("1684-07-28T00:12:25.259008Z", True),
        ("1684-07-28T00:12:25.259007Z", False),
        ("0001-01-01T00:00:00+02:00", False),
    ],
)
def test_a_date_beyond_exact_numbers_is_left_to_the_careful_way(text: str, taken: bool) -> None:
    reader, _ = decoder(Schema(fields=(Field(name="at", kind="date"),)))
    assert (reader.decode(said({"at": text})) is not None) is taken


def test_a_feature_called_rows_is_read_from_a_list_only() -> None:
    reader, rows = decoder(Schema(fields=(Field(name="rows", kind="number"),)))
    assert reader.decode(b'{"rows":1}') is None
    assert reader.decode(b' {"rows":1}') is None
    got = reader.decode(b'{"rows":[{"rows":1},{"rows":2}]}')
    assert got is not None and rows[:2, 0].tolist() == [1.0, 2.0]


def test_a_text_that_says_rows_does_not_make_a_row_a_list() -> None:
    reader, _ = decoder(Schema(fields=(NEW,)))
    got = reader.decode(b'{"c":"rows"}')
    assert got is not None and got.bare


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_more_rows_than_there_is_room_for_are_left_to_the_careful_way(rows: int) -> None:
    reader, _ = decoder(capacity=3, max_rows=10)
    assert (reader.decode(said({"rows": [ROW] * rows})) is not None) is (rows <= 3)


@pytest.mark.parametrize(
    "schema",
    [
        Schema(fields=(Field(name="mail", kind="personal", privacy="drop"),)),
        Schema(fields=(Field(name='a"b', kind="number"),)),
        Schema(fields=(Field(name="a\\b", kind="number"),)),
        Schema(fields=(Field(name="a\tb", kind="number"),)),
        Schema(fields=(Field(name="a", kind="number"),), key="a"),
        Schema(fields=(Field(name="a", kind="number", max=float("inf")),)),
        Schema(fields=(Field(name="a", kind="number", min=2**53 + 1),)),
        Schema(fields=(Field(name="a", kind="choice", levels=("\ud800",)),)),
    ],
)
def test_a_schema_that_no_type_can_say_is_left_to_the_careful_way(schema: Schema) -> None:
    reader, _ = decoder(schema)
    assert reader.decode(json.dumps({field.name: 1 for field in schema.fields}).encode()) is None
    assert reader.decode(b"{}") is None


@pytest.mark.parametrize(
    "rows",
    [np.zeros((4, 5)), np.zeros((4, 6), dtype=np.float32), np.zeros((6, 4)).T, np.zeros(6)],
    ids=["narrow", "float32", "turned", "flat"],
)
def test_a_buffer_that_rows_do_not_fit_is_refused(rows: Any) -> None:
    with pytest.raises(ValueError, match="C-contiguous float64"):
        RowDecoder(SCHEMA, max_rows=4, rows=rows)


def test_a_representation_shows_nobodys_data() -> None:
    reader, _ = decoder()
    assert repr(reader.decode(said(ROW))) == "Decoded(count=1, bare=True)"
