"""Isotonic regression: the non-decreasing curve nearest to noisy shares, and the blocks of rows that it pools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """A non-decreasing curve: flat over each block of points, straight between two blocks, flat beyond the first and the last.

    Attributes:
        first: (j,) smallest point of each block, ascending.
        last: (j,) largest point of each block.
        value: (j,) of the curve there, ascending.
        weight: (j,) rows behind it.
    """

    first: Floats
    last: Floats
    value: Floats
    weight: Floats

    def at(self, points: Floats) -> Floats:
        """The curve's values.

        >>> curve = fit(np.array([0.1, 0.2, 0.4]), np.array([0.0, 1.0, 1.0]), np.ones(3))
        >>> curve.at(np.array([0.0, 0.15, 0.9])).round(6).tolist()
        [0.0, 0.5, 1.0]
        """
        knots = np.column_stack([self.first, self.last]).ravel()
        values = np.repeat(self.value, 2)
        distinct = np.append(True, np.diff(knots) > 0)
        return np.asarray(np.interp(points, knots[distinct], values[distinct]), dtype=np.float64)

    def blocks(self, points: Floats) -> Places:
        """The block that is nearest to each point."""
        middles = (self.last[:-1] + self.first[1:]) / 2
        return np.asarray(np.searchsorted(middles, points, side="right"), dtype=np.int64)


def fit(points: Floats, means: Floats, weights: Floats) -> Curve:
    """The non-decreasing values with the least weighted squared distance to the means.

    Args:
        points: (k,) strictly ascending.
        means: (k,) what was seen at each.
        weights: (k,) rows behind each, > 0.

    Raises:
        ValueError: there is no point.

    Source: pool adjacent violators, Ayer, Brunk, Ewing, Reid & Silverman (1955); equal to `sklearn.isotonic.IsotonicRegression`.

    >>> fit(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.0]), np.ones(3)).value.tolist()
    [0.0, 0.5]
    """
    if not len(points):
        raise ValueError("a curve needs at least one point")
    values: list[float] = []
    pooled: list[float] = []
    sizes: list[int] = []
    for mean, rows in zip(means.tolist(), weights.tolist(), strict=True):
        value, weight, size = mean, rows, 1
        while values and values[-1] >= value:
            before = pooled.pop()
            value = (values.pop() * before + value * weight) / (before + weight)
            weight += before
            size += sizes.pop()
        values.append(value)
        pooled.append(weight)
        sizes.append(size)
    ends = np.cumsum(np.asarray(sizes, dtype=np.int64))
    starts = ends - np.asarray(sizes, dtype=np.int64)
    return Curve(first=points[starts], last=points[ends - 1], value=np.asarray(values), weight=np.asarray(pooled))
