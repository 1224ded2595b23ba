"""Counts in as few bytes as hold them: one width for all, and by themselves the few that are larger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_KINDS: Final[dict[int, type[np.integer[Any]]]] = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.int64}
_WIDER: Final[dict[int, type[np.integer[Any]]]] = {1: np.uint16, 2: np.uint32, 4: np.int64, 8: np.int64}
_LARGE_BYTES: Final = 12
"""What a count costs that does not fit the width: its place and its upper part."""

_MOST_ADDED: Final = {1: 257, 2: 65_537, 4: 1 << 31, 8: 1 << 31}
"""So many of a width add up without leaving the next wider one."""

_NOTHING: Final = memoryview(b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrow:
    """n counts as bytes. The windows of one reference have mostly small ones, and here and there a frequent value.

    Bytes and not arrays: those of many windows are joined and then made one array of, which is much cheaper than one by one. Seen where
    they are stored, and not copied.

    Attributes:
        width: bytes a count: 1, 2, 4 or 8.
        low: n of so many bytes, the lower ones of each count.
        places: k of 4 bytes, ascending: the counts that have more than that.
        high: k of 8 bytes: what they have more, shifted down by `width`.
    """

    width: int
    low: memoryview
    places: memoryview = _NOTHING
    high: memoryview = _NOTHING

    @property
    def count(self) -> int:
        """n."""
        return len(self.low) // self.width


def narrow(counts: NDArray[np.int64]) -> Narrow:
    """Counts in the width that takes the fewest bytes in all.

    Args:
        counts: (n,) 0 or more.

    Raises:
        ValueError: one is negative.

    >>> made = narrow(np.array([3, 0, 70_000, 9]))
    >>> made.width, len(made.low), len(made.high), widen(made).tolist()
    (1, 4, 8, [3, 0, 70000, 9])
    """
    if len(counts) and int(counts.min()) < 0:
        raise ValueError("a count is negative")
    sizes = {width: len(counts) * width + _LARGE_BYTES * int(np.count_nonzero(counts >> (8 * width))) for width in (1, 2, 4)}
    width = min([*sizes, 8], key=lambda width: sizes.get(width, 8 * len(counts)))
    if width == 8:
        return Narrow(width=8, low=_bytes(counts.astype(np.int64)))
    above = counts >> (8 * width)
    places = np.flatnonzero(above)
    low = (counts & ((1 << 8 * width) - 1)).astype(_KINDS[width])
    return Narrow(width=width, low=_bytes(low), places=_bytes(places.astype(np.uint32)), high=_bytes(above[places].astype(np.int64)))


def widen(counts: Narrow) -> NDArray[np.int64]:
    """(n,) int64, a copy."""
    return add([counts])


def add(many: Sequence[Narrow]) -> NDArray[np.int64]:
    """(n,) int64 sums of counts of the same bins.

    Raises:
        ValueError: there are none, or their numbers differ.
    """
    if len({counts.count for counts in many}) != 1:
        raise ValueError("only counts of the same bins add up")
    total = np.zeros(0, dtype=np.int64)
    for width in {counts.width for counts in many}:
        own = [counts for counts in many if counts.width == width]
        for start in range(0, len(own), _MOST_ADDED[width]):
            # Through the next wider type only, which is a quarter of the memory of int64 or a half.
            part = own[start : start + _MOST_ADDED[width]]
            table = np.frombuffer(b"".join([counts.low for counts in part]), dtype=_KINDS[width]).reshape(len(part), -1)
            added = np.add.reduce(table, axis=0, dtype=_WIDER[width])
            total = total + added if len(total) else added.astype(np.int64)
        places = np.frombuffer(b"".join([counts.places for counts in own]), dtype=np.uint32)
        if len(places):
            np.add.at(total, places, np.frombuffer(b"".join([counts.high for counts in own]), dtype=np.int64) << (8 * width))
    return total


def _bytes(array: NDArray[Any]) -> memoryview:
    return memoryview(array.tobytes())
