"""Exact distances between two samples in ascending order, at a small part of the price of merging them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.distance import Floats, dot

Ranks: TypeAlias = NDArray[np.int64]

_PIECE = 1 << 14
_LEAST_STEP = 64


def ks_distance(reference: NDArray[Any], current: NDArray[Any]) -> float:
    """Kolmogorov-Smirnov distance between two samples, exact.

    Both cumulative curves are taken at some hundreds of values first. Between two of them neither curve can move further than the
    rows there, which bounds the distance; only the few stretches that could hold the largest one are merged.

    Args:
        reference: (n,) finite values in ascending order, n > 0.
        current: (m,) the same, m > 0.

    Returns:
        Distance [0-1].

    Raises:
        ValueError: a sample is empty.

    Source: equal to `scipy.stats.ks_2samp(...).statistic`; the bound is `ks_bounds`.

    >>> ks_distance(np.array([0.0, 1.0]), np.array([0.5, 1.5]))
    0.5
    """
    n, m = _sizes(reference, current)
    longer = reference if n >= m else current
    step = max(_LEAST_STEP, int(4 * len(longer) ** 0.5))
    cuts = np.unique(np.append(longer[step - 1 :: step], max(reference[-1], current[-1])))
    at_a, at_b = (np.concatenate([[0], np.searchsorted(side, cuts, side="right")]) for side in (reference, current))
    below_a, below_b = (np.searchsorted(side, cuts, side="left") for side in (reference, current))
    best = float(np.abs(at_a / n - at_b / m).max())
    # Just below a cut: where one of the two has no value in between, the curves are furthest apart at one of the ends.
    best = max(best, float(np.abs(below_a / n - below_b / m).max()))
    start_a, start_b = at_a[:-1], at_b[:-1]
    above = below_a / n - start_b / m
    under = below_b / m - start_a / n
    inside = (below_a > start_a) & (below_b > start_b)
    open_ = np.flatnonzero(inside & (np.maximum(above, under) > best))
    if not len(open_):
        return best
    return max(best, _farthest(reference, current, (start_a[open_], below_a[open_]), (start_b[open_], below_b[open_])))


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


def ks_bounds(reference: Ranks, current: Ranks, hollow: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """What is certain of the KS distance of two samples of which only counts in common bins are known.

    Args:
        reference: (k,) counts per bin, bins in order, total > 0.
        current: (k,) counts in the same bins, total > 0.
        hollow: (k,) bins that hold one value only, so that nothing happens inside.

    Returns:
        A distance that is reached at an edge, and one that is not passed [0-1].

    >>> ks_bounds(np.array([50, 50]), np.array([25, 75]))
    (0.25, 0.75)
    """
    f, g = (np.concatenate([[0.0], np.cumsum(side) / side.sum()]) for side in (reference, current))
    reached = float(np.abs(f - g).max())
    within = np.maximum(f[1:] - g[:-1], g[1:] - f[:-1])
    if hollow is not None:
        within = within[~hollow]
    return reached, max(reached, float(within.max(initial=0.0)))


def _sizes(reference: NDArray[Any], current: NDArray[Any]) -> tuple[int, int]:
    if not len(reference) or not len(current):
        raise ValueError("a distance needs values on both sides, and one side is empty")
    return len(reference), len(current)


def _farthest(a: NDArray[Any], b: NDArray[Any], of_a: tuple[Ranks, Ranks], of_b: tuple[Ranks, Ranks]) -> float:
    """Largest distance of the two curves within stretches: places from .. to in a and in b, both in order."""
    taken_a, taken_b = _taken(a, *of_a), _taken(b, *of_b)
    together = np.concatenate([taken_a, taken_b])
    order = np.argsort(together, kind="stable")  # two runs in order: one merge
    sizes_a, sizes_b = of_a[1] - of_a[0], of_b[1] - of_b[0]
    stretch = np.repeat(np.arange(len(sizes_a)), sizes_a + sizes_b)
    passed = np.cumsum(order < len(taken_a))
    # What was passed within the stretches, and before each of them outside.
    rank_a = passed + (of_a[0] - (np.cumsum(sizes_a) - sizes_a))[stretch]
    rank_b = np.arange(1, len(order) + 1) - passed + (of_b[0] - (np.cumsum(sizes_b) - sizes_b))[stretch]
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
