"""The detector on many windows at once: the evidence of each window as numbers, and courses of windows played through it side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from farero.core.baseline import Baseline, PresetName, fit, season
from farero.core.days import Days
from farero.core.reference import Counts, Floats, Reference
from farero.core.scores import atoms, layout
from farero.core.stacked import Stack, cells, constants

_MOST = 300.0  # nat a window: beyond any limit, and a product of two is still a number
_LARGEST = 1e160


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """A fitted detector, ready for many windows. `weights` (6 s + columns,) of its components, together 1."""

    baseline: Baseline
    weights: Floats

    @property
    def period(self) -> int:
        """Windows in a season."""
        return self.baseline.period

    def of(self, windows: Stack) -> Floats:
        """(w, 6 s + columns) evidence e of each window and component: `detector.update` multiplies what it holds by it."""
        plan, made = self.baseline.plan, self.baseline
        held = cells(plan, windows)
        counts = atoms(plan, held).astype(np.float64)
        s = len(plan.scores)
        gains = np.empty((len(counts), 6, s))
        slots = windows.numbers % made.period
        for slot in np.unique(slots).tolist():
            base = made.base[slot * s : (slot + 1) * s]
            off = plan.values - np.take(np.stack([base + made.allowance, base - made.allowance]), plan.owner, axis=1)
            staked = np.take(made.stakes.reshape(6, s), plan.owner, axis=1) * np.concatenate([off[:1]] * 3 + [-off[1:]] * 3)
            own = np.flatnonzero(slots == slot)
            gains[own] = np.add.reduceat(np.log1p(staked)[None] * counts[own][:, None, :], plan.starts, axis=2)
        beyond = np.maximum(np.add.reduceat(counts, plan.starts, axis=1) / made.usual_rows - 1, 0.0)
        gains /= (made.temper + made.growth * beyond)[:, None, :]
        whole = np.concatenate([gains.reshape(len(counts), 6 * s), self._stuck(held, constants(plan, windows))], axis=1)
        bets: Floats = np.exp(np.clip(whole, -_MOST, _MOST))
        bets[:, 6 * s :][np.isneginf(whole[:, 6 * s :])] = 0.0
        return bets

    def _stuck(self, held: Counts, constant: Counts) -> Floats:
        """(w, columns) log evidence of columns that turned constant, as the detector has it."""
        stuck = np.where(constant == 0, -np.inf, 0.0)
        for place, column in enumerate(self.baseline.plan.columns):
            alone = np.flatnonzero(constant[:, place] == 1)
            own = slice(column.groups_from(), column.groups_from() + column.groups)
            gain = np.where(held[alone, own] > 0, self.baseline.constant_gain[own], 0.0).sum(axis=1)
            stuck[alone, place] = gain * np.maximum(held[alone, own].sum(axis=1) - 1, 0)
        return stuck


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """Alarms over all courses, and the most evidence that any of them came to."""

    alarms: int
    most: float


def group(
    reference: Reference, days: Days, preset: PresetName, size_s: float | None, limits: Sequence[float]
) -> list[tuple[list[int], Evidence]]:
    """Detectors fitted at each limit, those that differ in nothing else together: places of the limits, and the detector."""
    plan = layout(reference)
    made: list[tuple[list[int], Evidence]] = []
    for place, limit in enumerate(limits):
        fitted = fit(plan, days, preset=preset, size_s=size_s, limit=limit)
        for places, known in made:
            if np.array_equal(known.baseline.temper, fitted.temper) and np.array_equal(known.baseline.growth, fitted.growth):
                places.append(place)
                break
        else:
            made.append(([place], Evidence(baseline=fitted, weights=np.exp(fitted.log_weights))))
    return made


def evidence(
    reference: Reference, days: Days, preset: PresetName, size_s: float | None, limit: float, windows: Stack
) -> tuple[Evidence, Floats]:
    """A detector fitted on these days, and its evidence of these windows."""
    fitted = fit(layout(reference), days, preset=preset, size_s=size_s, limit=limit)
    made = Evidence(baseline=fitted, weights=np.exp(fitted.log_weights))
    return made, made.of(windows)


def play(bets: Floats, weights: Floats, order: Counts, limit: float) -> Played:
    """Courses of windows through a detector; after an alarm the evidence begins anew.

    Args:
        bets: (w, k) evidence of each window.
        weights: (k,) of the components.
        order: (courses, t) windows of each course, by place.
        limit: evidence from which on it is an alarm.
    """
    held = np.zeros((len(order), bets.shape[1]))
    alarms, most = 0, 0.0
    for step in range(order.shape[1]):
        held += 1.0
        held *= bets[order[:, step]]
        np.minimum(held, _LARGEST, out=held)
        total = held @ weights
        most = max(most, float(total.max(initial=0.0)))
        over = total >= limit
        if over.any():
            alarms += int(over.sum())
            held[over] = 0.0
    return Played(alarms=alarms, most=most)


def paths(before: Floats, changed: Floats, weights: Floats, starts: Counts, steps: int, most: float) -> Floats:
    """(changes * starts, steps) evidence since a change began, in a detector that had seen the windows before it.

    Args:
        before: (w, k) evidence of the windows as they were.
        changed: (changes, w, k) the same with each change.
        weights: (k,) of the components.
        starts: (n,) places where a change begins; behind the newest window the oldest follows.
        steps: windows to follow it for.
        most: no course is followed further than to this evidence; it stays there.
    """
    held = np.zeros(before.shape[1])
    at_start: list[Floats] = []
    for place in range(int(starts.max()) + 1):
        if place in starts:
            at_start.append(held.copy())
        held = np.minimum((held + 1.0) * before[place], _LARGEST)
    runs = np.tile(np.array(at_start), (len(changed), 1))
    which = np.repeat(np.arange(len(changed)), len(starts))
    where = np.tile(starts, len(changed))
    made = np.full((len(runs), steps), most)
    alive = np.arange(len(runs))
    for step in range(steps):
        runs += 1.0
        runs *= changed[which[alive], (where[alive] + step) % before.shape[0]]
        np.minimum(runs, _LARGEST, out=runs)
        total = runs @ weights
        made[alive, step] = total
        on = total < most
        if not on.all():
            alive, runs = alive[on], runs[on]
        if not len(alive):
            break
    return made


def together(numbers: Counts, period: int, length: int, random: np.random.Generator) -> Counts:
    """(length,) places of windows drawn anew season by season, so that what hangs together from day to day stays together.

    A season without a window for a weekday lends one from another season.

    Args:
        numbers: (w,) of the windows on the fixed grid.
        period: windows in a season; where there is none, blocks of seven windows are drawn.
        length: windows to draw.
    """
    if period == 1:
        firsts = random.integers(0, len(numbers), -(-length // 7))
        drawn: Counts = ((firsts[:, None] + np.arange(7)) % len(numbers)).reshape(-1)[:length]
        return drawn
    seasons, which = np.unique(numbers // period, return_inverse=True)
    table = np.full((len(seasons), period), -1, dtype=np.int64)
    table[which, numbers % period] = np.arange(len(numbers))
    slots = np.flatnonzero((table >= 0).any(axis=0))
    drawn = table[random.integers(0, len(seasons), -(-length // len(slots)))][:, slots]
    for column, slot in enumerate(slots.tolist()):
        empty = drawn[:, column] < 0
        drawn[empty, column] = random.choice(table[table[:, slot] >= 0, slot], int(empty.sum()))
    return drawn.reshape(-1)[:length]


def resampled(days: Days, size_s: float | None, random: np.random.Generator) -> Days:
    """As many windows as a reference has, drawn from it anew, each on its own weekday."""
    period = season(size_s, len(days.numbers))
    order = together(days.numbers, period, len(days.numbers), random)
    numbers = days.numbers[order]
    # A later season for each that is drawn, so that numbers rise and weekdays stay.
    slots = numbers % period
    rounds = np.concatenate([[0], np.cumsum(np.diff(slots) <= 0)])
    return replace(
        days, numbers=(rounds * period + slots).astype(np.int64), cells=days.table()[order].astype(np.int32).reshape(-1),
        constant=days.constants()[order].astype(np.int32).reshape(-1),
        duplicates=days.duplicates[order] if len(days.duplicates) == len(order) else days.duplicates,
    )  # fmt: skip
