"""How often chance alone gives two samples a Kolmogorov-Smirnov distance: exactly where that is cheap, else by the law for one sample."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from farero.core.distance import Floats

_MOST_EQUAL = 10_000
_MOST_STEPS = 100_000
_SMALL = 140
_SURE = 370.0
_HALF_LOG = 0.5 * math.log(2 * math.pi)


def two_sample_p(distance: float, n: int, m: int) -> float:
    """Two-sided p of a Kolmogorov-Smirnov distance between samples of n and m independent values without ties.

    Exact where both have the same size up to 10,000, or n m <= 100,000. Else the law for one sample of n m / (n + m) values, which is
    what `scipy.stats.ks_2samp(method="asymp")` takes. Ties make it too large; rows that depend on each other make it far too small.

    Args:
        distance: [0-1].
        n: size of one sample, > 0.
        m: size of the other, > 0.

    Returns:
        p [0-1], within 1e-9 of `scipy.stats.ks_2samp`.

    Source: Gnedenko & Korolyuk (1951) for equal sizes; Hodges (1958) for paths on a grid; see `one_sample_p` for the rest.

    >>> round(two_sample_p(0.5, 10, 10), 9), round(two_sample_p(0.1, 400, 400), 9)
    (0.167821343, 0.036569856)
    """
    if not distance > 0:
        return 1.0
    if n == m and n <= _MOST_EQUAL:
        return _equal_sizes(round(distance * n), n)
    if n * m <= _MOST_STEPS:
        return _paths(distance, min(n, m), max(n, m))
    return one_sample_p(distance, round(n * m / (n + m)))


@lru_cache(maxsize=4096)
def one_sample_p(distance: float, n: int) -> float:
    """P(D >= distance) for the empirical curve of n independent values against their true one.

    Source: Simard & L'Ecuyer (2011), Computing the two-sided Kolmogorov-Smirnov distribution, J. Stat. Softw. 39(11), who say which of
    these is exact enough where: Marsaglia, Tsang & Wang (2003); Smirnov (1944); Pelz & Good (1976).

    >>> round(one_sample_p(0.1, 100), 9)
    0.252692757
    """
    z2 = n * distance * distance
    if distance * n <= 0.5:
        return 1.0
    if distance >= 1 or z2 >= _SURE:
        return 0.0
    if z2 >= (4.0 if n <= _SMALL else 2.2):
        return min(2 * _one_sided(distance, n), 1.0)
    if n <= _SMALL or (n <= 100_000 and n * distance**1.5 <= 1.4):
        return min(max(1 - _matrix(distance, n), 0.0), 1.0)
    return min(max(1 - _series(distance, n), 0.0), 1.0)


def _equal_sizes(steps: int, n: int) -> float:
    """Reflections of a path of 2 n steps at both walls, `steps` away."""
    if steps < 1:
        return 1.0
    whole = 2 * math.lgamma(n + 1)
    total = 0.0
    for k in range(1, n // steps + 1):
        term = math.exp(whole - math.lgamma(n - k * steps + 1) - math.lgamma(n + k * steps + 1))
        total += term if k % 2 else -term
        if term < 1e-18:
            break
    return min(max(2 * total, 0.0), 1.0)


def _paths(distance: float, n: int, m: int) -> float:
    """Share of the paths over a grid of n by m that leave the band; those that left are added up, so that nothing cancels."""
    wall = round(distance * n * m)
    every = np.ones(m + 1)
    places = np.arange(m + 1)
    left = (places * n >= wall).astype(np.float64)
    for i in range(1, n + 1):
        every = np.cumsum(every)
        out = np.abs(i * m - places * n) >= wall
        inner = np.flatnonzero(~out)
        following = every.copy()
        if len(inner):
            first, last = inner[0], inner[-1] + 1
            before = following[first - 1] if first else 0.0
            following[first:last] = before + np.cumsum(left[first:last])
        left = following
    return min(float(left[-1] / every[-1]), 1.0)


def _one_sided(distance: float, n: int) -> float:
    """P(D+ >= distance), the sum over where the curve crosses, each term as a binomial probability in Loader's form, which is exact."""
    moved = n * distance
    first = math.exp(n * math.log1p(-distance))
    j = np.arange(1.0, min(math.floor(n - moved), n - 1) + 1)
    rest = n - j
    with np.errstate(divide="ignore", invalid="ignore"):
        low = moved - j * np.log1p(moved / j)
        high = -rest * np.log1p(np.maximum(-moved / rest, -1.0)) - moved
        error = _stirling_error(np.array([float(n)]))[0] - _stirling_error(j) - _stirling_error(rest)
        terms = np.exp(error - low - high) * np.sqrt(n / (2 * math.pi * j * rest)) * (moved / (moved + j))
    return first + float(terms.sum())


def _stirling_error(k: Floats) -> Floats:
    """log k! less Stirling's formula for it, k >= 1.

    Source: Loader (2000), Fast and accurate computation of binomial probabilities.
    """
    square = k * k
    made = (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / k
    small = np.flatnonzero(k < 16)
    made[small] = [math.lgamma(v + 1) - (v + 0.5) * math.log(v) + v - _HALF_LOG for v in k[small].tolist()]
    return made


def _matrix(distance: float, n: int) -> float:
    """P(D < distance) as an element of the n-th power of a small matrix."""
    k = math.ceil(n * distance)
    size, h = 2 * k - 1, k - n * distance
    places = np.arange(size)
    lag = places[:, None] - places[None, :] + 1
    factorial = np.array([math.factorial(i) for i in range(size + 1)], dtype=np.float64)
    power = np.where(lag >= 0, 1.0, 0.0)
    edge = h ** np.arange(1, size + 1)
    power[:, 0] -= edge
    power[-1, :] -= edge[::-1]
    power[-1, 0] += max(2 * h - 1, 0.0) ** size
    power = np.where(lag >= 0, power / factorial[np.maximum(lag, 0)], 0.0)
    made, exponent, scale, scale_of_power = np.eye(size), n, 0.0, 0.0
    while exponent:
        if exponent & 1:
            made, scale = made @ power, scale + scale_of_power
        power, scale_of_power = power @ power, 2 * scale_of_power
        exponent >>= 1
        for_power, for_made = float(np.abs(power).max()), float(np.abs(made).max())
        power, scale_of_power = power / for_power, scale_of_power + math.log(for_power)
        made, scale = made / for_made, scale + math.log(for_made)
    return float(made[k - 1, k - 1]) * math.exp(scale + math.lgamma(n + 1) - n * math.log(n))


def _series(distance: float, n: int) -> float:
    """P(D < distance), four terms in powers of 1 / sqrt(n)."""
    z = math.sqrt(n) * distance
    z2, pi2 = z * z, math.pi**2
    half = (np.arange(24) + 0.5) ** 2 * pi2
    whole = np.arange(24.0) ** 2 * pi2
    of_half, of_whole = 2 * np.exp(-half / (2 * z2)), 2 * np.exp(-whole / (2 * z2))
    k0 = math.sqrt(2 * math.pi) / z * of_half.sum() / 2
    k1 = ((half - z2) * of_half).sum() / (6 * z2**2)
    k2 = ((6 * z2**3 + 2 * z2**2 + (2 * z2**2 - 5 * z2) * half + (1 - 2 * z2) * half**2) * of_half).sum() / (72 * z2**3 * z)
    k2 -= (whole * of_whole).sum() / (36 * z2 * z)
    inner = (5 - 30 * z2) * half**3 + (212 * z2**2 - 60 * z2) * half**2 + (135 * z2**2 - 96 * z2**3) * half - 30 * z2**3 - 90 * z2**4
    k3 = (inner * of_half).sum() / (6480 * z2**5)
    k3 += ((3 * z2 * whole - whole**2) * of_whole).sum() / (216 * z2**3)
    factor = math.sqrt(math.pi / 2)
    return float(k0 + factor * (k1 / math.sqrt(n) + k2 / n + k3 / n**1.5))
