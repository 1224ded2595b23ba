"""Reading a request: its id, its body within the limit, and the JSON in it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

import msgspec
from starlette.types import Receive

from farero.core.schema import Fault
from farero.errors import BadInput
from farero.rest.errors import TooLarge

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
            break
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
    if not text.strip():
        raise _broken("empty-body", "The body is empty; send JSON.")
    try:
        value: object = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        hint = " NaN and Infinity are no JSON; send null where a value is missing." if _NOT_A_NUMBER.search(text) else ""
        raise _broken("invalid-json", f"The body is not valid JSON: {error}.{hint}") from error
    except RecursionError as error:
        raise _broken("too-deep", "The body is nested too deeply.") from error
    return value


def _broken(code: str, message: str) -> BadInput:
    return BadInput(message, faults=[Fault(path="", code=code, message=message)])
