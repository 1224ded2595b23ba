"""The format of the crash-safe log, and how it is read: torn tails are dropped, damage is named and read around.

A segment is one header and frames of `length, CRC-32 of the payload, CRC-32 of the first eight bytes, payload`. The
payload is the record in msgpack. The live segment is locked; a segment without a lock is closed and may be handed over.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from farero.core.recorded import Recorded

HEADER: Final = b"farero\x00\x01"
"""Begins every segment; the last byte is the version of the format."""

_PREFIX: Final = struct.Struct("<II")
_FRAME: Final = struct.Struct("<III")
_Aware: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
_Payload: TypeAlias = tuple[
    str, str, str, str, _Aware, dict[str, list[Any]], list[Any], list[float] | None, list[Any] | None, int, str, list[_Aware] | None
]
_decode = msgspec.msgpack.Decoder(_Payload).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What a closed segment holds.

    Attributes:
        rows: model -> what was recorded of it, in the order of writing.
        torn_bytes: length of a last frame that was never written to its end; its prediction was never answered.
        damage: places that were written and are not readable now; `rows` are those around them.
    """

    path: Path
    writer: str
    seq: int
    rows: Mapping[str, Recorded] = field(default_factory=dict)
    torn_bytes: int = 0
    damage: tuple[str, ...] = ()


def segments(folder: Path) -> list[Path]:
    """All segments, closed and live, of each writer in the order of writing."""
    return sorted(folder.glob("*.seg"), key=lambda path: path.name)


def corrupt_segments(folder: Path) -> list[Path]:
    """Segments that were moved aside because of damage; their readable records are in the log."""
    return sorted(folder.glob("*.corrupt"))


def backlog_bytes(folder: Path) -> int:
    """Bytes in segments that are not handed over yet."""
    total = 0
    for path in segments(folder):
        try:
            total += max(0, path.stat().st_size - len(HEADER))
        except FileNotFoundError:  # handed over meanwhile
            continue
    return total


@contextmanager
def taken(path: Path) -> Iterator[bool]:
    """Hold a closed segment, so that nobody else hands it over; False where it is live, taken or gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield path.exists()
    finally:
        os.close(fd)


def read_segment(path: Path) -> Segment:
    """Read a closed segment. Damage is reported, not raised: what can be read around it is still read."""
    writer, _, seq = path.stem.rpartition("-")
    data = path.read_bytes()
    rows: dict[str, Recorded] = {}
    damage: list[str] = []
    torn = 0
    if not data.startswith(HEADER):
        if HEADER.startswith(data) or not data.strip(b"\x00"):  # power went before the first bytes were on the disk
            torn = len(data)
        else:
            damage.append("byte 0: this is no segment of a known format")
        return Segment(path=path, writer=writer, seq=int(seq), torn_bytes=torn, damage=tuple(damage))
    at = len(HEADER)
    written = len(data.rstrip(b"\x00"))  # zeros behind it were there ahead of frames that never came
    while at < len(data):
        if at >= written:
            torn = len(data) - at
            break
        end = _frame_end(data, at)
        if end is not None and _add(rows, data[at + _FRAME.size : end]):
            at = end
            continue
        following = _next_frame(data, at + 1)
        if following is None and _is_torn(data, at):
            torn = len(data) - at
            break
        at, start = following if following is not None else len(data), at
        damage.append(f"bytes {start} to {at}: written, but not what was written")
    return Segment(path=path, writer=writer, seq=int(seq), rows=rows, torn_bytes=torn, damage=tuple(damage))


def framed(payload: bytes) -> bytes:
    """The payload with its length and checksums before it."""
    prefix = _PREFIX.pack(len(payload), zlib.crc32(payload))
    return prefix + zlib.crc32(prefix).to_bytes(4, "little") + payload


def _frame_end(data: bytes, at: int) -> int | None:
    """Where the whole, sound frame at this place ends; None where there is none."""
    if not _has_head(data, at):
        return None
    length, checksum, _ = _FRAME.unpack_from(data, at)
    start = at + _FRAME.size
    payload = data[start : start + length]
    return None if len(payload) < length or zlib.crc32(payload) != checksum else start + length


def _add(rows: dict[str, Recorded], payload: bytes) -> bool:
    """Add what a frame holds to the rows of its model; False where it holds no record."""
    try:
        model, version, request_id, endpoint, time, inputs, prediction, probability, keys, latency_us, status, times = _decode(payload)
        columns = rows.get(model) or Recorded()
        columns.add(version, request_id, endpoint, time, inputs, prediction, probability, keys, latency_us, status, times)
    except ValueError:  # msgspec's own error is one too
        return False
    rows[model] = columns
    return True


def _has_head(data: bytes, at: int) -> bool:
    head = data[at : at + _FRAME.size]
    return len(head) == _FRAME.size and zlib.crc32(head[:8]) == int.from_bytes(head[8:], "little")


def _next_frame(data: bytes, at: int) -> int | None:
    """The next place with a sound frame: a head's own checksum makes a false one as likely as one in 2**32."""
    for place in range(at, len(data) - _FRAME.size):
        if (end := _frame_end(data, place)) is not None and _add({}, data[place + _FRAME.size : end]):
            return place
    return None


def _is_torn(data: bytes, at: int) -> bool:
    """Whether the rest was cut off while it was written: a short head, a sound head with a short payload, or zeros after a power cut."""
    rest = data[at:]
    if len(rest) < _FRAME.size or not rest.strip(b"\x00"):
        return True
    return _has_head(data, at) and len(rest) < _FRAME.size + _FRAME.unpack_from(data, at)[0]
