"""The interval of a mean of bounded values by betting: it holds for any number of rows and whatever their distribution."""

from __future__ import annotations

import math

import numpy as np

from farero.core.intervals import LEVEL, Floats, Interval

_MOST_STAKED = 0.75
"""Of the capital, at the worst that a row can do."""

_HALVINGS = 40


def bounded_mean(values: Floats, low: float, high: float, *, level: float = LEVEL) -> Interval:
    """The interval of a mean of values in [low, high], narrow where they vary little.

    Whoever takes m for the mean bets on every row against it, half of the capital on more and half on less; each m by whose rows the
    capital grew to 1 / (1 - level) is refuted. Stakes depend on earlier rows only, so no mean that is true is refuted more often.

    Args:
        values: (n,) n >= 1, in the order in which they came.
        low, high: bounds that were known before the values were.

    Source: Waudby-Smith & Ramdas (2024), Estimating means of bounded random variables by betting, JRSS B 86:1-27, theorem 3 with the
    stakes of equation 26 for a number of rows that is known beforehand.

    >>> found = bounded_mean(np.tile([0.0, 1.0], 100), 0.0, 1.0)
    >>> round(found.low, 1), round(found.high, 1)
    (0.4, 0.6)
    """
    span = high - low
    if not span > 0:
        return Interval(low=low, high=high)
    unit = np.clip((np.asarray(values, dtype=np.float64) - low) / span, 0.0, 1.0)
    stakes, target = _stakes(unit, 1 - level), math.log(2 / (1 - level))
    below = _refuted(unit, stakes, target)
    above = 1 - _refuted(1 - unit, stakes, target)
    return Interval(low=low + span * below, high=low + span * max(above, below))


def _stakes(unit: Floats, alpha: float) -> Floats:
    """(n,) what is staked on each row, from the spread of those before it."""
    rows = np.arange(1, len(unit) + 1)
    means = (0.5 + np.cumsum(unit)) / (rows + 1)
    spread = (0.25 + np.cumsum((unit - means) ** 2)) / (rows + 1)
    before = np.concatenate([[0.25], spread[:-1]])
    return np.asarray(np.sqrt(2 * math.log(2 / alpha) / (before * len(unit))), dtype=np.float64)


def _refuted(unit: Floats, stakes: Floats, target: float) -> float:
    """Up to where every mean is refuted by bets on more: the capital falls as the supposed mean grows, so its end is found by halving."""

    def gained(mean: float) -> float:
        staked = np.minimum(stakes, _MOST_STAKED / mean) if mean > 0 else stakes
        return float(np.sum(np.log1p(staked * (unit - mean))))

    if gained(0.0) < target:
        return 0.0
    inside, outside = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if gained(middle) >= target:
            inside = middle
        else:
            outside = middle
    return inside
