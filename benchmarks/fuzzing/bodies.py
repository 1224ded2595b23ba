"""Bodies of predictions and of other requests: made by Hypothesis, made by hand to be nasty, and valid ones with something broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from .exchange import Case

PREDICT = ("/predict", "/v1/models/churn/predict")
Json = Any

_dates = st.datetimes().map(lambda at: at.isoformat() + "Z") | st.sampled_from(["2023-05-01T10:00:00+02:00", "2024-02-29T23:59:59.999999Z"])
_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
FITTING: dict[str, st.SearchStrategy[Json]] = {
    "tenure": st.floats(0, 600) | st.integers(0, 600),
    "charge": st.floats(-50, 500) | st.none(),
    "contract": st.sampled_from(["monthly", "yearly", "two years"]),
    "region": st.sampled_from(["north", "south", "east", None]) | _text,
    "senior": st.booleans(),
    "since": st.none() | st.sampled_from(["2023-05-01T10:00:00Z", "2023-05-01T10:00:00+02:00", "2024-02-29T23:59:59.999999Z"]),
    "contact": st.none() | _text,
    "customer": st.none() | _text,
}
OPTIONAL = ("charge", "region", "since", "contact", "customer")
_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | _dates,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Json]:
    """A row that fits."""
    row = draw(st.fixed_dictionaries(FITTING))
    return {name: value for name, value in row.items() if name not in OPTIONAL or draw(st.integers(0, 4))}


@st.composite
def nearly(draw: st.DrawFn) -> Json:
    """A row with one thing changed: mostly it does not fit any more."""
    row = draw(rows())
    change = draw(st.sampled_from(["value", "drop", "extra", "rename"]))
    name = draw(st.sampled_from(sorted(row)))
    if change == "value":
        row[name] = draw(_anything)
    elif change == "drop":
        del row[name]
    elif change == "extra":
        row[draw(st.text(max_size=12))] = draw(_anything)
    else:
        row[name + draw(st.sampled_from(["s", " ", "_", "\u00e9", "\0"]))] = row.pop(name)
    return row


def _many(of: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return of | st.lists(of, min_size=1, max_size=8).map(lambda found: {"rows": found})


def examples(strategy: st.SearchStrategy[Json], count: int, number: int) -> list[Json]:
    """So many examples; the same for the same number."""
    found: list[Json] = []

    @seed(number)
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def gather(value: Json) -> None:
        found.append(value)

    gather()
    return found


def written(value: Json, rng: Random) -> bytes:
    """As JSON, in one of the ways in which programs write it. Lone surrogates become escapes; NaN becomes a word that is no JSON."""
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5, separators=rng.choice([None, (",", ":"), (" , ", " : ")]))
    return text.encode("utf-8", "surrogatepass")


VALID = {"tenure": 12, "charge": 29.5, "contract": "monthly", "region": "north", "senior": False, "since": "2023-05-01T10:00:00Z"}
_PLAIN = json.dumps(VALID)
ROW = _PLAIN.encode()
BAD_ROW = b'{"tenure": 1}'
"""Where nobody can say how much of a request is left to read, its row must not fit: it could be recorded without being acknowledged."""


def _with(name: str, text: str) -> bytes:
    """The valid row with this text where the value stood."""
    return json.dumps(VALID | {name: "@"}).replace('"@"', text).encode("utf-8", "surrogatepass")


def nasty() -> dict[str, bytes | Callable[[], bytes]]:
    """Bodies that no row may hold; each is answered 422 (or 413). The big ones are made when they are sent."""
    found: dict[str, bytes | Callable[[], bytes]] = {
        "empty object": b"{}",
        "empty list": b"[]",
        "no rows": b'{"rows":[]}',
        "rows is null": b'{"rows":null}',
        "a number": b"1",
        "a text": b'"x"',
        "null": b"null",
        "blank": b"  \r\n ",
        "rows in rows": b'{"rows":[{"rows":[]}]}',
        "a bracket": b"{",
        "byte order mark": b"\xef\xbb\xbf" + _PLAIN.encode(),
        "UTF-16": _PLAIN.encode("utf-16"),
        "UTF-16LE": _PLAIN.encode("utf-16-le"),
        "UTF-32": _PLAIN.encode("utf-32"),
        "overlong UTF-8": _PLAIN.encode().replace(b"north", b"\xc0\xaenorth"),
        "latin-1": _PLAIN.replace("north", "n\xf6rd").encode("latin-1"),
        "UTF-8 beyond Unicode": _PLAIN.encode().replace(b"north", b"\xf4\x90\x80\x80"),
        "raw surrogate": _with("region", '"\ud800"'),
        "lone surrogate": _with("region", '"\\ud800"'),
        "swapped pair": _with("region", '"\\udc00\\ud800"'),
        "raw NUL": _with("region", '"a\0b"'),
        "two documents": (_PLAIN + _PLAIN).encode(),
        "trailing comma": _PLAIN.replace("}", ",}").encode(),
        "comment": b"/* x */" + _PLAIN.encode(),
        "single quotes": _PLAIN.replace('"', "'").encode(),
        "doubled name": b'{"tenure":1,' + _PLAIN[1:].encode(),
        "doubled rows": b'{"rows":[%b],"rows":[%b]}' % (_PLAIN.encode(), _PLAIN.encode()),
        "doubled name, escaped": b'{"t\\u0065nure":1,' + _PLAIN[1:].encode(),
        "beside rows": b'{"rows":[%b],"x":1}' % _PLAIN.encode(),
        "trailing NUL": _PLAIN.encode() + b"\0",
        "control character": _with("contract", '"month\x01ly"'),
        "ten thousand names": lambda: json.dumps({f"n{n}": n for n in range(10_000)}).encode(),
        "deep lists": lambda: b"[" * 100_000,
        "deep lists, closed": lambda: b"[" * 100_000 + b"]" * 100_000,
        "deep objects": lambda: b'{"rows":' * 100_000,
        "deep value": lambda: _with("tenure", "[" * 50_000 + "]" * 50_000),
        "deep enough": lambda: _with("tenure", "[" * 900 + "]" * 900),
        "a long number": lambda: _with("tenure", "1" * 100_000),
        "a long text": lambda: _with("contract", '"' + "x" * 1_000_000 + '"'),
        "10 MB": lambda: _with("contract", '"' + "x" * 10_000_000 + '"'),
        "10 MB of blanks": lambda: b" " * 10_000_000,
        "100,000 rows": lambda: b'{"rows":[' + b",".join([b'{"tenure":1}'] * 100_000) + b"]}",
        "10,001 rows": lambda: b'{"rows":[' + b",".join([b"1"] * 10_001) + b"]}",
        "9,000 faulty rows": lambda: b'{"rows":[' + b",".join([b"{}"] * 9_000) + b"]}",
    }
    numbers = [
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        "-Infinity",
        "-1",
        "600.0000001",
        "1" * 5000,
        "9" * 400,
        "01",
        "+1",
        ".5",
        "1.",
        "0x10",
        "1_000",
        "true",
        '"12"',
        "null",
        "[]",
        "{}",
        "\u0661",
        "18446744073709551616",
        "-9223372036854775809",
        "1e",
        "--1",
        "1e400",
    ]
    found |= {f"tenure {text[:20]}": _with("tenure", text) for text in numbers}
    dates = [
        "",
        "0000-00-00",
        "2023-13-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "2023-05-01T25:00:00Z",
        "2023-05-01",
        "1",
        "now",
        "2023-05-01T10:00:00",
        "2023-02-30T10:00:00Z",
        "\u0662023-05-01T10:00:00Z",
    ]
    found |= {f"since {text}": _with("since", json.dumps(text)) for text in dates}
    return found


def mutated(body: bytes, other: bytes, rng: Random) -> bytes:
    """The body with one to four things done to it."""
    data = bytearray(body)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 8, 40)))
        how = rng.randrange(7)
        if how == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            del data[at:end]
        elif how == 2:
            data[at:at] = rng.randbytes(rng.choice((1, 1, 3, 9)))
        elif how == 3:
            data[at:at] = data[at:end]
        elif how == 4 and other:
            start = rng.randrange(len(other))
            data[at:end] = other[start : start + rng.choice((1, 4, 20))]
        elif how == 5:
            data[at:end] = rng.choice(
                (b"null", b"0", b"-0", b"1e5", b"true", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\u0000", b"\\", b"1e-400", b"0.1e1")
            )
        elif at < len(data):
            digits = [place for place, byte in enumerate(data) if 48 <= byte <= 57]
            if digits:
                data[rng.choice(digits)] = rng.choice(b"0123456789.-e")
    return bytes(data)


@cache
def pool(number: int, count: int) -> tuple[tuple[str, Json], ...]:
    """Examples to draw from, made once."""
    fitting = [("fits", value) for value in examples(_many(rows()), count // 2, number)]
    near = [("nearly", value) for value in examples(_many(nearly()), count // 3, number + 1)]
    wild = [("anything", value) for value in examples(_anything, count // 6, number + 2)]
    return tuple(fitting + near + wild)


def post(path: str, body: bytes, more: str = "") -> bytes:
    """A request as a client would write it."""
    head = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def _case(source: str, kind: str, body: bytes, rng: Random, statuses: frozenset[int]) -> Case:
    path = rng.choice(PREDICT)
    twin = post(path, body, "TE: trailers\r\n") if rng.random() < 0.25 and len(body) < 100_000 else b""
    pieces: tuple[bytes, ...] = (post(path, body, f"X-Request-Id: own-{rng.getrandbits(60):x}\r\n" if rng.random() < 0.2 else ""),)
    if rng.random() < 0.05:
        cut = rng.randrange(1, len(pieces[0]))
        pieces = (pieces[0][:cut], pieces[0][cut:])
    return Case(source, kind, pieces, statuses=statuses, twin=twin, counts=2 if twin else 1)


OK, BAD, EITHER = frozenset({200}), frozenset({413, 422}), frozenset({200, 422})


def _nasty(name: str, rng: Random) -> Case:
    body = nasty()[name]
    return _case("Hypothesis: nasty by hand", name, body() if callable(body) else body, rng, BAD)


def warming(rng: Random) -> Iterator[Case]:
    """Every nasty body, often: what they cost at most is allocated once, before anything is measured."""
    names = [name for name in nasty() for _ in range(3)]
    rng.shuffle(names)
    for name in names:
        yield _nasty(name, rng)


def made(rng: Random, number: int, count: int, examples: int) -> Iterator[Case]:
    """Bodies by Hypothesis; one in twelve is a nasty one, in turn."""
    known = pool(number, examples)
    bad = nasty()
    names = rng.sample(sorted(bad), len(bad))
    for at in range(count):
        if at % 12 == 0:
            yield _nasty(names[at // 12 % len(names)], rng)
            continue
        kind, value = rng.choice(known)
        yield _case(f"Hypothesis: {kind}", kind, written(value, rng), rng, OK if kind == "fits" else EITHER)


def broken(rng: Random, number: int, count: int, examples: int) -> Iterator[Case]:
    """Valid bodies, mutated; one in ten goes to another address than predictions."""
    known = [written(value, rng) for kind, value in pool(number, examples) if kind == "fits"]
    others = (
        ("/v1/labels", b'{"labels":[{"label":1,"request_id":"nobody","row":0,"known_at":"2024-01-01T00:00:00Z"}]}'),
        ("/v1/labels", b'{"label":0,"key":"c1","time":"2024-01-01T00:00:00Z"}'),
        ("/v1/models/churn/versions/9.9.9/promote", b'{"to":"production","by":"x","because":"y","force":true}'),
        ("/v1/models/churn/rollback", b'{"to":"9.9.9","by":"x","because":"y"}'),
        ("/v1/incidents/none/ack", b'{"by":"x","note":"y"}'),
        ("/v1/incidents/none/resolve", b'{"by":"x","note":"y"}'),
    )
    for at in range(count):
        if at % 10 == 0:
            path, body = rng.choice(others)
            yield Case("mutated: other addresses", path, (post(path, mutated(body, rng.choice(known), rng)),))
        else:
            body = rng.choice(known)
            yield _case("mutated: predictions", "mutated", mutated(body, rng.choice(known), rng), rng, EITHER)


def noise(rng: Random, count: int) -> Iterator[Case]:
    """Random bytes as a body."""
    for _ in range(count):
        body = rng.randbytes(rng.choice((1, 2, 16, 200, 5000)))
        yield _case("random bytes as body", "random", body, rng, BAD)
