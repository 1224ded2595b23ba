"""Plain rows are read to the last bit as the general way reads them, and anything else is left to it."""

from __future__ import annotations

import json
import random
import struct

import msgspec
import numpy as np
import pytest

from farero.core.field import Field
from farero.core.schema import Schema
from farero.serving.compile.json_rows import JsonRows

SCHEMA = Schema(
    fields=(
        Field(name="größe", kind="number", min=-1e6, max=1e6, missing=True),
        Field(name="plan", kind="choice", levels=("a", "ab", "é"), missing=True),
        Field(name="y", kind="number"),
    )
)
NAMES = ("größe", "plan", "y")


def reader(capacity: int = 64) -> tuple[JsonRows, np.ndarray]:
    rows = np.zeros((capacity, 3))
    return JsonRows(SCHEMA, rows), rows


def body(*rows: str) -> bytes:
    return ('{"rows": [' + ", ".join(rows) + "]}").encode()


def row(number: str = "1.5", plan: str = '"ab"', y: str = "2") -> str:
    return f'{{"größe": {number}, "plan": {plan}, "y": {y}}}'


@pytest.mark.row("S2")
@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 64])
def test_rows_fill_the_matrix_and_are_spelt_as_they_are_recorded(count: int) -> None:
    plain, rows = reader()
    sent = [{"größe": None if at % 3 else -at / 7, "plan": (None, "a", "ab", "é")[at % 4], "y": at * 1e20} for at in range(count)]
    for spelling in (json.dumps({"rows": sent}, ensure_ascii=False), json.dumps({"rows": sent}, ensure_ascii=False, indent=1)):
        found = plain.read(spelling.encode())
        assert found is not None and found[0] == count
        codes = {None: -1.0, "a": 0.0, "ab": 1.0, "é": 2.0}
        expected = [[np.nan if one["größe"] is None else one["größe"], codes[one["plan"]], one["y"]] for one in sent]  # type: ignore[index]
        np.testing.assert_array_equal(rows[:count], np.array(expected, dtype=np.float64))
        assert {name: msgspec.msgpack.decode(found[1][name]) for name in NAMES} == {name: [one[name] for one in sent] for name in NAMES}


def _numbers() -> list[str]:
    chance = random.Random(5)
    made = [repr(chance.gauss(0, 1)) for _ in range(3000)] + [
        str(round(chance.uniform(-1e5, 1e5), chance.randint(0, 8))) for _ in range(3000)
    ]
    made += [str(chance.randint(-(10**19) + 1, 10**19 - 1)) for _ in range(2000)]
    made += [repr(struct.unpack("d", struct.pack("Q", chance.getrandbits(64)))[0]) for _ in range(3000)]
    halves = [(2 * chance.getrandbits(53) + 1) * 2.0 ** chance.randint(-60, 8) for _ in range(2000)]
    made += [f"{half:.0f}" if half < 1e18 else repr(half) for half in halves]
    made += [f"{chance.randint(1, 10**17)}e{chance.randint(-320, 320)}" for _ in range(2000)]
    made += [
        "0",
        "0.0",
        "0e5",
        "1E+2",
        "1e-2",
        "0.00000000000000000123456789012345678",
        "9007199254740993",
        "18446744073709551615",
        "5e-324",
    ]
    made += ["1.7976931348623157e308", "2.2250738585072014e-308", "9999999999999999999", "0.1234567890123456789", "100000000000000000000"]
    return [number for number in made if number not in ("nan", "inf", "-inf")]


def test_every_number_is_the_float64_that_python_reads_or_is_left_to_another() -> None:
    plain, rows = reader()
    read = 0
    for number in _numbers():
        found = plain.read(body(row(y=number)))
        if found is not None:
            read += 1
            assert struct.pack("d", rows[0, 2]) == struct.pack("d", float(number)), number
    assert read > 13_000


ODD = '01 -01 +1 .5 1. 1e 1e+ 1.e5 - -0 -0.0 NaN Infinity 1e999 0x1 1_0 1e000001 12345678901234567890 "1" true null [] {}'.split()
CUT_OR_MORE = [b'{"rows": [' + row().encode() + b",]}", body(row())[:-1], body(row())[:-2] + b"}", body(row()) + b"x"]
TWICE = [
    '{"größe": 1, "plan": "a", "y": 1, "y": 2}',
    '{"größe": 1, "größe": 1, "plan": "a", "y": 1}',
    '{"größe": 1, "plan": "a", "y": 1, "z": 2}',
]
LEFT = [
    *CUT_OR_MORE, *map(body, TWICE),
    b"", b"{}", b"[]", b'{"rows": []}',
    body(row()).replace(b"rows", b"Rows"), body('{"plan": "a", "größe": 1, "y": 1}'), body('{"größe": 1, "plan": "a"}'),
    *(body(row(y=number)) for number in ODD),
    *(body(row(number=number)) for number in ("1000001", "-1e7", '"1"', "nul", "nulll")),
    *(body(row(plan=plan)) for plan in ('"b"', '"abc"', '"A"', "1", "true", '"\\u0061"', '"a', "a")),
    json.dumps({"rows": [{"größe": 1, "plan": "a", "y": 1}]}).encode(),
    body(row()).decode().encode("utf-16"), b"\xef\xbb\xbf" + body(row()),
]  # fmt: skip


@pytest.mark.row("S2")
@pytest.mark.parametrize("sent", LEFT)
def test_whatever_is_not_plain_is_left_to_another(sent: bytes) -> None:
    plain, _ = reader()
    assert plain.read(sent) is None


def test_every_cut_of_a_body_is_left_to_another() -> None:
    plain, _ = reader()
    whole = body(row(), row("null", "null", "-3.25e-7"))
    assert plain.read(whole) is not None
    assert [plain.read(whole[:end]) for end in range(len(whole))] == [None] * len(whole)


def test_more_rows_than_there_is_room_for_are_left_to_another() -> None:
    plain, _ = reader(capacity=3)
    assert plain.read(body(*[row()] * 3)) is not None
    assert plain.read(body(*[row()] * 4)) is None


@pytest.mark.parametrize(
    "field",
    [
        Field(name="f", kind="flag"), Field(name="d", kind="date"), Field(name="p", kind="personal", privacy="hash"),
        Field(name="c", kind="choice", levels=("a",), new_levels=True), Field(name='a"b', kind="number"), Field(name="a\\b", kind="number"),
        Field(name="c", kind="choice", levels=("a\n",)), Field(name="c", kind="choice", levels=tuple(map(str, range(65)))),
    ],
)  # fmt: skip
def test_schemas_with_other_fields_are_not_read_this_way(field: Field) -> None:
    with pytest.raises(ValueError, match="numbers and choices"):
        JsonRows(Schema(fields=(field,)), np.zeros((4, 1)))
