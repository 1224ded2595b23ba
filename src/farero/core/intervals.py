"""How far a figure may be from the truth: 95 % intervals in closed form, of shares, means, areas, and of rows that share a day."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri, stdtrit

Floats: TypeAlias = NDArray[np.float64]
Scale: TypeAlias = Literal["share", "positive", "below-one", "plain"]

LEVEL = 0.95
"""How often an interval shall hold the truth [0-1]."""

LEAST_DAYS = 10
"""Days that must be there before rows of one day are treated as belonging together."""

_FAR = 300.0
"""On a logarithmic scale; beyond it numbers cannot be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float

    def wider(self, other: Interval | None) -> Interval:
        """What holds both."""
        if other is None:
            return self
        return Interval(low=min(self.low, other.low), high=max(self.high, other.high))


def share(hits: int, rows: int, *, level: float = LEVEL) -> Interval:
    """The exact interval of a share: at least `level` of all such intervals hold the truth, whatever it is.

    Args:
        hits: rows that count, 0 to `rows`.
        rows: all of them, at least 1; independent.

    Source: Clopper & Pearson (1934), Biometrika 26:404-413.

    >>> found = share(0, 10)
    >>> found.low, round(found.high, 4)
    (0.0, 0.3085)
    """
    tail = (1 - level) / 2
    return Interval(
        low=float(betaincinv(hits, rows - hits + 1, tail)) if hits else 0.0,
        high=float(betaincinv(hits + 1, rows - hits, 1 - tail)) if hits < rows else 1.0,
    )


def f1(right: int, given: int, true: int, *, level: float = LEVEL) -> Interval:
    """The exact interval of F1 for one class.

    F1 = 2J / (1 + J) with J = right / (given + true - right). Given how many rows are predicted or true, `right` is binomial with the
    true J, so the exact interval of that share, mapped, is the exact interval of F1.

    Args:
        right: rows rightly given to the class.
        given: rows given to it.
        true: rows that belong to it; given + true - right >= 1.

    Source: the identity is in Lipton, Elkan & Naryanaswamy (2014), Optimal thresholding of classifiers to maximize F1; the rest is
    Clopper & Pearson (1934).

    >>> found = f1(10, 10, 10)
    >>> round(found.low, 4), found.high
    (0.8176, 1.0)
    """
    inner = share(right, given + true - right, level=level)
    return Interval(low=2 * inner.low / (1 + inner.low), high=2 * inner.high / (1 + inner.high))


def mean(values: Floats, *, level: float = LEVEL) -> Interval | None:
    """The interval of a mean of skewed values, such as losses are.

    Student's interval, with the skewness taken out by Hall's cubic transformation: for a symmetric sample it is Student's. None for
    fewer than two values, or where all are equal: there is then no spread to tell an interval from.

    Args:
        values: (n,) finite, independent.

    Source: Hall (1992), On the removal of skewness by transformation, JRSS B 54:221-228.

    >>> found = mean(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    >>> (round(found.low, 4), round(found.high, 4)) if found else None
    (1.0368, 4.9632)
    """
    count = len(values)
    spread = float(np.std(values, ddof=1)) if count > 1 else 0.0
    middle = float(np.mean(values)) if count else 0.0
    if not spread > 1e-12 * abs(middle):
        return None
    skew = float(np.mean(((values - middle) / spread) ** 3))
    reach = float(stdtrit(count - 1, (1 + level) / 2)) / math.sqrt(count)
    return Interval(low=middle - spread * _unskewed(reach, skew, count), high=middle - spread * _unskewed(-reach, skew, count))


def _unskewed(at: float, skew: float, count: int) -> float:
    """The inverse of x + g x²/3 + g² x³/27 + g/(6n), g the skewness."""
    inner = at - skew / (6 * count)
    return inner if abs(skew) < 1e-6 else 3 / skew * (math.cbrt(1 + skew * inner) - 1)


def delong(positive: NDArray[np.bool_], score: Floats) -> tuple[float, Floats] | None:
    """The area under the ROC curve, and what each row moves it by.

    Args:
        positive: (n,) which rows are.
        score: (n,) finite.

    Returns:
        (area [0-1], (n,) influence, mean 0). The sum of the influences' squares over n² is DeLong's variance. None unless both sorts of
        rows are there.

    Source: DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44:837-845, by ranks.

    >>> area, influence = delong(np.array([True, True, False]), np.array([0.9, 0.2, 0.6])) or (0.0, np.zeros(0))
    >>> area, round(float((influence**2).sum() / 9), 3)
    (0.5, 0.25)
    """
    above, below = score[positive], score[~positive]
    m, n = len(above), len(below)
    if not m or not n:
        return None
    wins = _beaten(above, below) / n  # of each positive: the share of negatives below it, ties half
    holds = 1 - _beaten(below, above) / m
    area = float(np.mean(wins))
    influence = np.empty(m + n)
    influence[positive] = (m + n) / m * math.sqrt(m / max(m - 1, 1)) * (wins - area)
    influence[~positive] = (m + n) / n * math.sqrt(n / max(n - 1, 1)) * (holds - area)
    return area, influence


def _beaten(values: Floats, others: Floats) -> Floats:
    """For each value: how many others lie below it, ties half."""
    ordered = np.sort(others)
    return (np.searchsorted(ordered, values, side="left") + np.searchsorted(ordered, values, side="right")) / 2.0


def area(value: float, positives: int, negatives: int, *, level: float = LEVEL) -> Interval:
    """The score interval of an area under the ROC curve: works for few rows, and for areas of 0 and 1, where DeLong's has no width.

    Solves |value - a| = z sqrt(V(a)), V the variance that Hanley & McNeil (1982) derive for exponential scores.

    Args:
        value: the area [0-1].
        positives, negatives: rows of each sort, at least 1.

    Source: Newcombe (2006), Statistics in Medicine 25:559-573, method 5.

    >>> found = area(1.0, 20, 20)
    >>> round(found.low, 3), found.high
    (0.899, 1.0)
    """
    z = float(ndtri((1 + level) / 2))
    half = (positives + negatives) / 2 - 1

    def miss(at: float) -> float:
        """Below 0 where `at` is within reach of the value."""
        variance = at * (1 - at) * (1 + half * (1 - at) / (2 - at) + half * at / (1 + at)) / (positives * negatives)
        return abs(value - at) - z * math.sqrt(max(variance, 0.0))

    return Interval(low=_root(miss, 0.0, value), high=_root(miss, 1.0, value))


def _root(miss: Callable[[float], float], outside: float, inside: float) -> float:
    """Where `miss` turns from positive to negative between the two, by halving."""
    if miss(outside) <= 0:
        return outside
    for _ in range(60):
        middle = (outside + inside) / 2
        if miss(middle) > 0:
            outside = middle
        else:
            inside = middle
    return (outside + inside) / 2


def smooth(value: float, influence: Floats, scale: Scale, *, normal: bool = False, level: float = LEVEL) -> Interval | None:
    """The interval of a smooth figure by the delta method, on the scale on which it may move freely.

    Args:
        value: the figure.
        influence: (n,) what each row moves it by, mean 0: the figure changes by about influence / n where a row is counted twice.
        scale: "share" logit · "positive" logarithm · "below-one" logarithm of 1 - value · "plain" none.
        normal: quantiles of the normal law, not of Student's with n - 1 degrees of freedom.

    Returns:
        None where there is no spread, or the figure stands at the end of its scale.

    Source: van der Vaart (1998), Asymptotic Statistics, chapters 3 and 20.
    """
    count = len(influence)
    if count < 2:
        return None
    reach = float(ndtri((1 + level) / 2)) if normal else float(stdtrit(count - 1, (1 + level) / 2))
    variance = float(np.sum(influence**2)) / (count**2 if normal else count * (count - 1))
    return _moved(value, reach * math.sqrt(variance), scale)


def by_day(value: float, influence: Floats, days: NDArray[np.integer], scale: Scale, *, level: float = LEVEL) -> Interval | None:
    """The same where rows of one day belong together: the day is what is drawn, not the row.

    The variance is the jackknife's, which leaves out one day at a time, to first order. Days that depend on one another (a bad week)
    are not covered.

    Args:
        days: (n,) any number for each day.

    Returns:
        None where there are fewer than `LEAST_DAYS` days, or as for `smooth`.

    Source: Bell & McCaffrey (2002), Survey Methodology 28:169-181: the jackknife of clusters; Student's quantile with one degree of
    freedom less than there are days.
    """
    spread = spread_by_day(influence, days)
    if spread is None:
        return None
    return _moved(value, float(stdtrit(spread[1], (1 + level) / 2)) * spread[0], scale)


def spread_by_day(influence: Floats, days: NDArray[np.integer]) -> tuple[float, int] | None:
    """The standard error where the day is what is drawn, and its degrees of freedom; None where there are fewer than `LEAST_DAYS` days."""
    _, codes, counts = np.unique(days, return_inverse=True, return_counts=True)
    if len(counts) < LEAST_DAYS:
        return None
    left_out = np.bincount(codes, weights=influence) / (len(influence) - counts)
    return math.sqrt((len(counts) - 1) / len(counts) * float(np.sum(left_out**2))), len(counts) - 1


def _moved(value: float, reach: float, scale: Scale) -> Interval | None:
    """The value and `reach` to both sides, measured on the scale."""
    if not reach > 0:
        return None
    if scale == "plain":
        return Interval(low=value - reach, high=value + reach)
    if scale == "share":
        if not 0 < value < 1:
            return None
        wide = min(reach / (value * (1 - value)), _FAR)
        odds = math.log(value / (1 - value))
        return Interval(low=1 / (1 + math.exp(wide - odds)), high=1 / (1 + math.exp(-wide - odds)))
    rest = value if scale == "positive" else 1 - value
    if not rest > 0:
        return None
    factor = math.exp(min(reach / rest, _FAR))
    return (
        Interval(low=rest / factor, high=rest * factor) if scale == "positive" else Interval(low=1 - rest * factor, high=1 - rest / factor)
    )
