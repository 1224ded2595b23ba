"""Reading a request: its id, its body within the limit, and the JSON in it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator

import msgspec
from starlette.types import Receive

from farero.core.schema import Fault
from farero.errors import BadInput
from farero.rest.errors import CutShort, TooLarge

# Reading on for a while lets a client that is still sending see the answer instead of a broken pipe.
DRAIN_FACTOR = 8

_NOT_A_NUMBER = re.compile(r"[:\[,]\s*-?(NaN|Infinity|nan|inf)\b")
_SANE_ID = re.compile(rb"[\x21-\x7e]{1,128}")


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The caller's own X-Request-Id if it is up to 128 visible ASCII characters, else a new one."""
    for name, value in headers:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return value.decode("ascii")
    return secrets.token_hex(16)


async def read_body(headers: Iterable[tuple[bytes, bytes]], receive: Receive, limit: int) -> bytes:
    """The whole body.

    Raises:
        TooLarge: it has more than `limit` bytes.
        CutShort: the client hung up, or went on with what is no HTTP. What came is not acted upon, even where it can be read.
    """
    declared = 0
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            declared = int(value)
        elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise BadInput("The body is compressed; this server reads plain JSON.", hint="Send it without Content-Encoding.")
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CutShort
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > limit * DRAIN_FACTOR:
            break
        more = message.get("more_body", False)
    if size > limit or declared > limit:
        raise TooLarge(f"The body has {max(size, declared)} bytes; at most {limit} are read.", hint="Send fewer rows at a time.")
    return b"".join(chunks)


def decode(body: bytes) -> object:
    """The JSON value in the body. Strict: UTF-8 only, no NaN or Infinity, and not nested without end.

    Raises:
        BadInput: it is not such JSON; says where.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _broken("invalid-utf8", f"The body is not UTF-8: byte {error.start} cannot be read.") from error
    if text.startswith("\ufeff"):
        raise _broken("byte-order-mark", "The body begins with a byte order mark (U+FEFF), which is no JSON; send UTF-8 without it.")
    if not text.strip():
        raise _broken("empty-body", "The body is empty; send JSON.")
    try:
        value: object = msgspec.json.decode(text)
        _check_names(value, text)
    except msgspec.DecodeError as error:
        hint = " NaN and Infinity are no JSON; send null where a value is missing." if _NOT_A_NUMBER.search(text) else ""
        raise _broken("invalid-json", f"The body is not valid JSON: {error}.{hint}") from error
    except RecursionError as error:
        raise _broken("too-deep", "The body is nested too deeply.") from error
    return value


def _check_names(value: object, text: str) -> None:
    """Refuse an object that has a name twice: which of the values is meant cannot be told.

    Every name is followed by one colon. Where as many names came out as there are colons, none came twice; only a colon in
    a value, or a name that did come twice, costs a second reading.
    """
    if _names(value) == text.count(":"):
        return
    twice = list(_twice(json.loads(text, object_pairs_hook=_pairs, parse_int=float), ""))
    if twice:
        raise BadInput("A name stands twice in one object; which value is meant cannot be told.", faults=twice)


class _Doubled(dict[str, object]):
    """An object that was sent with the same name twice."""

    names: tuple[str, ...] = ()


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubled = _Doubled(found)
    sent = [name for name, _ in pairs]
    doubled.names = tuple(name for name in found if sent.count(name) > 1)
    return doubled


def _names(value: object) -> int:
    if type(value) is dict:
        return len(value) + sum([_names(member) for member in value.values() if type(member) is dict or type(member) is list])
    if type(value) is list:
        return sum([_names(member) for member in value if type(member) is dict or type(member) is list])
    return 0


def _twice(value: object, path: str) -> Iterator[Fault]:
    if isinstance(value, _Doubled):
        for name in value.names:
            yield Fault(path=f"{path}.{name}" if path else name, code="duplicate-field", message="stands here twice; send it once")
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _twice(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for at, member in enumerate(value):
            yield from _twice(member, f"{path}[{at}]")


def _broken(code: str, message: str) -> BadInput:
    return BadInput(message, faults=[Fault(path="", code=code, message=message)])
