"""Reading requests: ids, limits, JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from farero.errors import BadInput
from farero.rest.errors import CutShort, TooLarge
from farero.rest.request import decode, read_body, request_id_of


def receive_of(chunks: Sequence[bytes]) -> Any:
    left = list(chunks)

    async def receive() -> dict[str, Any]:
        chunk = left.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(left)}

    return receive


def test_a_sane_request_id_is_kept() -> None:
    assert request_id_of([(b"x-request-id", b"order-17/a")]) == "order-17/a"


@pytest.mark.parametrize("given", [b"", b"a b", b"caf\xc3\xa9", b"x" * 129, b"a\nb"])
def test_any_other_request_id_is_replaced(given: bytes) -> None:
    new = request_id_of([(b"x-request-id", given)])
    assert len(new) == 32
    assert new != request_id_of([(b"x-request-id", given)])


def test_a_body_within_the_limit_is_read_whole() -> None:
    assert asyncio.run(read_body([], receive_of([b"ab", b"", b"cd"]), 4)) == b"abcd"


def test_a_body_over_the_limit_is_refused_whatever_its_header_says() -> None:
    with pytest.raises(TooLarge, match="at most 4"):
        asyncio.run(read_body([(b"content-length", b"1")], receive_of([b"abc", b"de"]), 4))


def test_a_body_whose_client_has_gone_is_not_read_even_where_it_could_be() -> None:
    messages = iter([{"type": "http.request", "body": b"{}", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(messages)

    with pytest.raises(CutShort):
        asyncio.run(read_body([], receive, 100))


def test_a_compressed_body_is_refused() -> None:
    with pytest.raises(BadInput, match="compressed"):
        asyncio.run(read_body([(b"content-encoding", b"gzip")], receive_of([b""]), 4))


BROKEN = {
    b"": "empty-body", b"  ": "empty-body", b"{": "invalid-json", b'{"a": NaN}': "invalid-json", b"[Infinity]": "invalid-json",
    b"[1e999]": "invalid-json", b'"\xff"': "invalid-utf8", b'"\xed\xa0\x80"': "invalid-utf8", b"{} {}": "invalid-json",
    b"[" * 100_000: "too-deep", b'{"a":' * 50_000: "too-deep", b"nan": "invalid-json", b"'a'": "invalid-json",
    b"\xef\xbb\xbf{}": "byte-order-mark",
}  # fmt: skip


@pytest.mark.row("S2")
@pytest.mark.parametrize(("body", "code"), BROKEN.items(), ids=lambda value: str(value)[:20])
def test_what_is_no_json_is_refused_with_a_code(body: bytes, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        decode(body)
    assert [fault.code for fault in caught.value.faults] == [code]  # type: ignore[attr-defined]


def test_nan_is_named_where_it_stands() -> None:
    with pytest.raises(BadInput, match="send null"):
        decode(b'{"a": NaN}')


TWICE = {
    b'{"x": 1, "x": 2}': ["x"],
    b'{"rows": [{"x": 1}], "rows": []}': ["rows"],
    b'{"rows": [{"x": 1}, {"x": 1, "y": "a:b", "x": 1, "y": 2}]}': ["rows[1].x", "rows[1].y"],
    b'{"a": {"b": [[{"c": 1, "\\u0063": 2}]]}}': ["a.b[0][0].c"],
}


@pytest.mark.row("S2")
@pytest.mark.parametrize(("body", "paths"), TWICE.items(), ids=lambda value: str(value)[:30])
def test_a_name_that_stands_twice_is_refused_with_its_path(body: bytes, paths: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        decode(body)
    assert [(fault.path, fault.code) for fault in caught.value.faults] == [(path, "duplicate-field") for path in paths]  # type: ignore[attr-defined]


def test_colons_in_values_and_equal_names_in_different_objects_are_no_fault() -> None:
    given = {"time": "2024-01-01T00:00:00Z", "rows": [{"x": ":"}, {"x": {"x": 1}}]}
    assert decode(json.dumps(given).encode()) == given


def test_a_number_of_any_length_and_objects_in_objects_are_read() -> None:
    assert decode(b'{"x": %s, "y": ":"}' % (b"9" * 200)) == {"x": decode(b"9" * 200), "y": ":"}
    assert decode(b'{"a":' * 200 + b'":"' + b"}" * 200) != {}
