"""Reads the body of a prediction request in one pass, and gives up wherever it is not certain that the careful way would do the same.

The careful way (`rest.request.decode`, `rest.infer.read_rows`, `core.schema.check_rows`) is the one truth about rows: it lists every
fault, and takes ten to twenty times as long (benchmarks/decode.py). This one knows no faults. It answers None to every body that it
would not read exactly like the careful way, bad or merely unusual, and the caller then goes there.

Doubled names: msgspec takes the last of two values silently, the careful way refuses. But every name is followed by a colon, so the
colons of a body are at least its names. They are exactly the names that came out of it, and the colons in the texts that came out of it,
only if no name came twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from struct import Struct as Layout
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET
from msgspec.structs import astuple
from numpy.typing import NDArray

from farero.core.schema import Schema
from farero.serving.compile.json_rows import JsonRows
from farero.serving.decoder_source import WRAPPER, codes, members, row_type, source

# Whatever reading text that a stranger sent may raise: msgspec's faults and broken UTF-8 are ValueErrors, a level that is not declared
# is a LookupError.
_UNSURE: Final = (ValueError, LookupError, ArithmeticError, RecursionError)
_COLONS_A_DATE: Final = 3
_COLON: Final = ord(":")
_LONG: Final = 4096
"""Bytes from which on numpy counts faster than `bytes.count`, which stops at every hit."""
_PLAIN: Final = 1024
"""Bytes from which on a body may hold so many rows that reading them without Python's objects pays."""
_EXACT: Final = 2**53
"""Whole numbers beyond are not all there as float64."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Decoded(msgspec.Struct, gc=False):
    """Rows that are certain to fit. Their numbers are in the buffer that the decoder fills.

    Attributes:
        bare: whether the body was one row, not a list of rows.
        inputs: each feature's values as they are recorded (see `serving.privacy.Protector`), without the personal fields; some are
            MessagePack already.
        personal: each personal field's values, in clear: protect before storing.
        keys: None where the schema declares none.
    """

    count: int
    bare: bool
    inputs: Mapping[str, Sequence[Any] | msgspec.Raw]
    personal: Mapping[str, Sequence[str | None]]
    keys: list[str | None] | None

    def __repr__(self) -> str:
        """Without any value: representations end up in logs."""
        return f"Decoded(count={self.count}, bare={self.bare})"


class RowDecoder:
    """Decodes the rows of one schema into one buffer. For one thread only."""

    def __init__(self, schema: Schema, *, max_rows: int, rows: NDArray[np.float64]) -> None:
        """Generate the decoder of this schema.

        Args:
            rows: (capacity, features) float64, C-contiguous; `decode` fills it from the top.
        """
        if rows.dtype != np.float64 or not rows.flags.c_contiguous or rows.ndim != 2 or rows.shape[1] != len(schema.features):
            raise ValueError(f"rows must be C-contiguous float64 of (capacity, {len(schema.features)}), not {rows.dtype} of {rows.shape}")
        self._limit = min(max_rows, len(rows))
        self._most_colons = -1
        self._plain: JsonRows | None = None
        every = members(schema)
        if every is None or not len(rows):
            return
        row: Any = row_type(every)
        wrapper: Any = msgspec.defstruct("Rows", [(WRAPPER, list[row])], forbid_unknown_fields=True, gc=False)
        # A row with a feature called "rows" must be sent in a list: bare, it would be taken for one.
        self._wrapped_only = any(member.name == WRAPPER for member in every)
        self._bare = msgspec.json.Decoder(row).decode
        self._wrapped = msgspec.json.Decoder(wrapper).decode
        self._named = sum(member.colons for member in every)
        dates = sum(member.field is not None and member.field.kind == "date" for member in every)
        self._most_colons = 2 * len(rows) * (self._named + _COLONS_A_DATE * dates)
        namespace: dict[str, Any] = {
            **codes(every), "Decoded": Decoded, "astuple": astuple, "UNSET": UNSET, "NAN": float("nan"), "moment": _moment,
            "fill": _filler(rows), "memory": rows.data.cast("B"), "pack": Layout(f"{rows.shape[1]}d").pack_into,
        }  # fmt: skip
        exec(compile(source(every), "<decoder>", "exec"), namespace)
        with suppress(ValueError):  # of fields that are not read that way
            self._plain = JsonRows(schema, rows)
        self._one: Callable[..., Decoded | None] = namespace["one"]
        self._many: Callable[..., Decoded | None] = namespace["many"]

    def decode(self, body: bytes) -> Decoded | None:
        """The rows in this body, their numbers in `rows`; None where the careful way must decide. Never raises."""
        if self._plain is not None and len(body) >= _PLAIN:
            found = self._plain.read(body)
            if found is not None:
                count, inputs = found
                return Decoded(count, False, inputs, {}, None) if count <= self._limit else None
        colons = _colons(body)
        if colons > self._most_colons:  # too many rows for the buffer, seen before they are read; or a schema without a decoder
            return None
        try:
            if not self._wrapped_only and not body.startswith(b'{"rows"'):
                try:
                    row = self._bare(body)
                except _UNSURE:
                    if b'"rows"' not in body:
                        return None
                else:
                    return self._one(row, body, colons, self._named, True)
            rows = self._wrapped(body).rows
            if len(rows) == 1 <= self._limit:
                return self._one(rows[0], body, colons, self._named + 1, False)
            return self._many(rows, body, colons) if 0 < len(rows) <= self._limit else None
        except _UNSURE:
            return None


def _colons(body: bytes) -> int:
    return body.count(b":") if len(body) < _LONG else int(np.count_nonzero(np.frombuffer(body, dtype=np.uint8) == _COLON))


def _filler(rows: NDArray[np.float64]) -> Callable[..., None]:
    """A function that takes a count and all values, feature by feature, and puts them where they belong.

    Packing all at once and turning the matrix costs a third of assigning the lists to its columns.
    """
    features = rows.shape[1]
    flat = np.empty(rows.size)
    memory = flat.data.cast("B")
    turned = cache(lambda count: (Layout(f"{count * features}d").pack_into, flat[: count * features].reshape(features, count).T))

    def fill(count: int, *values: float) -> None:
        pack, columns = turned(count)
        pack(memory, 0, *values)
        rows[:count] = columns

    return fill


def _moment(text: str) -> tuple[float, str]:
    """A date's microseconds since 1970, and how a record spells it; `core.field.read` takes the same texts.

    Raises:
        ValueError: it is no date with a zone, or lies too far away for an exact number.
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError
    microseconds = (time - _EPOCH) // _MICROSECOND
    if abs(microseconds) > _EXACT:
        raise ValueError
    return float(microseconds), time.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
