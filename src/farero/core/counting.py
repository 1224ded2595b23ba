"""Rows counted in bins or by level; between edges in one pass: a small table leads to the bin, so that nearly nothing is left to search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

LEAST_ROWS: Final = 1 << 16
"""Fewer rows than this are counted by numpy: loading the kernel takes a process half a second, as much as numpy with 500,000 rows of 20
columns. The number of rows alone decides, and not what is loaded already: sums must not differ in their last bits from run to run."""

_SLOTS: Final = 4096
_TRIMS: Final = (0, 1, 2, 4, 8, 16, 32)
_CHUNK: Final = 512
_LARGEST: Final = float(np.finfo(np.float64).max)
_SIGN: Final = np.uint64(1 << 63)
_ZERO: Final = np.uint64(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What a profile keeps of the finite values beside their counts; see `ColumnProfile`."""

    total: float = 0.0
    squares: float = 0.0
    under: float = 0.0
    over: float = 0.0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counted:
    """One pass over a column: (k,) rows a bin, rows of NaN, rows of infinities, and sums."""

    counts: NDArray[np.int64]
    missing: int
    infinite: int
    sums: Sums


class Bins:
    """The bins of one column, ready to count in.

    Args:
        edges: (k - 1,) ascending: bin i holds edges[i-1] < x <= edges[i].
        mean: what sums are taken from.
        low, high: smallest and largest value of the reference; None = it has none.
    """

    def __init__(self, edges: Floats, *, mean: float | None = None, low: float | None = None, high: float | None = None) -> None:
        self.edges = edges
        self.mean = mean or 0.0
        self.low = -np.inf if low is None else low
        self.high = np.inf if high is None else high
        self._table: _Table | None = None

    def count(self, values: Floats, *, fast: bool = False) -> Counted:
        """Count (n,) float64 values; NaN is missing. `fast`: they are some of many."""
        return self.count_fast(values) if fast or len(values) >= LEAST_ROWS else self.count_plainly(values)

    def count_plainly(self, values: Floats) -> Counted:
        """The same by a binary search for each value: what the fast way must agree with."""
        finite = values[np.isfinite(values)]
        missing = int(np.isnan(values).sum())
        counts = np.bincount(np.searchsorted(self.edges, finite, side="left"), minlength=len(self.edges) + 1)
        return Counted(counts=counts, missing=missing, infinite=len(values) - len(finite) - missing, sums=self.sums(counts, finite))

    def count_fast(self, values: Floats) -> Counted:
        """The same in one pass of compiled code, which the first call in a process loads or, on a new machine, compiles."""
        counts = np.zeros(len(self.edges) + 1, dtype=np.int64)
        found = self._run(values, counts, np.zeros(0, dtype=np.int32))
        held = counts.any()
        return Counted(
            counts=counts, missing=int(found[0]), infinite=int(found[1]),
            sums=Sums(
                total=found[2], squares=found[3], under=found[4], over=found[5],
                low=found[6] if held else None, high=found[7] if held else None,
            ),
        )  # fmt: skip

    def places(self, values: Floats) -> NDArray[np.int32]:
        """(n,) the bin of each value; -1 for what is not finite."""
        if len(values) < LEAST_ROWS:
            return np.where(np.isfinite(values), np.searchsorted(self.edges, values, side="left"), -1).astype(np.int32)
        made = np.empty(len(values), dtype=np.int32)
        self._run(values, np.zeros(len(self.edges) + 1, dtype=np.int64), made)
        return made

    def sums(self, counts: NDArray[np.int64], finite: Floats) -> Sums:
        """The sums of finite values, in any order, that fall into the bins in these numbers."""
        if not len(finite):
            return Sums()
        with np.errstate(over="ignore", invalid="ignore"):  # squares of 1e300: the deviation is then infinite, and told so
            shifted = finite - self.mean
            # Not `shifted @ shifted`: BLAS wakes a thread per core for it, and their waiting costs more than the sum.
            total, squares = float(shifted.sum()), float(np.einsum("i,i->", shifted, shifted))
            under = float((self.low - finite[finite < self.low]).sum()) if counts[0] else 0.0
            over = float((finite[finite > self.high] - self.high).sum()) if counts[-1] else 0.0
        return Sums(total=total, squares=squares, under=under, over=over, low=float(finite.min()), high=float(finite.max()))

    def _run(self, values: Floats, counts: NDArray[np.int64], places: NDArray[np.int32]) -> list[float]:
        if self._table is None:
            self._table = _table_of(self.edges)
        table = self._table
        plain = np.require(values, np.float64, ["C", "A"])
        found = np.zeros(8)
        kernel()(
            plain, table.edges, table.first, table.levels, table.by_bits, table.origin, table.scale,
            table.first_key, table.last_key, table.shift, self.mean, self.low, self.high, counts, places, found,
        )  # fmt: skip
        answer: list[float] = found.tolist()
        return answer


class Levels:
    """The levels of one column of codes, ready to count in.

    Args:
        known: k levels that are counted.
        places: (d,) which of them each declared level is counted as; empty = each as itself, and d = k.
    """

    def __init__(self, known: int, places: NDArray[Any]) -> None:
        self.known = known
        self._places = places
        self._declared = len(places) or known

    def count(self, codes: NDArray[Any]) -> tuple[NDArray[np.int64], int, int]:
        """(k,) rows of each level, rows of none (-1), and rows of a level that was not declared (any other code)."""
        found = np.bincount(self._from_zero(codes), minlength=self._declared + 3)
        counts = found[2:-1]
        if len(self._places):
            counts = np.bincount(self._places, weights=counts, minlength=self.known).astype(np.int64)
        return counts, int(found[1]), int(found[0] + found[-1])

    def places(self, codes: NDArray[Any]) -> NDArray[np.int64]:
        """(n,) the place of each code; -1 for none, -2 for a level that was not declared."""
        declared = self._places if len(self._places) else np.arange(self.known)
        return np.concatenate([[-2, -1], declared, [-2]]).astype(np.int64)[self._from_zero(codes)]

    def _from_zero(self, codes: NDArray[Any]) -> NDArray[np.int64]:
        """0 = a new level, 1 = missing, then the declared ones, then what lies beyond them."""
        return np.clip(codes.astype(np.int64) + 2, 0, self._declared + 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Table:
    """Where the edges begin for each slot. A slot is a rising function of a value, so edges of other slots need no look.

    Attributes:
        edges: with infinities behind, so that a search may run over the end; no -0.0, whose bits lie below those of 0.0.
        first: (slots,) edges of lower slots.
        levels: how often a search halves: 2**levels - 1 edges or fewer share a slot.
        by_bits: slots are the leading bits of the float64 (steps that grow with the value), else equal steps of `1 / scale`.
    """

    edges: Floats
    first: NDArray[np.uint32]
    levels: int
    by_bits: bool
    origin: float = 0.0
    scale: float = 1.0
    first_key: np.uint64 = _ZERO
    last_key: np.uint64 = _ZERO
    shift: np.uint64 = _ZERO


def _table_of(edges: Floats) -> _Table:
    """The table with the fewest edges in its fullest slot. Some lie outside of what is divided evenly: a few far ones spoil no table."""
    plain = edges + 0.0
    if not len(plain):
        return _Table(edges=np.full(1, np.inf), first=np.zeros(1, dtype=np.uint32), levels=0, by_bits=True)
    best, fewest = None, len(plain) + 1
    keys = _keys(plain)
    for trim in (trim for trim in _TRIMS if 2 * trim < len(plain)):
        for made, slots in (_even(plain, trim), _leading(plain, keys, trim)):
            most = int(np.bincount(slots).max()) if len(slots) else fewest
            if most < fewest:
                best, fewest = (made, slots), most
    assert best is not None
    made, slots = best
    levels = fewest.bit_length()
    last = _SLOTS if not made.by_bits else int((made.last_key - made.first_key) >> made.shift) + 1
    return _Table(
        edges=np.concatenate([plain, np.full(1 << levels, np.inf)]), first=np.searchsorted(slots, np.arange(last)).astype(np.uint32),
        levels=levels, by_bits=made.by_bits, origin=made.origin, scale=made.scale,
        first_key=made.first_key, last_key=made.last_key, shift=made.shift,
    )  # fmt: skip


def _even(edges: Floats, trim: int) -> tuple[_Table, NDArray[np.int64]]:
    """Slots of equal width between two of the edges, and the slot of each edge; no slots where that cannot be."""
    origin, end = float(edges[trim]), float(edges[-1 - trim])
    with np.errstate(all="ignore"):
        scale = float(np.float64(_SLOTS) / (np.float64(end) - np.float64(origin)))
        made = _Table(edges=edges, first=np.zeros(0, dtype=np.uint32), levels=0, by_bits=False, origin=origin, scale=scale)
        if not 0 < scale < np.inf:
            return made, np.zeros(0, dtype=np.int64)
        return made, np.clip((edges - origin) * scale, 0, _SLOTS - 1).astype(np.int64)


def _leading(edges: Floats, keys: NDArray[np.uint64], trim: int) -> tuple[_Table, NDArray[np.int64]]:
    """Slots by the leading bits, between two of the edges."""
    first, last = keys[trim], keys[-1 - trim]
    shift = np.uint64(max(int(last - first).bit_length() - (_SLOTS - 1).bit_length(), 0))
    made = _Table(
        edges=edges, first=np.zeros(0, dtype=np.uint32), levels=0, by_bits=True, first_key=first, last_key=last, shift=shift
    )  # fmt: skip
    return made, ((np.clip(keys, first, last) - first) >> shift).astype(np.int64)


def _keys(values: Floats) -> NDArray[np.uint64]:
    """Whole numbers in the order of the values: the bits of a float64, the negative ones turned round."""
    bits = values.view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def run(
    values: Any, edges: Any, first: Any, levels: int, by_bits: bool, origin: float, scale: float, first_key: Any,
    last_key: Any, shift: Any, mean: float, low: float, high: float, counts: Any, places: Any, found: Any,
) -> None:  # fmt: skip
    """The kernel; `places` is empty where nobody asks for them.

    A chunk of 512 values at a time goes through loops that each do one thing, so that most of them work on several values at once. Four
    sums side by side do not wait for each other. Indices without a sign need no check for a negative one.
    """
    last_slot, chunk = len(first) - 1, _CHUNK
    missing, held_in_all = 0, 0
    total = squares = under = over = 0.0
    least, most = np.inf, -np.inf
    part, slots, at = np.empty(chunk), np.empty(chunk, np.uint32), np.empty(chunk, np.uint32)
    bits = part.view(np.uint64)
    for start in range(0, len(values), chunk):
        size = min(chunk, len(values) - start)
        held = 0
        for i in range(size):
            held += abs(values[start + i]) <= _LARGEST
        held_in_all += held
        if held == size:
            for i in range(size):
                part[i] = values[start + i]
        else:
            k = 0
            for i in range(size):
                x = values[start + i]
                part[k] = x
                k += abs(x) <= _LARGEST
                missing += x != x
        if by_bits:
            for i in range(held):
                key = bits[i] ^ (np.uint64(np.int64(bits[i]) >> 63) | _SIGN)
                slots[i] = (min(max(key, first_key), last_key) - first_key) >> shift
        else:
            for i in range(held):
                slots[i] = np.int32(min(max((part[i] - origin) * scale, 0.0), float(last_slot)))
        if levels == 1:
            for i in range(held):
                a = np.uint64(first[slots[i]])
                at[i] = a + np.uint64(edges[a] < part[i])
        elif levels == 2:
            for i in range(held):
                a = np.uint64(first[slots[i]])
                a += np.uint64(edges[a + np.uint64(1)] < part[i]) << np.uint64(1)
                at[i] = a + np.uint64(edges[a] < part[i])
        else:
            for i in range(held):
                a = np.uint64(first[slots[i]])
                for level in range(levels - 1, -1, -1):
                    step = np.uint64(1) << np.uint64(level)
                    a += np.uint64(edges[a + step - np.uint64(1)] < part[i]) << np.uint64(level)
                at[i] = a
        for i in range(held):
            counts[at[i]] += 1
        if len(places):
            k = 0
            for i in range(size):
                finite = abs(values[start + i]) <= _LARGEST
                places[start + i] = np.int64(at[k]) if finite else -1
                k += finite
        smallest, largest = np.inf, -np.inf
        for i in range(held):
            if part[i] < smallest:
                smallest = part[i]
            if part[i] > largest:
                largest = part[i]
        if smallest < low or largest > high:
            for i in range(held):
                under += max(low - part[i], 0.0)
                over += max(part[i] - high, 0.0)
        least, most = min(least, smallest), max(most, largest)
        sum_0 = sum_1 = sum_2 = sum_3 = square_0 = square_1 = square_2 = square_3 = 0.0
        for i in range(held, held + (-held) % 4):
            part[i] = mean
        for i in range(0, held, 4):
            x_0, x_1, x_2, x_3 = part[i] - mean, part[i + 1] - mean, part[i + 2] - mean, part[i + 3] - mean
            sum_0, sum_1, sum_2, sum_3 = sum_0 + x_0, sum_1 + x_1, sum_2 + x_2, sum_3 + x_3
            square_0, square_1 = square_0 + x_0 * x_0, square_1 + x_1 * x_1
            square_2, square_3 = square_2 + x_2 * x_2, square_3 + x_3 * x_3
        total += (sum_0 + sum_1) + (sum_2 + sum_3)
        squares += (square_0 + square_1) + (square_2 + square_3)
    found[0], found[1], found[2], found[3] = missing, len(values) - held_in_all - missing, total, squares
    found[4], found[5], found[6], found[7] = under, over, least, most


def kernel() -> Any:
    """The compiled `run`; compiled once an installation and kept, read from there by the first call in a process."""
    global _kernel
    if _kernel is None:
        from numba import njit, types  # only here: what counts a few rows shall not wait for it

        read = {kind: types.Array(kind, 1, "C", readonly=True) for kind in (types.float64, types.uint32)}
        real, whole, key = types.float64, types.int64, types.uint64
        signature = types.void(
            read[real], read[real], read[types.uint32], whole, types.boolean, real, real, key, key, key, real, real, real,
            whole[::1], types.int32[::1], real[::1],
        )  # fmt: skip
        _kernel = njit(signature, nogil=True, cache=True, error_model="numpy")(run)
    return _kernel


_kernel: Any = None
