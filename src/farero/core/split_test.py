"""Which of the versions behind an endpoint is better, how sure that is, and how many rows it still takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from farero.core import duel, intervals
from farero.core.duel import Tally
from farero.core.intervals import Floats, Interval

ALPHA = 0.05
MOST_ROWS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arm:
    """What one version did. `share`: of the requests that go to it [percent]; `losses`: (n,) of its labelled rows, from 0 to 1."""

    version: str
    name: str
    share: float
    rows: int
    losses: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRead:
    """One version in a read-out. `loss` is on the metric's own scale, with its 95 % interval for a single look."""

    version: str
    name: str
    share: float
    rows: int
    labelled: int
    loss: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRead:
    """Two versions held against each other.

    Attributes:
        difference: mean loss of `new` less that of `old` [metric's unit]; below 0 = `new` is better. None without labels on both sides.
        interval: holds the truth at all looks together, 95 times in 100: to be looked at as often as anybody likes.
        chance_better: how probable it is that `new` is better, as at a single look with nothing known before [0-1].
        rows_needed: labelled rows of both that it still takes until a difference of `smallest` is told from none; 0 = none.
        winner: the version that is better beyond doubt; None while there is none.
    """

    new: str
    old: str
    difference: float | None
    interval: Interval
    chance_better: float | None
    smallest: float
    rows_needed: int | None
    winner: str | None
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """What a split came to. `metric`: whose loss of a row is compared; `scale`: losses above it count as this [metric's unit]."""

    endpoint: str
    model: str
    metric: str
    scale: float
    arms: tuple[ArmRead, ...]
    pairs: tuple[PairRead, ...]

    @property
    def winner(self) -> str | None:
        """The version that beats all others; None while there is none."""
        first = self.arms[0].version if self.arms else None
        won = [pair.winner for pair in self.pairs]
        if not won or None in won:
            return None
        better = [pair.new for pair in self.pairs if pair.winner == pair.new]
        return first if not better else better[0] if len(better) == 1 else None


def read(endpoint: str, model: str, metric: str, arms: Sequence[Arm], *, scale: float, smallest: float) -> Readout:
    """Hold every version against the first one.

    Args:
        arms: the one that others are held against first; losses on the common scale from 0 to 1.
        scale: what a loss of 1 is [metric's unit].
        smallest: the difference of mean losses that would matter [metric's unit], > 0.
    """
    base = arms[0]
    return Readout(
        endpoint=endpoint, model=model, metric=metric, scale=scale,
        arms=tuple(_arm(arm, scale) for arm in arms),
        pairs=tuple(_pair(arm, base, scale, smallest) for arm in arms[1:]),
    )  # fmt: skip


def chance_better(new: Floats, old: Floats) -> float | None:
    """How probable it is that the mean of `new` is below that of `old`, in the limit of many rows, with nothing known before [0-1].

    Good for one look; who stops as soon as it pleases them is misled: that is what the interval of `PairRead` is for.

    Source: the normal limit of the posterior (Bernstein and von Mises; van der Vaart (1998), Asymptotic Statistics, chapter 10).

    >>> chance_better(np.array([0.1, 0.2, 0.3]), np.array([0.1, 0.2, 0.3]))
    0.5
    """
    if len(new) < 2 or len(old) < 2:
        return None
    variance = float(np.var(new, ddof=1)) / len(new) + float(np.var(old, ddof=1)) / len(old)
    apart = float(np.mean(old) - np.mean(new))
    if variance <= 0:
        return 0.5 if apart == 0 else float(apart > 0)
    return float(ndtr(apart / math.sqrt(variance)))


def rows_needed(new: Floats, old: Floats, share: float, smallest: float) -> int | None:
    """Labelled rows of both that are still to come until the interval tells a difference of `smallest` from none.

    The losses seen so far are repeated until the interval, taken about its own middle, reaches no farther than `smallest` to either side.

    Args:
        new, old: losses from 0 to 1.
        share: of the new version among the rows of both [0-1].
        smallest: on the same scale, > 0.

    Returns:
        None where a side has no row, or where it would take more than a thousand million.
    """
    if not len(new) or not len(old):
        return None
    seen = len(new) + len(old)
    tally = duel.scores(share, new, old)

    def wide(rows: int) -> bool:
        grown = _grown(tally, rows / seen)
        found = duel.difference([grown], ALPHA)
        return found.high - found.low > 2 * smallest

    if not wide(seen):
        return 0
    low, high = seen, 2 * seen
    while wide(high):
        low, high = high, 2 * high
        if high > MOST_ROWS:
            return None
    while high - low > max(1, low // 50):
        middle = (low + high) // 2
        low, high = (middle, high) if wide(middle) else (low, middle)
    return high - seen


def _grown(tally: Tally, factor: float) -> Tally:
    """As if so many times as many rows had come."""
    return Tally(
        share=tally.share, new=tuple(round(count * factor) for count in tally.new), old=tuple(round(count * factor) for count in tally.old)
    )  # fmt: skip


def _arm(arm: Arm, scale: float) -> ArmRead:
    known = intervals.mean(arm.losses)
    return ArmRead(
        version=arm.version, name=arm.name, share=arm.share, rows=arm.rows, labelled=len(arm.losses),
        loss=float(arm.losses.mean() * scale) if len(arm.losses) else None,
        interval=Interval(low=max(known.low, 0.0) * scale, high=min(known.high, 1.0) * scale) if known else None,
    )  # fmt: skip


def _pair(new: Arm, old: Arm, scale: float, smallest: float) -> PairRead:
    share = new.share / (new.share + old.share) if new.share + old.share else 0.0
    tally = duel.scores(share, new.losses, old.losses)
    split = 0 < share < 1
    found = duel.difference([tally], ALPHA) if split else Interval(low=-1.0, high=1.0)
    apart = float(new.losses.mean() - old.losses.mean()) * scale if len(new.losses) and len(old.losses) else None
    winner = new.version if found.high < 0 else old.version if found.low > 0 else None
    needed = rows_needed(new.losses, old.losses, share, smallest / scale) if split and winner is None else 0 if winner else None
    interval = Interval(low=found.low * scale, high=found.high * scale)
    return PairRead(
        new=new.version, old=old.version, difference=apart, interval=interval, chance_better=chance_better(new.losses, old.losses),
        smallest=smallest, rows_needed=needed, winner=winner, because=_told(new, old, winner, interval, needed, split=split),
    )  # fmt: skip


def _told(new: Arm, old: Arm, winner: str | None, interval: Interval, needed: int | None, *, split: bool) -> str:
    if not split:
        return f"requests are not split between {new.version} and {old.version}"
    reach = f"the difference of losses lies between {interval.low:.4g} and {interval.high:.4g}"
    if winner is not None:
        return f"{winner} is better: {reach}"
    if not len(new.losses) or not len(old.losses):
        return "labels of both are needed to compare them"
    if needed == 0:
        return f"no difference that would matter: {reach}"
    return f"not decided: {reach}" + (f"; about {needed} more labelled rows would tell" if needed is not None else "")
