"""Frozen values that hold numpy arrays, as bytes and back: msgpack with each array's raw bytes. No pickle, so reading runs no code."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

import msgspec
import numpy as np

from farero.errors import Corrupt

_DTYPES = ("<f8", "<i8", "<i4", "|u1", "<u2", "<u4")
_T = TypeVar("_T")


def pack(value: object) -> bytes:
    """A dataclass of plain values and arrays (float64, int64, int32, or whole numbers without a sign) as bytes.

    Raises:
        TypeError: it holds something else.
    """
    return msgspec.msgpack.encode((type(value).__name__, value), enc_hook=_plain)


def is_packed(data: bytes, kind: type) -> bool:
    """Whether these bytes begin as `pack` writes a value of this kind."""
    return data.startswith(_beginning(kind))


def unpack(data: bytes, kind: type[_T]) -> _T:
    """Read what `pack` wrote. The arrays are read-only views of `data`.

    Raises:
        Corrupt: the bytes are something else.
    """
    try:
        # The name first: two kinds may have fields enough in common to be taken for each other.
        if not is_packed(data, kind):
            raise ValueError(f"they hold a {msgspec.msgpack.decode(data, type=tuple[str, msgspec.Raw])[0]}")
        found: _T = _decoder(kind).decode(data)[1]  # type: ignore[arg-type]  # of a class with a parameter, mypy knows no hash
        return found
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise Corrupt(f"These {len(data)} bytes are not a {kind.__name__}: {error}.", hint="Restore the file from a backup.") from error


@lru_cache(maxsize=128)
def _beginning(kind: type) -> bytes:
    return b"\x92" + msgspec.msgpack.encode(kind.__name__)


@lru_cache(maxsize=128)
def _decoder(kind: type) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(tuple[str, kind], dec_hook=_array)  # type: ignore[valid-type]


def _plain(array: object) -> object:
    if isinstance(array, np.ndarray) and array.dtype.str in _DTYPES and array.ndim == 1:
        return [array.dtype.str, array.tobytes()]
    raise TypeError(f"cannot store a {type(array).__name__}")


def _array(_: type, plain: object) -> object:
    if not isinstance(plain, list) or len(plain) != 2 or plain[0] not in _DTYPES or not isinstance(plain[1], bytes):
        raise ValueError("an array is not what was written")
    return np.frombuffer(plain[1], dtype=plain[0])
