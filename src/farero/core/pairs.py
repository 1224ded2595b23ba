"""Whether columns still go together as they did: quadrant correlations of all pairs, from one bit a cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.reference import Floats

Bits: TypeAlias = NDArray[np.uint64]

_LEAST_CHANGE = 0.1
_P_LIMIT = 0.05
_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Halves:
    """Which rows of a column lie above its median, and which have a value at all, as packed bits (64 rows a word)."""

    rows: int
    above: Bits
    valid: Bits


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDrift:
    """Two columns whose joint behaviour was compared; `correlation` of reference and current [-1, 1]."""

    names: tuple[str, str]
    correlation: tuple[float, float]
    p_value: float
    drift: bool


def halves(values: Floats, middle: float) -> Halves:
    """Cut a column of n values at `middle`, its median; NaN has no side."""
    with np.errstate(invalid="ignore"):
        return Halves(rows=len(values), above=_packed(values > middle), valid=_packed(~np.isnan(values)))


def halves_of_flags(flags: NDArray[np.bool_]) -> Halves:
    """A column of n flags: true is above."""
    return Halves(rows=len(flags), above=_packed(flags), valid=_packed(np.ones(len(flags), dtype=np.bool_)))


def compare_pairs(reference: Mapping[str, Halves], current: Mapping[str, Halves]) -> tuple[PairDrift, ...]:
    """Every pair of columns, the most changed first.

    Sees a change of joint behaviour that leaves each column by itself as it was, where it shows in the signs of the deviations from
    the medians (an even, U-shaped dependence does not). A pair drifts when chance alone gives such a change less than once in 20 years
    of daily comparisons of all pairs, and when the change is at least 0.1.

    Args:
        reference: column name -> its halves, all of one length.
        current: the same columns, all of one length.

    Returns:
        Pairs; those with a column whose values all lie on one side are left out.

    Source: Blomqvist (1950), On a measure of dependence between two random variables; sin(pi/2 phi) makes it Pearson's for normal columns.
    """
    tests = max(len(reference) * (len(reference) - 1) // 2, 1)
    made: list[PairDrift] = []
    for a, b in combinations(reference, 2):
        before, after = _phi(reference[a], reference[b]), _phi(current[a], current[b])
        if before is None or after is None:
            continue
        variance = (1 - before[0] ** 2) / before[1] + (1 - after[0] ** 2) / after[1]
        change = abs(after[0] - before[0])
        p = math.erfc(change / math.sqrt(2 * variance)) if variance > 0 else (0.0 if change else 1.0)
        correlation = (math.sin(math.pi / 2 * before[0]), math.sin(math.pi / 2 * after[0]))
        is_drift = p < _P_LIMIT / (tests * _DAYS) and abs(correlation[1] - correlation[0]) >= _LEAST_CHANGE
        made.append(PairDrift(names=(a, b), correlation=correlation, p_value=p, drift=is_drift))
    return tuple(sorted(made, key=lambda pair: (-abs(pair.correlation[1] - pair.correlation[0]), pair.names)))


def _packed(bits: NDArray[np.bool_]) -> Bits:
    packed = np.packbits(bits)
    return np.concatenate([packed, np.zeros(-len(packed) % 8, dtype=np.uint8)]).view(np.uint64)


def _phi(a: Halves, b: Halves) -> tuple[float, int] | None:
    """Correlation of the two indicators over the rows that have both values, and how many those are."""
    both = a.valid & b.valid
    n = int(np.bitwise_count(both).sum())
    of_a, of_b = a.above & both, b.above & both
    x, y, xy = (int(np.bitwise_count(bits).sum()) for bits in (of_a, of_b, of_a & of_b))
    spread = x * (n - x) * y * (n - y)
    return ((xy * n - x * y) / math.sqrt(spread), n) if spread > 0 else None
