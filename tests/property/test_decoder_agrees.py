"""The generated decoder gives what the careful way gives, or gives up; and it does not give up on what a plain client sends."""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farero.core.matrix import to_matrix
from farero.core.schema import Field, Schema, check_rows
from farero.errors import BadInput
from farero.rest.infer import read_rows
from farero.rest.request import decode
from farero.serving import decoder as decoder_module
from farero.serving.decoder import Decoded, RowDecoder
from farero.serving.privacy import Protector

CAPACITY = 24
MAX_ROWS = 20
SEED = 20240501
SCHEMAS = 24
ROWS = 100_000

NAMES = ["tenure", "größe", "two words", "a:b", "rows", "count", "f0", "v1", "x'y", "{}", "class", "Decoded", "😀", "plan", "since", "last"]
LEVELS = ["a", "b", "monthly", "yearly", "rows", "é", "12:30", "", "null", "it's", "-", "A", "😀"]
DATES = [
    "2024-05-01T13:00:00Z", "2024-05-01T13:00:00+02:00", "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00-11:30", "20240501T130000Z",
    "2024-05-01 13:00:00.5+00:00", "2254-12-31T00:00:00Z", "1700-01-01T00:00:00Z", "2024-02-29T12:00:00.123456789+05:45",
]  # fmt: skip
ODD_DATES = ["0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00", "2024-05-01", "2024-05-01T13:00:00", "2300-01-01T00:00:00Z", "x"]
ODD: list[Any] = [
    None, True, False, 0, 1, -1, -0.0, 1.5, 2**53 + 1, 2**64 + 1, 10**30, 10**310, 1e308, -1e-320, "", "a", "3", "a:b", "\u2028", "é", "\\",
    'q"', "\x00", [], [1], {}, {"a": 1}, "2024-05-01T13:00:00Z", *ODD_DATES,
]  # fmt: skip


def a_schema(chance: random.Random) -> Schema:
    """Any fields in any order, at least one of which is a feature."""
    names = chance.sample(NAMES, chance.randint(2, 12))
    fields = []
    for name in names[:-1]:
        kind = chance.choice(["number", "number", "choice", "choice", "flag", "date", "personal"]) if fields else "number"
        least = chance.choice([None, None, 0, -1.5])
        fields.append(
            Field(
                name=name, kind=kind, missing=chance.random() < 0.4,
                min=least if kind == "number" else None, max=chance.choice([None, 1e6, 100]) if kind == "number" else None,
                levels=tuple(chance.sample(LEVELS, chance.randint(1, 5))) if kind == "choice" else (),
                new_levels=kind == "choice" and chance.random() < 0.3,
                privacy=chance.choice(["drop", "hash", "bucket"]) if kind == "personal" else None,
            )
        )  # fmt: skip
    chance.shuffle(fields)
    return Schema(fields=tuple(fields), key=names[-1] if chance.random() < 0.5 else None)


def a_value(chance: random.Random, field: Field) -> Any:
    """A value that fits."""
    if field.missing and chance.random() < 0.15:
        return None
    if field.kind == "number":
        least, most = field.min if field.min is not None else -1e3, field.max if field.max is not None else 1e9
        return chance.choice(
            [round(chance.uniform(least, most), 3), chance.uniform(least, most), int(chance.uniform(0, most)), least, most]
        )
    if field.kind == "choice":
        return chance.choice([*field.levels, "a new one"]) if field.new_levels else chance.choice(field.levels)
    if field.kind == "flag":
        return chance.random() < 0.5
    return chance.choice(DATES) if field.kind == "date" else chance.choice(["ana", "10 Main St", "a@b.example", ""])


def a_row(chance: random.Random, schema: Schema) -> dict[str, Any]:
    """A row that fits, with some of its optional names left out and, now and then, in another order."""
    row = {f.name: a_value(chance, f) for f in schema.fields if not (f.missing and chance.random() < 0.15)}
    if schema.key and chance.random() < 0.8:
        row[schema.key] = chance.choice([None, "c1", 17, 0, "x y"])
    if chance.random() < 0.2:
        row = dict(chance.sample(list(row.items()), len(row)))
    return row


def spoilt(chance: random.Random, schema: Schema, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with a value, or a name, that most likely does not fit."""
    row = dict(row)
    name = chance.choice([f.name for f in schema.fields] + ([schema.key] if schema.key else []))
    match chance.randrange(4):
        case 0:
            row.pop(name, None)
        case 1:
            row[chance.choice(["extra", "", name + "x", "rows"])] = chance.choice(ODD)
        case _:
            row[name] = chance.choice(ODD)
    return row


def mutated(chance: random.Random, body: bytes) -> bytes:
    """The body with one thing wrong with its bytes, or spelt in an unusual way."""
    at, to = sorted((chance.randrange(len(body)), chance.randrange(len(body))))
    match chance.randrange(12):
        case 0:
            return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
        case 1:
            return body[:at] + body[to:]
        case 2:
            return body[:to] + body[at:]
        case 3:
            return b"\xef\xbb\xbf" + body
        case 4:
            return body.replace(b"true", b"1").replace(b"null", b"NaN")
        case 5:  # every name twice, or a value that is not the last
            return body.replace(b"{", b'{"tenure":1,', 1)
        case 6:
            text = body.decode()
            pairs = text[text.rindex("{") + 1 : text.rindex("}")]
            return text.replace(pairs, f"{pairs},{pairs}").encode()
        case 7:
            return body.replace(b"a", b"\\u0061")
        case 8:
            return body.replace(b":", chance.choice([b" : ", b"\\u003a", b"::", b":\n\t"]), chance.randint(1, 4))
        case 9:
            return body.replace(b"0", chance.choice([b"1e999", b"-0", b"00", b"0e5", b"9" * 400, b"Infinity"]), 1)
        case 10:
            return body.replace(b'"', chance.choice([b'"\\ud800', b'"\xed\xa0\x80', b'"\\', b"'"]), chance.randint(1, 8))
        case _:
            return body + chance.choice([b" ", b"\n", b"x", b"{}", b"\x00"])


class Ways:
    """Both ways of one schema."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.rows = np.full((CAPACITY, len(schema.features)), 7.25)
        self.decoder = RowDecoder(schema, max_rows=MAX_ROWS, rows=self.rows)
        self.protector = Protector(b"sixteen bytes, or more", schema)

    def agree(self, body: bytes) -> bool | None:
        """Whether the fast way answered, or None where neither did; what it answers is what the careful way answers."""
        fast = self.decoder.decode(body)
        try:
            rows, bare = read_rows(decode(body), MAX_ROWS)
            checked = check_rows(self.schema, rows)
            accepted = not checked.faults
        except BadInput:
            accepted = False
        if fast is None:
            return False if accepted else None
        assert accepted, body
        count = checked.rows.count
        assert (fast.count, fast.bare) == (count, bare), body
        assert same_bits(self.rows[:count], to_matrix(self.schema, checked.rows.columns, count)), body
        assert self.protected(fast) == spelt(self.protector.protect(checked.rows)), body
        assert {name: list(values) for name, values in fast.personal.items()} == {
            name: list(values) for name, values in checked.rows.personal.items()
        }, body
        assert fast.keys == self.protector.keys(checked.rows), body
        return True

    def protected(self, fast: Decoded) -> object:
        """The decoder's inputs, with its personal values protected like those of checked rows."""
        plain = {name: msgspec.msgpack.decode(v) if isinstance(v, msgspec.Raw) else v for name, v in fast.inputs.items()}
        return spelt({**plain, **self.protector.disguised(fast.personal)})


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    """Equal to the bit, but any NaN is as good as another."""
    gaps = np.isnan(left)
    return bool((gaps == np.isnan(right)).all() and left[~gaps].tobytes() == right[~gaps].tobytes())


def spelt(inputs: Mapping[str, Sequence[Any]]) -> list[object]:
    """Values with their types, zeros with their signs, and names with their order."""
    return [(name, [(type(v), struct.pack("d", v) if type(v) is float else v) for v in values]) for name, values in inputs.items()]


def bodies(chance: random.Random, schema: Schema, rows: list[dict[str, Any]]) -> bytes:
    """The rows as one of many clients spells them: bare or in a list, close or with spaces, without escapes."""
    declared = {field.name for field in schema.fields} | {schema.key}
    bare = len(rows) == 1 and chance.random() < 0.5 and "rows" not in declared
    indent, separators = chance.choice([(None, None), (None, (",", ":")), (2, None)])
    return json.dumps(rows[0] if bare else {"rows": rows}, ensure_ascii=False, indent=indent, separators=separators).encode()


@pytest.mark.row("S2")
@pytest.mark.parametrize("plain_bytes", [0, decoder_module._PLAIN])
def test_a_hundred_thousand_rows_are_read_alike_both_ways(plain_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_module, "_PLAIN", plain_bytes)  # from 0 on, rows of numbers and choices are read without Python's objects
    chance = random.Random(SEED)
    rows_read, answered, refused, left = 0, 0, 0, 0
    for _ in range(SCHEMAS):
        ways = Ways(a_schema(chance))
        budget = ROWS // SCHEMAS + 1
        while budget > 0:
            rows = [a_row(chance, ways.schema) for _ in range(chance.choice([1, 1, 2, 5, 20]))]
            budget -= len(rows)
            rows_read += len(rows)
            if chance.random() < 0.4:
                body = bodies(chance, ways.schema, rows)
                assert ways.agree(body), f"{body!r} is plain, and was left to the careful way"
                answered += 1
                continue
            if chance.random() < 0.6:
                at = chance.randrange(len(rows))
                rows[at] = spoilt(chance, ways.schema, rows[at])
            body = json.dumps(rows[0] if len(rows) == 1 else {"rows": rows}, ensure_ascii=chance.random() < 0.3).encode("utf-8", "replace")
            if chance.random() < 0.5:
                body = mutated(chance, body)
            result = ways.agree(body)
            answered, refused, left = answered + (result is True), refused + (result is None), left + (result is False)
    assert rows_read >= ROWS
    assert min(answered, refused) > 5000 and left < 1000, "one of the three is hardly tried, or the fast way is hardly taken"


@pytest.mark.row("S2")
@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), body=st.binary(max_size=60))
def test_no_bytes_make_the_decoder_raise(seed: int, body: bytes) -> None:
    chance = random.Random(seed)
    ways = Ways(a_schema(chance))
    for start in (b"", b"{", b'{"rows":[{', b'{"tenure":'):
        ways.agree(start + body)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_any_values_under_the_declared_names_are_read_alike(data: st.DataObject, seed: int) -> None:
    ways = Ways(a_schema(random.Random(seed)))
    anything = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    names = [f.name for f in ways.schema.fields]
    optional = {f.name: anything for f in ways.schema.fields if f.missing}
    typed = {
        f.name: {
            "number": st.floats(-1, 100) | st.integers(), "choice": st.sampled_from(f.levels or ("a",)) | st.text(max_size=8),
            "flag": st.booleans(), "date": st.datetimes().map(lambda at: at.isoformat() + "Z"), "personal": st.text(max_size=8),
        }[f.kind] for f in ways.schema.fields
    }  # fmt: skip
    rows = data.draw(st.lists(st.fixed_dictionaries({n: typed[n] for n in names if n not in optional}, optional=optional), max_size=4))
    ways.agree(json.dumps({"rows": rows}, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"rows":' * 50_000, b'{"rows":[' + b"[" * 100_000, b'{"x":' + b"9" * 100_000])
def test_a_body_without_end_is_left_to_the_careful_way(body: bytes) -> None:
    ways = Ways(Schema(fields=(Field(name="x", kind="number", missing=True),)))
    assert ways.agree(body) is None
    assert math.isclose(ways.rows.sum(), 7.25 * CAPACITY)
