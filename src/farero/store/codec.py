"""Values to bytes and back: msgpack by the values' own types, because it keeps NaN, infinity and microseconds, which JSON does not."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from farero.errors import Corrupt

T = TypeVar("T")


def encode(value: object) -> bytes:
    """The bytes of a value made of dataclasses, mappings, sequences, times and plain scalars."""
    return msgspec.msgpack.encode(value, enc_hook=_plain)


def decode(body: bytes, kind: type[T]) -> T:
    """The value that `encode` made.

    Raises:
        Corrupt: the bytes are not such a value.
    """
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as broken:
        raise Corrupt(
            f"A stored {getattr(kind, '__name__', kind)} cannot be read: {broken}.",
            hint="Restore the state database from a backup, or update Farero if a newer one wrote it.",
        ) from broken


def _plain(value: object) -> object:
    """Metrics come from numpy now and then; its scalars are numbers all the same."""
    item = getattr(value, "item", None)
    if callable(item):
        return item()
    raise NotImplementedError(f"{type(value).__name__} cannot be stored")
