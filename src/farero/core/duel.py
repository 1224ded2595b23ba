"""Two sides of a random split, compared as often as anybody likes: evidence and intervals that hold at every look, from counts that add."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.intervals import Floats, Interval

Counts: TypeAlias = NDArray[np.int64]

CELLS = 101
"""Scores are counted in steps of a hundredth: coarse enough to be kept with every rollout, fine enough to lose nothing that matters."""

_STAKES = 0.9 * 0.5 ** np.arange(7)
"""Of the largest stake that cannot lose everything. Seven cost a factor of 7 of evidence, and one is never far from the best."""

_BASES = np.array([0.0, 0.1, 0.25, 0.5, 0.75])
"""What a score may be expected to be; the nearer to its mean, the less the split's own randomness disturbs."""

_NARROW = 2.0**-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Values of both sides while the split stood at one share.

    Attributes:
        share: the chance with which each unit (a request, a row) went to the new side, whatever came before [0-1]. 1 = all did, as
            copies do: there is no old side, and the new one's mean is held against the allowance itself.
        new, old: how many units had the value i / (cells - 1), i = 0 to cells - 1. Two cells: it happened not, or it happened.
    """

    share: float
    new: tuple[int, ...]
    old: tuple[int, ...]

    @property
    def rows(self) -> tuple[int, int]:
        """Units of the new and of the old side."""
        return sum(self.new), sum(self.old)

    def plus(self, other: Tally) -> Tally:
        """Both, counted at one share.

        Raises:
            ValueError: shares or cells differ: keep such tallies apart.
        """
        if self.share != other.share or len(self.new) != len(other.new):
            raise ValueError(f"tallies of shares {self.share} and {other.share} do not add")
        return Tally(
            share=self.share,
            new=tuple(a + b for a, b in zip(self.new, other.new, strict=True)),
            old=tuple(a + b for a, b in zip(self.old, other.old, strict=True)),
        )

    def mirrored(self) -> Tally:
        """With every value v as 1 - v, so that more becomes less."""
        return Tally(share=self.share, new=self.new[::-1], old=self.old[::-1])


def events(share: float, new: tuple[int, int], old: tuple[int, int]) -> Tally:
    """A tally of something that happens or not: (times, units) of each side."""
    return Tally(share=share, new=(new[1] - new[0], new[0]), old=(old[1] - old[0], old[0]))


def scores(share: float, new: Floats, old: Floats) -> Tally:
    """A tally of scores; what lies outside [0, 1] counts as the nearer end.

    Args:
        new: (n,) finite.
        old: (m,) finite.
    """
    return Tally(share=share, new=_binned(new), old=_binned(old))


def rates(tallies: Sequence[Tally]) -> tuple[float | None, float | None]:
    """The mean value of the new and of the old side, over all shares; None where a side has no unit.

    >>> rates([events(0.5, (1, 10), (0, 10))])
    (0.1, 0.0)
    """
    return _mean([tally.new for tally in tallies]), _mean([tally.old for tally in tallies])


def log_evidence(tallies: Sequence[Tally], allowance: float) -> float:
    """How strongly the split speaks against "on average the new side's value is at most `allowance` above the old side's" [nat].

    The exponential of this is an e-process: where the statement is true, it passes 1/alpha at any time, over any number of looks, with
    probability at most alpha. Nothing is assumed of the values: they may change with time, come in bursts, and differ from unit to unit;
    only the split must be random. A unit's value, weighted by the inverse of the chance with which it went where it went (1/share, or
    -1/(1-share)), is on average the difference between what it would have had on either side. A gambler who stakes a fixed part of a
    fortune on each of these being above the allowance does not grow rich where it is not. The evidence is what 7 such gamblers have,
    each at its own stake (35 for scores, with a guess of the mean taken off before the weighting): a mean of fortunes is a fortune.
    Since stakes are fixed, it depends on the counts alone, so tallies of several processes and days add.

    Units that share one draw (rows of one request, requests of one key under sticky routing) must be counted as one.

    Args:
        tallies: any number; those of a share of 0 say nothing and are passed over.
        allowance: difference of means that is no reason [0-1].

    Source: Waudby-Smith & Ramdas (2024), Estimating means of bounded random variables by betting, JRSS B 86:1-27; Howard, Ramdas,
    McAuliffe & Sekhon (2021), Time-uniform, nonparametric, nonasymptotic confidence sequences, Annals of Statistics 49:1055-1080; the mean
    of fortunes is Robbins' (1970) method of mixtures, Annals of Mathematical Statistics 41:1397-1409.

    >>> round(log_evidence([events(0.5, (0, 1000), (0, 1000))], 0.001), 1)
    -0.2
    >>> log_evidence([events(0.5, (20, 1000), (0, 1000))], 0.001) > math.log(100)
    True
    """
    held = None
    for tally in tallies:
        if 0 < tally.share <= 1:
            gained = fortunes(np.asarray(tally.new), np.asarray(tally.old), tally.share, allowance)
            held = gained if held is None else held + gained
    return 0.0 if held is None else float(mixed(held))


def fortunes(new: Counts, old: Counts, share: float, allowance: float) -> Floats:
    """(…, k) logarithms of what each gambler has; those of several tallies add, and `mixed` makes evidence of them.

    Args:
        new, old: (…, cells) counts, cells >= 2.
        share: of the new side, above 0; where it is 1, `old` is passed over.
        allowance: as for `log_evidence`, from -1 to 1.
    """
    cells = new.shape[-1]
    values = np.linspace(0.0, 1.0, cells)
    bases = _BASES if cells > 2 else _BASES[:1]
    # The most that a unit can count against the new side being worse.
    least = np.maximum(bases / share, (1 - bases) / (1 - share)) if share < 1 else bases - bases
    stakes = (_STAKES[:, None] / np.maximum(least + allowance, _NARROW)).reshape(-1, 1)
    if share == 1:
        return np.asarray(new @ np.log1p(stakes * (values[None, :] - allowance)).T, dtype=np.float64)
    off = (values[None, :] - bases[:, None])[None].repeat(len(_STAKES), axis=0).reshape(-1, cells)
    won = np.log1p(stakes * (off / share - allowance))
    lost = np.log1p(stakes * (-off / (1 - share) - allowance))
    return np.asarray(new @ won.T + old @ lost.T, dtype=np.float64)


def mixed(held: Floats) -> Floats:
    """(…) the logarithm of the mean of (…, k) fortunes given by their logarithms."""
    most = held.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(held - most).mean(axis=-1)) + most[..., 0], dtype=np.float64)


def difference(tallies: Sequence[Tally], alpha: float = 0.05) -> Interval:
    """Where the difference of means lies, new minus old: the interval holds the truth at all looks together with probability 1 - alpha.

    All differences against which `log_evidence`, from either side, does not pass 2/alpha. Its width is about 1/256 coarse at least.

    Args:
        tallies: as for `log_evidence`.
        alpha: [0-1].

    >>> found = difference([events(0.5, (300, 1000), (200, 1000))])
    >>> 0 < found.low < 0.1 < found.high < 0.25
    True
    """
    limit = math.log(2 / alpha)
    mirrored = [tally.mirrored() for tally in tallies]
    return Interval(low=_edge(tallies, limit), high=-_edge(mirrored, limit))


def _edge(tallies: Sequence[Tally], limit: float) -> float:
    """The largest difference that is refuted from below. Evidence falls as the allowance rises, so halving finds it."""
    if log_evidence(tallies, -1.0) < limit:
        return -1.0
    below, above = -1.0, 1.0
    while above - below > _NARROW:
        middle = (below + above) / 2
        if log_evidence(tallies, middle) >= limit:
            below = middle
        else:
            above = middle
    return below


def _mean(sides: Sequence[tuple[int, ...]]) -> float | None:
    total = sum(sum(side) for side in sides)
    if not total:
        return None
    return float(sum(np.dot(side, np.linspace(0.0, 1.0, len(side))) for side in sides) / total)


def _binned(values: Floats) -> tuple[int, ...]:
    places = np.rint(np.clip(values, 0.0, 1.0) * (CELLS - 1)).astype(np.int64)
    counted: list[int] = np.bincount(places, minlength=CELLS).tolist()
    return tuple(counted)
