"""Exact distances between two samples in ascending order, at a small part of the price of merging them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.distance import Floats, dot

Ranks: TypeAlias = NDArray[np.int64]

_PIECE = 1 << 14
_PARTS = (512, 16, 8, 8)
_FEW = 4096


def ks_distance(reference: NDArray[Any], current: NDArray[Any]) -> float:
    """Kolmogorov-Smirnov distance between two samples, exact.

    Both cumulative curves are taken at some hundreds of values first. Between two of them neither curve can move further than the
    rows there, which bounds the distance; the few stretches that could hold the largest one are split again, and merged in the end.

    Args:
        reference: (n,) finite values in ascending order, n > 0.
        current: (m,) the same, m > 0.

    Returns:
        Distance [0-1].

    Raises:
        ValueError: a sample is empty.

    Source: equal to `scipy.stats.ks_2samp(...).statistic`; the bound is `distance.ks_bounds`.

    >>> ks_distance(np.array([0.0, 1.0]), np.array([0.5, 1.5]))
    0.5
    """
    n, m = _sizes(reference, current)
    best = 0.0
    stretches = _Stretches(np.array([0]), np.array([n]), np.array([0]), np.array([m]))
    for parts in _PARTS:
        if stretches.rows <= _FEW:
            break
        reached, stretches = _split(reference, current, stretches, parts)
        best = max(best, reached)
        stretches = stretches.that_may_pass(best, n, m)
    return max(best, _farthest(reference, current, stretches)) if stretches.rows else best


def wasserstein(reference: NDArray[Any], current: NDArray[Any]) -> float:
    """Wasserstein-1 distance between two samples, exact: the mean distance of values of equal rank.

    Args:
        reference: (n,) finite values in ascending order, n > 0.
        current: (m,) the same, m > 0.

    Returns:
        Distance [unit of the values]; infinite where the values lie further apart than a float can say.

    Raises:
        ValueError: a sample is empty.

    Source: Vallender (1974), the integral over quantiles. Equal to `scipy.stats.wasserstein_distance`.

    >>> wasserstein(np.array([0.0, 1.0]), np.array([0.5, 1.5, 2.5]))
    1.0
    """
    _sizes(reference, current)
    longer, shorter = (reference, current) if len(reference) >= len(current) else (current, reference)
    n, m = len(longer), len(shorter)
    total = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        if n % m == 0:
            times = n // m
            for at in range(0, m, step := max(_PIECE // times, 1)):
                piece = shorter[at : at + step]
                block = longer[at * times : (at + len(piece)) * times]
                total += _apart(block, piece if times == 1 else np.repeat(piece, times))
            return total / n
        # Value i of n stands for the shares from i/n to (i+1)/n; value j of m for those from j/m on: so i meets j, and where j's end cuts
        # through i's share, the rest of that share meets j + 1.
        starts, cut, share = _plan(n, m)
        for at in range(0, m, step := max(_PIECE * m // n, 1)):
            ends = starts[at : at + step + 1]
            total += _apart(longer[ends[0] : ends[-1]], np.repeat(shorter[at : at + step], np.diff(ends)))
        crossing = longer[starts[cut] - 1]
        total += dot(share, np.abs(crossing - shorter[cut]) - np.abs(crossing - shorter[cut - 1]))
    return max(total, 0.0) / n


def _sizes(reference: NDArray[Any], current: NDArray[Any]) -> tuple[int, int]:
    if not len(reference) or not len(current):
        raise ValueError("a distance needs values on both sides, and one side is empty")
    return len(reference), len(current)


@dataclass(frozen=True, slots=True, eq=False)
class _Stretches:
    """Values strictly between two cuts: places [start, end) in both samples, in order."""

    start_a: Ranks
    end_a: Ranks
    start_b: Ranks
    end_b: Ranks

    @property
    def rows(self) -> int:
        return int((self.end_a - self.start_a).sum() + (self.end_b - self.start_b).sum())

    def that_may_pass(self, best: float, n: int, m: int) -> _Stretches:
        """Those in which the curves could be further apart; where one of the two has no value, they are furthest at an end."""
        bound = np.maximum(self.end_a / n - self.start_b / m, self.end_b / m - self.start_a / n)
        kept = (self.end_a > self.start_a) & (self.end_b > self.start_b) & (bound > best)
        return _Stretches(self.start_a[kept], self.end_a[kept], self.start_b[kept], self.end_b[kept])


def _split(a: NDArray[Any], b: NDArray[Any], whole: _Stretches, parts: int) -> tuple[float, _Stretches]:
    """The largest distance at cuts through each stretch, at the values of the longer sample, and the stretches between them."""
    a_is_longer = len(a) >= len(b)
    start, end = (whole.start_a, whole.end_a) if a_is_longer else (whole.start_b, whole.end_b)
    places = start[:, None] + (end - start)[:, None] * np.arange(1, parts) // parts
    longer, shorter = (a, b) if a_is_longer else (b, a)
    cuts = longer[places]
    of_longer = _ranks_of_places(longer, places, cuts)
    of_shorter = _ranks(shorter, cuts)
    (below_a, at_a), (below_b, at_b) = (of_longer, of_shorter) if a_is_longer else (of_shorter, of_longer)
    reached = max(float(np.abs(x / len(a) - y / len(b)).max()) for x, y in ((at_a, at_b), (below_a, below_b)))
    sides = (
        np.column_stack([whole.start_a, at_a]), np.column_stack([below_a, whole.end_a]),
        np.column_stack([whole.start_b, at_b]), np.column_stack([below_b, whole.end_b]),
    )  # fmt: skip
    return reached, _Stretches(*(side.ravel() for side in sides))


def _ranks(values: NDArray[Any], cuts: NDArray[Any]) -> tuple[Ranks, Ranks]:
    """How many values lie below each cut, and how many up to it. Only cuts that occur are looked for twice."""
    below = values.searchsorted(cuts, side="left")
    upto = below.copy()
    tied = values[np.minimum(below, len(values) - 1)] == cuts
    if tied.any():
        upto[tied] = values.searchsorted(cuts[tied], side="right")
    return below, upto


def _ranks_of_places(values: NDArray[Any], places: Ranks, cuts: NDArray[Any]) -> tuple[Ranks, Ranks]:
    """The same for cuts that are the values at known places: only those with equal neighbours are looked for."""
    below, upto = places.copy(), places + 1
    tied = values[np.minimum(upto, len(values) - 1)] == cuts
    tied |= values[np.maximum(places - 1, 0)] == cuts
    if tied.any():
        below[tied] = values.searchsorted(cuts[tied], side="left")
        upto[tied] = values.searchsorted(cuts[tied], side="right")
    return below, upto


def _farthest(a: NDArray[Any], b: NDArray[Any], stretches: _Stretches) -> float:
    """Largest distance of the two curves within stretches, by merging them."""
    taken_a, taken_b = _taken(a, stretches.start_a, stretches.end_a), _taken(b, stretches.start_b, stretches.end_b)
    together = np.concatenate([taken_a, taken_b])
    order = np.argsort(together, kind="stable")  # two runs in order: one merge
    sizes_a, sizes_b = stretches.end_a - stretches.start_a, stretches.end_b - stretches.start_b
    stretch = np.repeat(np.arange(len(sizes_a)), sizes_a + sizes_b)
    passed = np.cumsum(order < len(taken_a))
    # What was passed within the stretches, and before each of them outside.
    rank_a = passed + (stretches.start_a - (np.cumsum(sizes_a) - sizes_a))[stretch]
    rank_b = np.arange(1, len(order) + 1) - passed + (stretches.start_b - (np.cumsum(sizes_b) - sizes_b))[stretch]
    ordered = together[order]
    last = np.append(ordered[1:] != ordered[:-1], True)  # of equal values only the last has passed them all
    return float(np.abs(rank_a[last] / len(a) - rank_b[last] / len(b)).max())


def _taken(values: NDArray[Any], starts: Ranks, ends: Ranks) -> NDArray[Any]:
    return np.concatenate([values[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)])


def _apart(a: NDArray[Any], b: NDArray[Any]) -> float:
    apart = a - b
    return float(np.abs(apart, out=apart).sum())


@lru_cache(maxsize=2)
def _plan(n: int, m: int) -> tuple[Ranks, Ranks, Floats]:
    """(m + 1,) the first of n that starts within each of m; which of m cut through a share, and by how much of it."""
    places = np.arange(m + 1, dtype=np.int64)
    starts = -(-(places * n) // m)
    cut = places[1:m][(places[1:m] * n) % m != 0]
    share = (starts[cut] * m - cut * n) / m
    return starts, cut, np.asarray(share, dtype=np.float64)
