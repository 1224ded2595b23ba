"""Counts in as few bytes as hold them: one width for all, and by themselves the few that are larger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_WIDTHS: Final = (1, 2, 4, 8)
_LARGE_BYTES: Final = 12
"""What a count costs that does not fit the width: its place and its upper part."""

_WIDER: Final = {1: np.uint16, 2: np.uint32, 4: np.int64, 8: np.int64}
_MOST_ADDED: Final = {1: 257, 2: 65_537, 4: 1 << 31, 8: 1 << 31}
"""So many of a width add up without leaving the next wider one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Narrow:
    """n counts. The windows of one reference have mostly small ones, and here and there a frequent value.

    Attributes:
        low: (n,) the lower bytes of each: uint8, uint16, uint32 or int64.
        places: (k,) uint32, ascending: the counts that have more than that.
        high: (k,) int64: what they have more, shifted down by the width of `low`.
    """

    low: NDArray[Any]
    places: NDArray[np.uint32]
    high: NDArray[np.int64]


def narrow(counts: NDArray[np.int64]) -> Narrow:
    """Counts in the width that takes the fewest bytes in all.

    Args:
        counts: (n,) 0 or more.

    Raises:
        ValueError: one is negative.

    >>> made = narrow(np.array([3, 0, 70_000, 9]))
    >>> made.low.dtype.name, made.places.tolist(), widen(made).tolist()
    ('uint8', [2], [3, 0, 70000, 9])
    """
    if len(counts) and int(counts.min()) < 0:
        raise ValueError("a count is negative")
    sizes = [len(counts) * width + _LARGE_BYTES * int(np.count_nonzero(counts >> (8 * width))) for width in _WIDTHS[:-1]]
    width = _WIDTHS[int(np.argmin([*sizes, 8 * len(counts)]))]
    if width == 8:
        return Narrow(low=counts.astype(np.int64), places=np.zeros(0, dtype=np.uint32), high=np.zeros(0, dtype=np.int64))
    above = counts >> (8 * width)
    places = np.flatnonzero(above)
    kind = {1: np.uint8, 2: np.uint16, 4: np.uint32}[width]
    return Narrow(low=(counts & ((1 << 8 * width) - 1)).astype(kind), places=places.astype(np.uint32), high=above[places].astype(np.int64))


def widen(counts: Narrow) -> NDArray[np.int64]:
    """(n,) int64, a copy."""
    return add([counts])


def add(many: Sequence[Narrow]) -> NDArray[np.int64]:
    """(n,) int64 sums of counts of the same bins.

    Raises:
        ValueError: there are none, or their numbers differ.
    """
    if len({len(counts.low) for counts in many}) != 1:
        raise ValueError("only counts of the same bins add up")
    total = np.zeros(len(many[0].low), dtype=np.int64)
    for width in _WIDTHS:
        own = [counts.low for counts in many if counts.low.itemsize == width]
        for start in range(0, len(own), _MOST_ADDED[width]):
            # Through the next wider type only, which is a quarter of the memory of int64 or a half.
            part = np.stack(own[start : start + _MOST_ADDED[width]])
            total += part[0] if len(part) == 1 else part.astype(_WIDER[width]).sum(axis=0, dtype=_WIDER[width])
    for counts in many:
        if len(counts.places):
            total[counts.places] += counts.high << (8 * counts.low.itemsize)
    return total
