"""Reads many rows of plain JSON without making a Python object of any value: bytes to the row matrix, and to what is recorded of them.

Plain is what programs send: every row with all names in the declared order, numbers, and texts that are declared levels, nothing
escaped. Anything else, right or wrong, is left to the general decoder. Since every byte is either matched or part of a number, a
name cannot come twice, and nothing undeclared gets through.

Source of the conversion of numbers: Lemire (2021), Number Parsing at a Gigabyte per Second; where it is not certain of the last bit, the
row is left to the general decoder too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

from farero.core.field import Field
from farero.core.schema import Schema
from farero.serving.compile.memory import OPTIONS

MOST_LEVELS: Final = 64
_LEAST_POWER, _MOST_POWER = -342, 308
_NUMBER, _CHOICE = 0, 1


def _powers() -> NDArray[np.uint64]:
    """For each power of ten, the 128 leading bits of its power of five: rounded up for negative ones, cut off for the others."""
    table = np.empty(2 * (_MOST_POWER - _LEAST_POWER + 1), dtype=np.uint64)
    for at, power in enumerate(range(_LEAST_POWER, _MOST_POWER + 1)):
        if power < 0:
            divisor = 5**-power
            bits = divisor.bit_length()
            value = (1 << (bits + 127)) // divisor + 1
            if power < -27:
                value = (1 << (2 * bits + 128)) // divisor + 1
            while value >= 1 << 128:
                value >>= 1
        else:
            value = 5**power
            while value < 1 << 127:
                value <<= 1
            while value >= 1 << 128:
                value >>= 1
        table[2 * at], table[2 * at + 1] = value >> 64, value & ((1 << 64) - 1)
    return table


@njit(inline="always")
def _product(a: Any, b: Any) -> Any:
    """The 128 bits of a product of two of 64: high, low."""
    a_low, a_high = a & uint64(0xFFFFFFFF), a >> uint64(32)
    b_low, b_high = b & uint64(0xFFFFFFFF), b >> uint64(32)
    low, mid, other, high = a_low * b_low, a_high * b_low, a_low * b_high, a_high * b_high
    carry = (low >> uint64(32)) + (mid & uint64(0xFFFFFFFF)) + (other & uint64(0xFFFFFFFF))
    return high + (mid >> uint64(32)) + (other >> uint64(32)) + (carry >> uint64(32)), a * b


@njit(error_model="numpy")
def bits_of(digits: Any, power: Any, powers: Any) -> Any:
    """The bits of `digits` x 10^`power` as a float64; all ones where it is not certain, below the normal numbers, or too large."""
    unsure = ~uint64(0)
    if digits == uint64(0):
        return uint64(0)
    if power < -300 or power > 300:
        return unsure
    leading = 0
    shifted = digits
    for step in (32, 16, 8, 4, 2, 1):
        if shifted >> uint64(64 - step) == uint64(0):
            shifted <<= uint64(step)
            leading += step
    at = 2 * (power + 342)
    high, low = _product(shifted, powers[at])
    if high & uint64(0x1FF) == uint64(0x1FF):
        more, _ = _product(shifted, powers[at + 1])
        low += more
        if low < more:
            high += uint64(1)
    if low == ~uint64(0) and (power < -27 or power > 55):
        return unsure
    upper = high >> uint64(63)
    shift = upper + uint64(9)
    mantissa = high >> shift
    binary = ((217706 * power) >> 16) + 63 + np.int64(upper) - leading + 1023
    if binary <= 0 or binary >= 2046:
        return unsure
    if low <= uint64(1) and power >= -4 and power <= 23 and mantissa & uint64(3) == uint64(1) and mantissa << shift == high:
        mantissa &= ~uint64(1)  # exactly between two: to the even one
    mantissa += mantissa & uint64(1)
    mantissa >>= uint64(1)
    if mantissa >= uint64(1) << uint64(53):
        mantissa = uint64(1) << uint64(52)
        binary += 1
    return (mantissa & ~(uint64(1) << uint64(52))) | (uint64(binary) << uint64(52))


@njit(inline="always")
def _skip(body: Any, at: Any, end: Any) -> Any:
    while at < end and (body[at] == 32 or body[at] == 10 or body[at] == 13 or body[at] == 9):
        at += uint64(1)
    return at


@njit(inline="always")
def _matches(body: Any, at: Any, end: Any, text: Any, start: Any, stop: Any) -> Any:
    if at + (stop - start) > end:
        return False
    k = start
    while k < stop:
        if body[at] != text[k]:
            return False
        at += uint64(1)
        k += uint64(1)
    return True


def read(
    body: NDArray[np.uint8], names: Any, name_at: Any, kinds: Any, optional: Any, limits: Any, levels: Any, level_at: Any, first_level: Any,
    powers: Any, bits: Any, rows: Any,
) -> int:  # fmt: skip
    """Fill `rows` from the body. Returns how many rows there were, 0 where the general decoder must look.

    All places are unsigned: signed ones would be looked at for being negative each time.
    """
    end, features, capacity = uint64(len(body)), len(kinds), len(rows)
    one = uint64(1)
    at: Any = _skip(body, uint64(0), end)
    if at >= end or body[at] != 123 or body[end - one] != 125:  # { and }
        return 0
    at = _skip(body, at + one, end)
    # "rows" stands first among the names.
    if not _matches(body, at, end, names, name_at[0], name_at[1]):
        return 0
    at = _skip(body, at + name_at[1] - name_at[0], end)
    if at >= end or body[at] != 58:  # :
        return 0
    at = _skip(body, at + one, end)
    if at >= end or body[at] != 91:  # [
        return 0
    at += one
    count = 0
    while True:
        at = _skip(body, at, end)
        if at >= end or body[at] != 123 or count >= capacity:
            return 0
        at += one
        for f in range(features):
            at = _skip(body, at, end)
            start, stop = name_at[f + 1], name_at[f + 2]
            if not _matches(body, at, end, names, start, stop):
                return 0
            at = _skip(body, at + (stop - start), end)
            if at >= end or body[at] != 58:
                return 0
            at = _skip(body, at + one, end)
            if at >= end:
                return 0
            if body[at] == 110:  # null
                null = at + uint64(4) < end and body[at + one] == 117 and body[at + uint64(2)] == 108 and body[at + uint64(3)] == 108
                if not null or not optional[f]:
                    return 0
                at += uint64(4)
                rows[count, f] = np.nan if kinds[f] == 0 else -1.0
            elif kinds[f] == 1:
                found = -1
                for k in range(first_level[f], first_level[f + 1]):
                    if _matches(body, at, end, levels, level_at[k], level_at[k + 1]):
                        found = k
                        break
                if found < 0:
                    return 0
                at += level_at[found + 1] - level_at[found]
                rows[count, f] = np.float64(found - first_level[f])
            else:
                negative = body[at] == 45
                if negative:
                    at += one
                # The body ends with a bracket, so that a row of digits ends before it does.
                digits, begun = uint64(0), at
                power: Any = 0
                while body[at] ^ 48 <= 9:
                    digits = digits * uint64(10) + uint64(body[at] ^ 48)
                    at += one
                whole = np.int64(at - begun)
                if whole == 0 or (whole > 1 and body[begun] == 48):
                    return 0
                if body[at] == 46:
                    at += one
                    point = at
                    while body[at] ^ 48 <= 9:
                        digits = digits * uint64(10) + uint64(body[at] ^ 48)
                        at += one
                    power = -np.int64(at - point)
                    if power == 0:
                        return 0
                if whole - power > 19:  # more than fit, unless they begin with zeros
                    first = begun
                    while body[first] == 48 or body[first] == 46:
                        first += one
                    if np.int64(at - first) - (power < 0 and np.int64(first - begun) < whole) > 19:
                        return 0
                if body[at] == 101 or body[at] == 69:  # e or E
                    at += one
                    minus = body[at] == 45
                    if minus or body[at] == 43:
                        at += one
                    point, given = at, 0
                    while body[at] ^ 48 <= 9 and np.int64(at - point) < 5:
                        given = given * 10 + (body[at] ^ 48)
                        at += one
                    if at == point or body[at] ^ 48 <= 9:
                        return 0
                    power += -given if minus else given
                if negative and digits == uint64(0):
                    return 0
                bits[0] = bits_of(digits, power, powers)
                if bits[0] == ~uint64(0):
                    return 0
                value = bits.view(np.float64)[0]
                if negative:
                    value = -value
                if value < limits[2 * f] or value > limits[2 * f + 1]:
                    return 0
                rows[count, f] = value
            at = _skip(body, at, end)
            if at >= end or body[at] != (44 if f + 1 < features else 125):  # , or }
                return 0
            at += one
        count += 1
        at = _skip(body, at, end)
        if at >= end:
            return 0
        if body[at] == 93:  # ]
            break
        if body[at] != 44:
            return 0
        at += one
    at = _skip(body, at + one, end)
    if at >= end or body[at] != 125:
        return 0
    return count if _skip(body, at + one, end) == end else 0


def spell(rows: Any, count: int, kinds: Any, texts: Any, text_at: Any, first_level: Any, out: Any, ends: Any) -> None:
    """Each feature's values as a MessagePack array, one behind the other in `out`; `ends` says where each ends."""
    at = 0
    raw = np.empty(1, dtype=np.float64)
    for f in range(len(kinds)):
        if count < 16:
            out[at] = 0x90 | count
            at += 1
        else:
            out[at], out[at + 1], out[at + 2] = 0xDC, count >> 8, count & 255
            at += 3
        for r in range(count):
            value = rows[r, f]
            if kinds[f] == 0:
                if value != value:
                    out[at] = 0xC0
                    at += 1
                    continue
                raw[0] = value
                word = raw.view(np.uint64)[0]
                out[at] = 0xCB
                for k in range(8):
                    out[at + 1 + k] = (word >> uint64(56 - 8 * k)) & uint64(255)
                at += 9
            elif value < 0:
                out[at] = 0xC0
                at += 1
            else:
                level = first_level[f] + np.int64(value)
                for k in range(text_at[level], text_at[level + 1]):
                    out[at] = texts[k]
                    at += 1
        ends[f] = at


class JsonRows:
    """Reads the rows of one schema into one buffer. For one thread only.

    Args:
        rows: (capacity, features) float64, C-contiguous.

    Raises:
        ValueError: the schema has fields that are not read this way.
    """

    def __init__(self, schema: Schema, rows: NDArray[np.float64]) -> None:
        features = schema.features
        if schema.key is not None or schema.personal or not all(_is_plain(field) for field in features):
            raise ValueError("only numbers and choices of few known levels are read this way")
        names = [b'"rows"', *(b'"%b"' % field.name.encode() for field in features)]
        levels = [level for field in features for level in field.levels]
        quoted = [b'"%b"' % level.encode() for level in levels]
        spelt = [msgspec.msgpack.encode(level) for level in levels]
        limits = [limit for field in features for limit in (_or(field.min, -np.inf), _or(field.max, np.inf))]
        self._names = [field.name for field in features]
        self._rows = rows
        self._kinds = np.array([_CHOICE if field.kind == "choice" else _NUMBER for field in features], dtype=np.int64)
        first = np.cumsum([0, *(len(field.levels) for field in features)], dtype=np.int64)
        self._given = (
            _joined(names), _places(names).astype(np.uint64), self._kinds, np.array([field.missing for field in features]),
            np.array(limits, dtype=np.float64), _joined(quoted), _places(quoted).astype(np.uint64), first, _powers(),
            np.zeros(1, dtype=np.uint64), rows,
        )  # fmt: skip
        self._texts = (_joined(spelt), _places(spelt), first)
        longest = max([9, *map(len, spelt)])
        self._out = np.empty(len(features) * (3 + longest * len(rows)), dtype=np.uint8)
        self._ends = np.zeros(len(features), dtype=np.int64)
        self._read, self._spell = kernels()

    def read(self, body: bytes) -> tuple[int, Mapping[str, Any]] | None:
        """How many rows there are, now in the buffer, and each feature's values as they are recorded; None where another must look."""
        count = self._read(np.frombuffer(body, dtype=np.uint8), *self._given)
        if count == 0:
            return None
        self._spell(self._rows, count, self._kinds, *self._texts, self._out, self._ends)
        memory, start, found = self._out.data, 0, {}
        for name, end in zip(self._names, self._ends.tolist(), strict=True):
            found[name] = msgspec.Raw(bytes(memory[start:end]))
            start = end
        return count, found


def kernels() -> Any:
    """The compiled reader and speller; compiles them, or reads them from the cache, at the first call."""
    global _kernels
    if _kernels is None:
        options = {key: value for key, value in OPTIONS.items() if key != "nogil"}
        ints, floats, words, octets = "int64[::1]", "float64[::1]", "uint64[::1]", "uint8[::1]"
        given = f"{octets}, {words}, {ints}, boolean[::1], {floats}, {octets}, {words}, {ints}, {words}, {words}, float64[:, ::1]"
        reader = f"int64(Array(uint8, 1, 'C', readonly=True), {given})"
        speller = f"void(float64[:, ::1], int64, {ints}, {octets}, {ints}, {ints}, {octets}, {ints})"
        _kernels = njit(reader, **options)(read), njit(speller, **options)(spell)
    return _kernels


_kernels: Any = None


def _is_plain(field: Field) -> bool:
    if field.kind == "number":
        fine = True
    elif field.kind == "choice":
        fine = not field.new_levels and 0 < len(field.levels) <= MOST_LEVELS
    else:
        fine = False
    # What JSON must or may escape is not matched byte by byte.
    letters = {letter for text in (field.name, *field.levels) for letter in text}
    return fine and all(letter >= " " and letter not in '"\\' and not "\ud800" <= letter <= "\udfff" for letter in letters)


def _or(limit: float | None, other: float) -> float:
    return other if limit is None else limit


def _joined(parts: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(parts) or b"\x00", dtype=np.uint8).copy()


def _places(parts: list[bytes]) -> NDArray[np.int64]:
    return np.cumsum([0, *map(len, parts)], dtype=np.int64)
