"""How far apart two distributions are: the measures, on binned counts and on sorted samples, and what chance alone would give."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
PsiReading: TypeAlias = Literal["stable", "moderate", "large"]

_TERMS = np.arange(1, 25)  # Kolmogorov's series is exact to 1e-16 well before 24 terms wherever it is asked: from z = 0.2 on
_SERIES = -2.0 * _TERMS**2
_SIGNS = np.where(_TERMS % 2, 2.0, -2.0)
_LEAST_Z = 0.2


def ks(reference: ArrayLike, current: ArrayLike) -> float:
    """Kolmogorov-Smirnov distance between two distributions binned alike, bins in order.

    The largest difference of the two cumulative shares at the edges; a lower bound of the distance between the rows themselves,
    and equal to it where bins hold one value each. Means nothing for bins without order: use `jensen_shannon` there.

    Args:
        reference: (k,) counts per bin, total > 0.
        current: (k,) counts in the same bins, total > 0.

    Returns:
        Distance [0-1].

    Raises:
        ValueError: lengths differ, or a total is 0.

    Source: Smirnov (1939); Hodges (1958), The significance probability of the Smirnov two-sample test.

    >>> ks([50, 50], [25, 75])
    0.25
    """
    p, q = _shares(reference, current)
    return float(np.max(np.abs(np.cumsum(p - q))))


def ks_bounds(reference: ArrayLike, current: ArrayLike, single: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """Between what the Kolmogorov-Smirnov distance of the rows themselves lies, from counts in the same bins alone; certain, no estimate.

    Inside bin b both cumulative shares rise, F from F_(b-1) to F_b and G from G_(b-1) to G_b, so none of their differences there
    passes max(F_b - G_(b-1), G_b - F_(b-1)). With k bins at the quantiles of the reference the interval is about 1/k wide.

    Args:
        reference: (k,) counts per bin, bins in order, total > 0.
        current: (k,) counts in the same bins, total > 0.
        single: (k,) bins that can hold one value only: there both rise in one step, and nothing lies between. None = none is known.

    Returns:
        Lower (`ks`) and upper bound [0-1].

    Raises:
        ValueError: lengths differ, or a total is 0.

    Source: the bracketing of an empirical distribution function between its values at the ends of an interval, as in the proof of
        Glivenko and Cantelli: van der Vaart (1998), Asymptotic Statistics, theorem 19.1.

    >>> ks_bounds([50, 50], [25, 75])
    (0.25, 0.75)
    >>> ks_bounds([50, 50], [25, 75], np.array([True, True]))
    (0.25, 0.25)
    """
    p, q = _shares(reference, current)
    f, g = np.cumsum(p), np.cumsum(q)
    lower = float(np.max(np.abs(np.cumsum(p - q))))
    inside = np.maximum(f - (g - q), g - (f - p))
    if single is not None:
        inside = np.where(single, 0.0, inside)
    # Where one side has no row in a bin, the largest difference is at one of its ends already.
    inside = np.where((p > 0) & (q > 0), inside, 0.0)
    return lower, float(min(max(lower, np.max(inside)), 1.0))


def dot(a: Floats, b: Floats) -> float:
    """Sum of products. Not `a @ b`: BLAS wakes a thread per core for it, and their waiting costs more than the sum."""
    return float(np.einsum("i,i->", a, b))


def ks_p_value(distance: ArrayLike, n: ArrayLike, m: ArrayLike) -> Floats:
    """How often chance alone gives two samples of one continuous distribution at least this KS distance.

    Kolmogorov's limit with Vrbik's correction for small samples. With s = n m / (n + m) it is within 1 % of
    `scipy.stats.kstwo.sf(distance, s)` for p >= 0.05 and s >= 20, and too large, never too small, further out: by 16 % at
    p = 0.001 and s = 20, by 1 % at p = 1e-5 and s = 1,000. Ties make it too large too. Rows that are not independent make it
    too small by far: do not page on it alone.

    Args:
        distance: (...) KS distances [0-1]; NaN gives NaN.
        n: (...) size of one sample.
        m: (...) size of the other.

    Returns:
        (...) two-sided p [0-1].

    Source: Vrbik (2018), Small-sample corrections to Kolmogorov-Smirnov test statistic, Pioneer J. Theor. Appl. Stat. 15.

    >>> round(float(ks_p_value(0.1, 400, 400)), 4)
    0.0342
    """
    d, one, other = (np.asarray(each, dtype=np.float64) for each in (distance, n, m))
    size = np.maximum(one * other / np.maximum(one + other, 1.0), 1e-12)
    root = np.sqrt(size)
    scaled = root * d
    z = scaled + 1 / (6 * root) + (scaled - 1) / (4 * size)
    terms = np.exp(_SERIES * np.square(np.maximum(z, _LEAST_Z))[..., None]) * _SIGNS
    p = np.minimum(np.maximum(terms.sum(axis=-1), 0.0), 1.0)
    return np.where((z < _LEAST_Z) | (d <= 0), 1.0, p)


def psi(reference: ArrayLike, current: ArrayLike, *, floor: float = 1e-4) -> float:
    """Population stability index between two binned distributions.

    Rises with any change of shape, has no upper bound, ignores the order of bins. Its mean under no change is about
    (k - 1)(1/n + 1/m) and not 0, so a fixed limit means nothing without the number of rows.
    For ordered values prefer Wasserstein; for a 0-1 scale, `jensen_shannon`.

    Args:
        reference: (k,) counts per bin, total > 0.
        current: (k,) counts in the same bins, total > 0.
        floor: smallest share of a bin [0-1]; keeps empty bins finite.

    Returns:
        PSI >= 0 [nat]. 0.1 and 0.25 are habits, not tests.

    Raises:
        ValueError: lengths differ, or a total is 0.

    Source: Yurdakul (2018), Statistical Properties of Population Stability Index.

    >>> psi([50, 50], [50, 50]), round(psi([50, 50], [70, 30]), 4)
    (0.0, 0.1695)
    """
    p, q = _shares(reference, current)
    p, q = np.maximum(p, floor), np.maximum(q, floor)
    return float(np.sum((q - p) * np.log(q / p)))


def psi_reading(value: float) -> PsiReading:
    """The customary words for a PSI: "stable" < 0.1 <= "moderate" < 0.25 <= "large".

    Source: Siddiqi (2006), Credit Risk Scorecards.

    >>> [psi_reading(v) for v in (0.05, 0.1, 0.25)]
    ['stable', 'moderate', 'large']
    """
    if value < 0.1:
        return "stable"
    return "moderate" if value < 0.25 else "large"


def jensen_shannon(reference: ArrayLike, current: ArrayLike) -> float:
    """Jensen-Shannon distance, base 2, between two binned distributions; a metric, 0 = equal, 1 = nothing in common.

    Like every distance it has a positive mean under no change, which grows with bins / rows.

    Args:
        reference: (k,) counts per bin, total > 0.
        current: (k,) counts in the same bins, total > 0.

    Returns:
        Distance [0-1]: the root of the divergence.

    Raises:
        ValueError: lengths differ, or a total is 0.

    Source: Lin (1991); Endres & Schindelin (2003). Equal to `scipy.spatial.distance.jensenshannon(p, q, 2)`.

    >>> jensen_shannon([1, 0], [0, 1]), jensen_shannon([3, 1], [6, 2])
    (1.0, 0.0)
    """
    p, q = _shares(reference, current)
    middle = (p + q) / 2
    divergence = 0.0
    for side in (p, q):
        held = side > 0
        divergence += float(np.sum(side[held] * np.log2(side[held] / middle[held]))) / 2
    return math.sqrt(max(divergence, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chi2:
    """A chi-squared test: the statistic, its degrees of freedom, and p [0-1]."""

    statistic: float
    df: int
    p_value: float


def chi2(reference: ArrayLike, current: ArrayLike) -> Chi2:
    """Pearson's chi-squared test that two rows of counts come from one distribution.

    Needs expected counts of about 5 in every bin: pool with `pooled` first. For ordered values `ks` sees more.

    Args:
        reference: (k,) counts, total > 0.
        current: (k,) counts in the same bins, total > 0.

    Returns:
        The test; p is 1 where fewer than two bins are in use.

    Raises:
        ValueError: lengths differ, or a total is 0.

    Source: Pearson (1900). Equal to `scipy.stats.chi2_contingency([reference, current], correction=False)`.

    >>> test = chi2([50, 50], [70, 30])
    >>> round(test.statistic, 4), test.df, round(test.p_value, 6)
    (8.3333, 1, 0.003892)
    """
    _shares(reference, current)  # the checks
    table = np.asarray([reference, current], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    statistic = float(np.sum((table - expected) ** 2 / expected))
    df = table.shape[1] - 1
    return Chi2(statistic=statistic, df=df, p_value=chi2_tail(statistic, df))


def chi2_tail(statistic: float, df: int) -> float:
    """Probability that a chi-squared variable of `df` degrees of freedom is at least `statistic`; 1 for df = 0.

    Source: Abramowitz & Stegun (1964), 26.4.4 and 26.4.5: closed forms for whole degrees of freedom.

    >>> round(chi2_tail(3.841458820694124, 1), 9), round(chi2_tail(18.307038053275146, 10), 9)
    (0.05, 0.05)
    """
    if df <= 0 or statistic <= 0:
        return 1.0
    half = statistic / 2
    total = math.erfc(math.sqrt(half)) if df % 2 else 0.0
    # Terms in logs: half**j overflows long before the sum does.
    start = 0.5 if df % 2 else 0.0
    log_half = math.log(half)
    for j in range((df - 1) // 2 if df % 2 else df // 2):
        total += math.exp((j + start) * log_half - half - math.lgamma(j + start + 1))
    return min(total, 1.0)


def pooled(reference: ArrayLike, current: ArrayLike, *, least: float = 5.0, most: int = 30) -> tuple[Floats, Floats]:
    """The same counts with rare bins thrown together, so that a chi-squared test may be trusted.

    Args:
        reference: (k,) counts, total > 0.
        current: (k,) counts in the same bins, total > 0.
        least: smallest expected count of a bin that stays by itself, on either side.
        most: how many bins, the most frequent ones, may stay by themselves.

    Returns:
        Both counts over the kept bins, in order of frequency, and one more for the rest.

    >>> [side.tolist() for side in pooled([90, 8, 1, 1], [85, 9, 2, 4])]
    [[90.0, 8.0, 2.0], [85.0, 9.0, 6.0]]
    """
    table = np.asarray([reference, current], dtype=np.float64)
    totals = table.sum(axis=0)
    order = np.argsort(-totals, kind="stable")
    expected = totals[order] * table.sum(axis=1).min() / max(table.sum(), 1.0)
    kept = order[: min(most, int(np.sum(expected >= least)))]
    rest = table.sum(axis=1) - table[:, kept].sum(axis=1)
    both = np.column_stack([table[:, kept], rest]) if rest.sum() > 0 else table[:, kept]
    return both[0], both[1]


def proportion_p_value(hits_a: float, n: float, hits_b: float, m: float) -> float:
    """Two-sided p of a difference between two shares (hits_a of n, hits_b of m): the normal test with pooled variance.

    Source: Agresti (2013), Categorical Data Analysis, 3.2. A limit law: read it as 1 in spirit where hits are fewer than 5.

    >>> round(proportion_p_value(50, 100, 70, 100), 6)
    0.003892
    """
    if not n or not m:
        return 1.0
    share = (hits_a + hits_b) / (n + m)
    variance = share * (1 - share) * (1 / n + 1 / m)
    return math.erfc(abs(hits_a / n - hits_b / m) / math.sqrt(2 * variance)) if variance > 0 else 1.0


def _shares(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    a, b = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"{a.size} and {b.size} bins cannot be compared: both sides must be counted in the same bins")
    n, m = float(a.sum()), float(b.sum())
    if not n > 0 or not m > 0:
        raise ValueError("a distance needs values on both sides, and one side is empty")
    return a / n, b / m
