"""How much a reference's windows differ of themselves: by weekday, by more than chance, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, fdtri

from farero.core.reference import Counts, Floats
from farero.core.scores import Layout, Score

LEAST_WEEKS = 4
"""Whole seasons that a reference must hold before it is asked what each weekday is like."""

ENOUGH_WINDOWS = 28
"""With fewer, nothing is asked of how long unrest lasts."""

LEAST_WINDOWS = 7

UNSEEN_SPREAD = 0.1
"""How far windows are taken to lie apart of themselves, in deviations of a row, where fewer than `LEAST_WINDOWS` say nothing of it."""

_ENOUGH_ALIKE = 5
_MOST_MEMORY = 0.9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unrest:
    """What windows do when nothing is wrong, by score.

    Attributes:
        base: (period, s) mean by place in the season.
        error: (s,) its standard error.
        temper: (s,) phi: how many rows count as one, at the usual number of rows.
        hidden: (s,) phi as it may be for all one knows: what more rows a window would bring to light.
        variance: (s,) of one row.
        usual_rows: (s,) harmonic mean of a window's rows.
        count: (s,) windows that say something.
    """

    base: Floats
    error: Floats
    temper: Floats
    hidden: Floats
    variance: Floats
    usual_rows: Floats
    count: Floats


def measure(plan: Layout, numbers: Counts, counts: Floats, period: int) -> Unrest:
    """Measure it.

    1. Weekdays: their means as far as they differ by more than chance (F at 1 %), drawn towards the mean of all by how sure that is.
    2. Overdispersion: the residual variance of the windows' means over that of independent rows; phi = 1 where chi-squared at 1 % sees
       nothing, else its upper 80 % bound. Where most scores of a kind are restless, one that shows nothing is taken for the middle one.
    3. Memory: phi is of the long-run variance (see `_memory`); means of whole weeks are checked besides.

    Args:
        plan: of the reference.
        numbers: (t,) of the windows, ascending.
        counts: (t, a) rows of each atom.
        period: windows in a season; 1 = none.
    """
    means = _means(plan, counts)
    slots = numbers % period
    base, kept = _by_slot(means, slots, period)
    residual = np.where(means.use, means.mean - base[slots], 0.0)
    lasting, memory = _memory(plan.scores, means, residual)
    temper, hidden = _temper(plan.scores, means, residual, kept, period, lasting, memory)
    temper = _leaked(plan.scores, temper, base, residual)
    return Unrest(
        base=base, error=_error(means, residual, kept, period, temper, lasting), temper=temper, hidden=np.maximum(hidden, temper),
        variance=means.variance, usual_rows=means.usual_rows, count=means.count,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Means:
    """(t, s) means of each window, which of them hold enough rows to be asked, and the figures of all rows."""

    mean: Floats
    use: NDArray[np.bool_]
    count: Floats
    usual_rows: Floats
    variance: Floats


def _means(plan: Layout, counts: Floats) -> _Means:
    """A window with less than half the usual rows says too little of how windows differ, and is left out here."""
    rows = np.add.reduceat(counts, plan.starts, axis=1)
    total = np.add.reduceat(counts * plan.values, plan.starts, axis=1)
    squares = np.add.reduceat(counts * plan.values**2, plan.starts, axis=1).sum(axis=0)
    # Of the windows that hold any: answers to few windows' rows are none of the others'.
    usual = [float(np.median(own[own > 0])) if np.any(own > 0) else 0.0 for own in rows.T]
    use = (rows > 0) & (rows >= np.array(usual) / 2)
    count = use.sum(axis=0).astype(np.float64)
    every = np.maximum(rows.sum(axis=0), 1.0)
    overall = total.sum(axis=0) / every
    inverse = np.where(use, 1 / np.maximum(rows, 1.0), 0.0).sum(axis=0)
    return _Means(
        mean=np.where(use, total / np.maximum(rows, 1.0), 0.0), use=use, count=count,
        usual_rows=np.where(count > 0, count / np.maximum(inverse, 1e-300), 1.0),
        variance=np.maximum(squares / every - overall**2, 0.25 / (every + 1)),
    )  # fmt: skip


def _by_slot(means: _Means, slots: Counts, period: int) -> tuple[Floats, Floats]:
    """(period, s) the mean by place in the season as far as the places differ more than chance; (s,) how much of it was kept [0-1]."""
    count = np.maximum(means.count, 1)
    overall = means.mean.sum(axis=0) / count
    nothing = np.zeros(means.mean.shape[1])
    if period == 1:
        return overall[None, :], nothing
    held = np.zeros((period, means.mean.shape[1]))
    total = np.zeros_like(held)
    np.add.at(held, slots, means.use)
    np.add.at(total, slots, means.mean)
    # Places that the reference never saw, such as Sundays of an office, are taken for the mean of all.
    seen = held > 0
    places = np.maximum(seen.sum(axis=0), 2)
    each = np.where(seen, total / np.maximum(held, 1), overall)
    freedom = np.maximum(count - places, 1)
    within = np.where(means.use, (means.mean - each[slots]) ** 2, 0.0).sum(axis=0) / freedom
    within = np.maximum(within, means.variance / means.usual_rows)
    depth = count / places
    centre = np.where(seen, each, 0.0).sum(axis=0) / places
    between = np.where(seen, (each - centre) ** 2, 0.0).sum(axis=0) / (places - 1)
    enough = (np.where(seen, held, np.inf).min(axis=0) >= 2) & (seen.sum(axis=0) >= 2)
    known = enough & (between / (within / depth) > fdtri(places - 1, freedom, 0.99))
    true = np.maximum(between - within / depth, 0.0)
    kept = np.where(known, true / (true + within / depth), 0.0)
    base: Floats = overall + kept * (each - overall)
    return base, kept


def _memory(every: tuple[Score, ...], means: _Means, residual: Floats) -> tuple[Floats, Floats]:
    """How much longer-lasting the unrest of windows is than if each were a draw of its own.

    The correlation of a window's residual with the next one's is a poor estimate from two months (+- 0.13), so that of each score is drawn
    towards the mean of all scores of its kind, as far as they agree (empirical Bayes), and then taken one standard error higher. How it
    fades is read from the second neighbour, over all scores of the kind: rows add noise without memory, so it fades slower than it starts.

    Returns:
        (s,) long-run variance over variance, at least 1, and (s,) correlation with the next window, at least 0.

    Source: Parzen (1957) for the long-run variance; Efron & Morris (1975) for the drawing together. Our own simulation for the rest.
    """
    windows = len(residual)
    lasting, memory = np.ones(len(every)), np.zeros(len(every))
    if windows < ENOUGH_WINDOWS:
        return lasting, memory
    power = np.maximum((residual**2).mean(axis=0), 1e-300)
    first = (residual[1:] * residual[:-1]).sum(axis=0) / (windows - 1) / power
    second = (residual[2:] * residual[:-2]).sum(axis=0) / (windows - 2) / power
    for kind in sorted({score.kind for score in every}):
        own = np.array([place for place, score in enumerate(every) if score.kind == kind and means.count[place] > 0], dtype=np.int64)
        if not len(own):
            continue
        inflation, each, rho = 1.0, np.ones(len(own)), np.zeros(len(own))
        for _ in range(5):
            # Taking the mean away takes long-run variance / windows from every covariance.
            lost = inflation / windows
            one, two = (first[own] + lost) / (1 + lost), (second[own] + lost) / (1 + lost)
            middle = float(one.mean())
            # What chance alone gives of a mean and of a spread, at one standard error, is not taken for memory.
            chance = 1 / np.sqrt(windows * len(own))
            apart = max(float(one.var()) - (1 + np.sqrt(2 / len(own))) / windows, 0.0)
            pull = apart / (apart + 1 / windows)
            rho = np.clip(middle - chance + (one - middle) * pull + np.sqrt(pull / windows), 0.0, _MOST_MEMORY)
            fade = np.clip(float(two.mean()) / middle if middle > 3 * chance else 0.0, 0.0, _MOST_MEMORY)
            each = 1 + 2 * rho / (1 - np.maximum(rho, fade))
            inflation = float(each.mean())
        lasting[own], memory[own] = each, rho
    return lasting, memory


def _temper(
    every: tuple[Score, ...], means: _Means, residual: Floats, kept: Floats, period: int, lasting: Floats, memory: Floats
) -> tuple[Floats, Floats]:
    """(s,) phi, and (s,) phi as it would be without the test whether there is any unrest: what more rows would bring to light."""
    freedom = np.maximum(means.count - 1 - (period - 1) * (kept > 0), 1)
    row = means.variance / means.usual_rows
    ratio = (residual**2).sum(axis=0) / freedom / row
    # Windows that hang together tell less of their variance: as many as this would if they did not.
    telling = np.maximum(freedom * (1 - memory**2) / (1 + memory**2), 1)
    upper = ratio * telling / chdtri(telling, 0.80) * (1 + (lasting - 1) / np.maximum(means.count, 1)) * lasting
    phi = np.where(ratio < chdtri(freedom, 0.01) / freedom, _usual_unrest(every, ratio, freedom, lasting), np.maximum(upper, 1.0))
    phi = _by_blocks(phi, residual, period, row)
    guess = 1 + UNSEEN_SPREAD**2 * means.usual_rows
    few = means.count < LEAST_WINDOWS
    return np.where(few, np.maximum(phi, guess), phi), np.where(few, guess, np.maximum(upper, 1.0))


def _usual_unrest(every: tuple[Score, ...], ratio: Floats, freedom: Floats, lasting: Floats) -> Floats:
    """(s,) phi of scores that show no unrest of their own: 1, or the middle one of their kind where most of that kind are restless.

    A test on two months misses unrest of the size of the rows' own noise now and then; the others of its kind do not all miss it.
    """
    phi = np.ones(len(every))
    for kind in sorted({score.kind for score in every}):
        own = np.array([score.kind == kind for score in every])
        middle = float(np.median(ratio[own]))
        chance = 1.25 * np.sqrt(2 / float(np.median(freedom[own])) / own.sum())  # standard error of a median
        if own.sum() >= _ENOUGH_ALIKE and middle > 1 + 3 * chance:
            phi[own] = middle * lasting[own]
    return phi


def _leaked(every: tuple[Score, ...], temper: Floats, base: Floats, residual: Floats) -> Floats:
    """The temper of each spread is at least what its column's location brings into it.

    (2u - 1)² is about a fixed middle: off the middle it moves with the location, the more the further off, so on one weekday and hardly on
    the others. With d the farthest from the middle that the location usually comes (of a mid-rank), a spread's overdispersion is 20 d² of
    the location's (second order, normal values: d E/ds = 0.37 s, a rank moves by 0.28 a deviation).
    """
    made = temper.copy()
    place = {score.columns: i for i, score in enumerate(every) if score.kind == "location"}
    usual = np.abs(base - 0.5).max(axis=0) + 2 * np.sqrt((residual**2).mean(axis=0))
    for i, score in enumerate(every):
        if score.kind == "spread":
            location = place[score.columns]
            made[i] = max(made[i], 1 + min(20 * usual[location] ** 2, 1.0) * (temper[location] - 1))
    return made


def _by_blocks(phi: Floats, residual: Floats, period: int, row: Floats) -> Floats:
    """Means of whole weeks (or seasons) vary more than phi says where unrest lasts; a check with little power, and none with few blocks."""
    length = period if period > 1 else 7
    blocks = len(residual) // length
    if blocks < LEAST_WEEKS:
        return phi
    each = residual[-blocks * length :].reshape(blocks, length, -1).mean(axis=1)
    ratio = length * each.var(axis=0, ddof=1) / row
    loud = ratio > np.maximum(phi, 1) * chdtri(blocks - 1, 0.01) / (blocks - 1)
    return np.where(loud, ratio * (blocks - 1) / chdtri(blocks - 1, 0.70), phi)


def _error(means: _Means, residual: Floats, kept: Floats, period: int, temper: Floats, lasting: Floats) -> Floats:
    """(s,) standard error of the baseline; no larger than of one window, however long unrest lasts."""
    row = means.variance / means.usual_rows
    spread = (residual**2).sum(axis=0) / np.maximum(means.count - 1 - (period - 1) * kept, 1)
    each = np.maximum(np.maximum(spread, row), temper / lasting * row)
    depth = kept * period + (1 - kept) + (lasting - 1)
    return np.asarray(np.sqrt(each * np.minimum(depth / np.maximum(means.count, 1), 1.0)))
