"""What a reference's own windows do when nothing is wrong: the mean of every score by weekday, how much it varies, what is allowed for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.days import Days
from farero.core.packed import pack, unpack
from farero.core.reference import Floats
from farero.core.scores import Layout, Score, atoms, weights
from farero.core.unrest import ENOUGH_WINDOWS, LEAST_WEEKS, LEAST_WINDOWS, measure

PresetName: TypeAlias = Literal["sensitive", "quiet"]

BETS = (0.15, 0.5, 1.2)
"""Stakes per deviation of a score, in units of a uniform's: three, because the best one depends on the size of the shift."""

_DAY_S, _WEEK_S = 86_400, 604_800
_LARGEST_TEMPER = 1e6
_STEPS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """How large a change must be to count, whatever the evidence.

    Attributes:
        delta: in deviations of the score.
        z, z_short: standard errors of the reference's mean; `z_short` where it holds fewer than `ENOUGH_WINDOWS` windows.
        share: of shares (levels, missing, pairs): the least change that counts [0-1].
    """

    delta: float
    z: float
    z_short: float
    share: float


PRESETS: Mapping[PresetName, Preset] = MappingProxyType(
    {
        "sensitive": Preset(delta=0.02, z=1.5, z_short=2.5, share=0.005),
        "quiet": Preset(delta=0.03, z=2.0, z_short=3.0, share=0.01),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """Everything that a window is judged by; made once from a reference, and stored.

    Attributes:
        limit: evidence from which on it is an alarm: windows between false alarms, at least, in the mean.
        period: windows in a season (7 days, 24 or 168 hours); 1 = none.
        base: (period * s,) mean of each score, by place in the season.
        allowance: (s,) how far a mean may lie from it.
        stakes: (6 * s,) lambda: upward in three sizes, then downward.
        temper: (s,) phi: how many rows count as one.
        growth: (s,) what is added to phi per reference's window of rows more.
        usual_rows: (s,) rows of one of the reference's windows.
        constant_gain: (width + 1,) by cell: log evidence of each row of a column all of whose rows lie in this group.
        log_weights: (6 * s + columns,) logs of the shares of the budget.
    """

    plan: Layout
    preset: PresetName
    limit: float
    windows: int
    period: int
    base: Floats
    allowance: Floats
    stakes: Floats
    temper: Floats
    growth: Floats
    usual_rows: Floats
    constant_gain: Floats
    log_weights: Floats

    def to_bytes(self) -> bytes:
        """This baseline as bytes that `from_bytes` reads."""
        return pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Baseline:
        """Read what `to_bytes` wrote.

        Raises:
            Corrupt: the bytes are something else.
        """
        return unpack(data, cls)


def windows_a_year(size_s: float) -> float:
    """How many windows of this length a year has, at least 1.

    >>> windows_a_year(86400), windows_a_year(3600)
    (365.0, 8760.0)
    """
    return max(365.0 * _DAY_S / size_s, 1.0)


def season(size_s: float | None, windows: int) -> int:
    """Windows until the same hour or weekday comes again, where a reference of so many windows holds it `LEAST_WEEKS` times; else 1.

    >>> season(86400, 60), season(86400, 20), season(3600, 1440), season(3600, 300), season(None, 60)
    (7, 1, 168, 24, 1)
    """
    if size_s is None:
        return 1
    for length in (_WEEK_S, _DAY_S):
        if size_s < length and length % size_s == 0 and windows * size_s >= LEAST_WEEKS * length:
            return int(length // size_s)
    return 1


def fit(plan: Layout, days: Days, *, preset: PresetName, size_s: float | None, limit: float) -> Baseline:
    """Learn from a reference's own windows.

    Args:
        plan: of the reference.
        days: its windows, oldest first.
        preset: "sensitive" or "quiet".
        size_s: length of a window [s]; None = windows by count, which have no weekday.
        limit: windows between false alarms: `windows_a_year` times the models of the fleet.

    Returns:
        The baseline. Scores that the reference's windows say nothing of are not bet on.
    """
    chosen = PRESETS[preset]
    held = days.table()
    counts = atoms(plan, held).astype(np.float64)
    period = season(size_s, len(days.numbers))
    seen = measure(plan, days.numbers, counts, period)
    deviation, shares, empty = np.sqrt(seen.variance), _is_share(plan.scores), seen.count == 0
    allowance = chosen.delta * deviation + np.where(seen.count < ENOUGH_WINDOWS, chosen.z_short, chosen.z) * seen.error
    allowance = np.where(shares, np.maximum(allowance, np.maximum(chosen.share, _unseen(plan, counts, seen.count))), allowance)
    stakes = np.where(empty, 0.0, _stakes(seen.base, allowance, seen.variance, shares))
    each, constant = weights(plan)
    each = np.where(empty, 0.0, each)
    whole = each.sum() + constant.sum()
    with np.errstate(divide="ignore"):
        log_weights = np.log(np.concatenate([np.tile(each / (2 * len(BETS)), 2 * len(BETS)), constant]) / whole)
    made = Baseline(
        plan=plan, preset=preset, limit=limit, windows=len(days.numbers), period=period, base=seen.base.reshape(-1),
        allowance=np.where(empty, 0.0, allowance), stakes=stakes.reshape(-1), temper=seen.temper, growth=seen.hidden - 1,
        usual_rows=seen.usual_rows, constant_gain=_constant_gain(plan, days, held), log_weights=log_weights,
    )  # fmt: skip
    return _calm_on_its_own(made, days, counts)


def log_bets(made: Baseline, number: int, counts: Floats) -> Floats:
    """(6, s) log evidence of one window against "nothing changed", upward in three stakes, then downward.

    Args:
        number: of the window.
        counts: (a,) rows of each atom.
    """
    return _bets(made, _of_rows(made, number % made.period), counts)


def accumulate(held: Floats, gains: Floats) -> Floats:
    """log((1 + M) e) from log M and log e; the Shiryaev-Roberts recursion, in logs."""
    grown: Floats = np.abs(held)
    np.negative(grown, out=grown)
    np.exp(grown, out=grown)
    np.log1p(grown, out=grown)
    grown += np.maximum(held, 0.0)
    grown += gains
    return grown


def _of_rows(made: Baseline, slot: int) -> Floats:
    """(6, a) what one row of each atom pays at this place in the season, before it is tempered."""
    plan = made.plan
    s = len(plan.scores)
    base = made.base[slot * s : (slot + 1) * s]
    off = np.take(np.stack([base + made.allowance, base - made.allowance]), plan.owner, axis=1)
    np.subtract(plan.values, off, out=off)
    x = np.take(made.stakes.reshape(6, s), plan.owner, axis=1)
    x[:3] *= off[0]
    x[3:] *= -off[1]
    np.log1p(x, out=x)
    return x


def _bets(made: Baseline, of_rows: Floats, counts: Floats) -> Floats:
    starts = made.plan.starts
    beyond = np.maximum(np.add.reduceat(counts, starts) / made.usual_rows - 1, 0.0)
    bets: Floats = np.add.reduceat(of_rows * counts, starts, axis=1) / (made.temper + made.growth * beyond)
    return bets


def _is_share(scores: tuple[Score, ...]) -> NDArray[np.bool_]:
    return np.array([score.kind not in ("location", "spread") for score in scores], dtype=np.bool_)


def _unseen(plan: Layout, counts: Floats, windows: Floats) -> Floats:
    """(s,) the share that may be there although the reference's n rows hold none of it: 4.6 / n, with 99 % certainty.

    Of values outside the reference's range none of its rows can be: two gaps lie beyond n ordered rows, 6.6 / n by the same measure. That
    takes rows for independent. Windows that differ as a whole leave the range of m others with 2 / (m + 1) of their rows in the mean at
    most (any of m + 1 is as likely as the others to reach furthest). That is allowed for where the windows are too few to show how much
    it really is, but no more than half.
    """
    rows = np.add.reduceat(counts, plan.starts, axis=1).sum(axis=0)
    ranges = np.array([score.kind == "outside" for score in plan.scores], dtype=np.bool_)
    few = ranges & (windows < LEAST_WINDOWS)
    share = np.where(ranges, 6.64, 4.61) / np.maximum(rows, 1.0)
    held: Floats = np.minimum(np.where(few, np.maximum(share, 2 / (windows + 1)), share), 0.5)
    return held


def _stakes(base: Floats, allowance: Floats, variance: Floats, shares: NDArray[np.bool_]) -> Floats:
    """(6, s) lambda, at most 0.9 of what could lose all."""
    top, bottom = base.max(axis=0), base.min(axis=0)
    made = []
    for limit, edge in ((top + allowance, top + allowance), (1 - bottom + allowance, bottom - allowance)):
        # A share that the reference never or hardly saw has next to no variance: at the edge of what is allowed it has this much.
        share = np.clip(edge, 0.0, 1.0)
        unit = np.sqrt(1 / 12) / np.sqrt(np.maximum(variance, np.where(shares, share * (1 - share), 0.0)))
        made += [np.minimum(bet * unit, 0.9 / np.maximum(limit, 1e-9)) for bet in BETS]
    return np.array(made)


def _constant_gain(plan: Layout, days: Days, held: NDArray[np.int64]) -> Floats:
    """(width + 1,) -log of the largest share that each group held in any window; 0 where its column was constant for a whole window."""
    gain = np.zeros(held.shape[1])
    before = days.constants()
    for place, column in enumerate(plan.columns):
        own = slice(column.groups_from(), column.groups_from() + column.groups)
        rows = held[:, own].sum(axis=1, keepdims=True)
        if np.any(rows > 1) and not np.any(before[:, place] == 1):
            gain[own] = -np.log(((held[:, own] + 1) / (rows + 1))[rows[:, 0] > 1].max(axis=0))
    return gain


def _calm_on_its_own(made: Baseline, days: Days, counts: Floats) -> Baseline:
    """Temper each score further until the reference, played through the detector again, stays below half the limit."""
    s = len(made.plan.scores)
    gains, slots = np.empty((len(days.numbers), 6, s)), days.numbers % made.period
    for slot in np.unique(slots).tolist():
        of_rows = _of_rows(made, slot)
        for place in np.flatnonzero(slots == slot).tolist():
            gains[place] = _bets(made, of_rows, counts[place])
    calm = np.log(max(made.limit / 2, 2.0 * len(days.numbers)))
    loud = _peaks(gains, np.ones(s)) > calm
    if not np.any(loud):
        return made
    own = gains[:, :, loud]
    low, high = np.zeros(own.shape[2]), np.full(own.shape[2], np.log(_LARGEST_TEMPER))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        above = _peaks(own, np.exp(middle)) > calm
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    further = np.ones(s)
    further[loud] = np.exp(high)
    return replace(made, temper=made.temper * further, growth=made.growth * further)


def _peaks(gains: Floats, factor: Floats) -> Floats:
    """(s,) the most evidence that each score ever held over the windows."""
    held = np.full(gains.shape[1:], -np.inf)
    peak = held
    for gain in gains:
        held = accumulate(held, gain / factor)
        peak = np.maximum(peak, held)
    most: Floats = peak.max(axis=0)
    return most
