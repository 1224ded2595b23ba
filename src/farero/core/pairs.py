"""Whether columns still go together as they did: quadrant correlations of all pairs, from one bit a cell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.distance import Floats

Bits: TypeAlias = NDArray[np.uint64]

Counts: TypeAlias = NDArray[np.int64]

MOST_PAIRS = 500
"""Pairs that are watched at most: all of them up to 32 columns."""

_SAMPLED_WORDS = 512
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


def halves(values: Floats, middle: float, *, whole: bool = False) -> Halves:
    """Cut a column of n values at `middle`, its median; NaN has no side. `whole`: it is known that there is none."""
    with np.errstate(invalid="ignore"):
        valid = _all(len(values)) if whole else _packed(~np.isnan(values))
        return Halves(rows=len(values), above=_packed(values > middle), valid=valid)


def halves_of_flags(flags: NDArray[np.bool_], valid: NDArray[np.bool_] | None = None) -> Halves:
    """A column of n flags: true is above. `valid`: (n,) those that have a value, which a true one has; None = all."""
    return Halves(rows=len(flags), above=_packed(flags), valid=_all(len(flags)) if valid is None else _packed(valid))


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


def choose_pairs(columns: Sequence[Halves | None], most: int = MOST_PAIRS) -> Counts:
    """Which pairs are worth counting.

    All, where they fit. Otherwise each column with the next one, as far as half of the room goes, and the pairs that go together most
    closely in these rows: a bond that is there can break, and most faults of joins and of units break one. A new bond between two columns
    that had none, and are not neighbours, is then not seen. Bonds are measured on 32,768 rows, evenly spread.

    Args:
        columns: halves of each column, all of one length; None = cannot be paired.
        most: how many pairs at most.

    Returns:
        (2 p,) places of the two columns of each pair, flat, first < second, in order.
    """
    held = [place for place, column in enumerate(columns) if column is not None]
    every = list(combinations(held, 2))
    if len(every) <= most:
        return np.array(every, dtype=np.int64).reshape(-1)
    chosen = set(pairwise(held[: most // 2 + 1]))
    rows = [column for column in columns if column is not None]
    step = max(len(rows[0].above) // _SAMPLED_WORDS, 1)
    above, valid = np.stack([c.above[::step] for c in rows]), np.stack([c.valid[::step] for c in rows])
    strength = np.concatenate([_strengths(above, valid, i) for i in range(len(rows) - 1)])
    for best in np.argsort(-strength, kind="stable").tolist():
        if len(chosen) >= most:
            break
        chosen.add(every[best])
    return np.array(sorted(chosen), dtype=np.int64).reshape(-1)


def count_pairs(columns: Sequence[Halves | None], pairs: Counts) -> tuple[Counts, Counts]:
    """(p,) rows where both columns lie above their medians, and rows where both have a value; see `choose_pairs`."""
    chosen = pairs.reshape(-1, 2)
    hits, rows = np.zeros(len(chosen), dtype=np.int64), np.zeros(len(chosen), dtype=np.int64)
    if not len(chosen):
        return hits, rows
    used = np.unique(chosen)
    sides = [column for place in used.tolist() if (column := columns[place]) is not None]
    if len(sides) < len(used):
        raise ValueError("a column of these pairs has no sides")
    above, valid = np.stack([column.above for column in sides]), np.stack([column.valid for column in sides])
    whole = _rows(valid) == sides[0].rows
    first, second = np.searchsorted(used, chosen).T
    for a in np.unique(first).tolist():
        own = first == a
        # What lies above its median has a value, so the rows where both do need no look at those that have none.
        hits[own] = _rows(above[a] & above[second[own]])
        rows[own] = sides[0].rows if whole[a] and whole[second[own]].all() else _rows(valid[a] & valid[second[own]])
    return hits, rows


def _rows(bits: NDArray[Any]) -> Counts:
    """(k,) set bits of each of k rows of words."""
    found: Counts = np.bitwise_count(bits).sum(axis=1, dtype=np.int64)
    return found


def _strengths(above: Bits, valid: Bits, i: int) -> Floats:
    """|phi| of column i with each later one, 0 where one of the two does not vary."""
    both = valid[i] & valid[i + 1 :]
    n, x, y, xy = (
        np.bitwise_count(bits).sum(axis=1, dtype=np.float64)
        for bits in (both, both & above[i], both & above[i + 1 :], both & above[i] & above[i + 1 :])
    )
    spread = x * (n - x) * y * (n - y)
    phi: Floats = np.divide(xy * n - x * y, np.sqrt(spread), out=np.zeros(len(n)), where=spread > 0)
    return np.abs(phi)


@lru_cache(maxsize=4)
def _all(rows: int) -> Bits:
    """As many bits, all set; blocks of rows are mostly of one size."""
    made = _packed(np.ones(rows, dtype=np.bool_))
    made.flags.writeable = False
    return made


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
