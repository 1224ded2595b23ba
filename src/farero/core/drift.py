"""How a window's rows differ from the reference, column by column, and whether that is drift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from farero.core.distance import chi2_tail, ks_bounds, ks_p_value, psi_reading
from farero.core.observation import ColumnDrift, DriftVerdict
from farero.core.profile import ColumnProfile, Profile
from farero.core.reference import ColumnReference, Counts, Floats, Reference, grouped
from farero.core.verdict import RULES, Limit, false_alarm_rate, judge, own_limit

_FLOOR = 1e-4
"""Smallest share of a group in PSI; see `distance.psi`."""

_LEAST_EXPECTED = 5.0
_MOST_POOLED = 30
"""Levels that stay by themselves in a chi-squared test; see `distance.pooled`."""

_LARGEST = float(np.finfo(np.float64).max)


def compare(reference: Reference, current: Profile) -> tuple[ColumnDrift, ...]:
    """The figures of every feature; `drift` is still False everywhere: `verdict` sets it.

    KS is exact at the reference's bin edges (`ks_interval` tells how far the rows' own can lie from it), Wasserstein takes values as spread
    evenly inside a bin of it, PSI and Jensen-Shannon are over tenths of the reference's rows (choices: the largest levels, the rest, and
    the new ones). None = does not apply, or no values.

    Raises:
        ValueError: the profile was counted on another reference.
    """
    if reference.edges_hash != current.edges_hash:
        raise ValueError("this profile was counted on another reference: profile the rows again on this one")
    return _figures(_plan(reference), current.columns, (reference.rows, current.rows))


def compare_prediction(reference: Reference, current: Profile) -> ColumnDrift | None:
    """The same figures for the model's own answers; None where they are not watched. Its name is `profile.PREDICTION`."""
    if reference.prediction is None or current.prediction is None:
        return None
    return figures(reference.prediction, current.prediction, (reference.rows, current.rows))


def ks_interval(ref: ColumnReference, now: ColumnProfile) -> tuple[float, float] | None:
    """Between what the KS distance of the rows themselves lies, from counts alone; see `distance.ks_bounds`. None = does not apply."""
    if ref.kind in ("choice", "flag") or not ref.counts.sum() or not now.counts.sum():
        return None
    single = np.zeros(len(ref.counts), dtype=np.bool_)
    with np.errstate(over="ignore"):
        single[1:-1] = np.nextafter(ref.edges[:-1], np.inf) == ref.edges[1:]
    return ks_bounds(ref.counts, now.counts, single)


def verdict(rule: str, reference: Reference, columns: Sequence[ColumnDrift], rows: int) -> tuple[DriftVerdict, tuple[ColumnDrift, ...]]:
    """Judge a window by one rule.

    Args:
        rule: one of `RULES`.
        reference: what the columns were compared with; tells how much its own windows differ.
        columns: figures from `compare`, or the one of `compare_prediction`.
        rows: in the window.

    Returns:
        The verdict, and the columns with `drift` set as the rule has it.

    Raises:
        ValueError: no such rule.
    """
    known = (*reference.columns, *((reference.prediction,) if reference.prediction else ()))
    limits = {
        ref.name: Limit(
            distance=own_limit(ref.noise, reference.windows, reference.window_rows, rows),
            missing=own_limit(ref.missing_noise, reference.windows, reference.window_rows, rows),
        )
        for ref in known
    }
    return judge(rule, columns, rows=(reference.rows, rows), limits=limits)


def figures(ref: ColumnReference, now: ColumnProfile, rows: tuple[int, int]) -> ColumnDrift:
    """The figures of one column; `rows` of the reference and of the current profile."""
    return _figures(_plan_of((ref,)), (now,), rows)[0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Plan:
    """What is the same for every window that is compared with these columns: all of them at once cost little more than one.

    Attributes:
        ordered, levelled: places of the columns of numbers and dates, and of choices and flags, that hold a value in the reference.
        shares: (ordered, bins) cumulative shares of the reference; 1 behind a column's last bin.
        widths: (ordered, bins - 2) of the bins between edges [unit]; 0 behind the last.
        levels: (levelled, levels + 1) counts of the reference; 0 for new levels, which come behind a column's last one.
        runs: where stretches of cells of one group begin, in both tables flattened; most groups are one stretch.
        groups: (runs,) which group of which column each belongs to.
        group_shares: (ordered + levelled, groups) of the reference.
    """

    columns: tuple[ColumnReference, ...]
    before: NDArray[np.int64]
    ordered: list[int]
    levelled: list[int]
    shares: Floats
    widths: Floats
    levels: Floats
    runs: Counts
    groups: Counts
    group_shares: Floats


@lru_cache(maxsize=2)
def _plan(reference: Reference) -> _Plan:
    return _plan_of(reference.columns)


def _plan_of(columns: tuple[ColumnReference, ...]) -> _Plan:
    before = np.array([int(ref.counts.sum()) for ref in columns], dtype=np.int64)
    ordered = [at for at, ref in enumerate(columns) if before[at] and ref.kind not in ("choice", "flag")]
    levelled = [at for at, ref in enumerate(columns) if before[at] and ref.kind in ("choice", "flag")]
    bins = max((len(columns[at].counts) for at in ordered), default=2)
    most = max((len(columns[at].counts) for at in levelled), default=0) + 1
    shares, widths = np.ones((len(ordered), bins)), np.zeros((len(ordered), max(bins - 2, 0)))
    levels = np.zeros((len(levelled), most))
    chosen = [*ordered, *levelled]
    size = max((int(columns[at].groups.max(initial=0)) for at in chosen), default=0) + 2
    groups = [np.zeros((len(ordered), bins), dtype=np.int64), np.zeros((len(levelled), most), dtype=np.int64)]
    group_shares = np.zeros((len(chosen), size))
    for row, at in enumerate(ordered):
        ref = columns[at]
        shares[row, : len(ref.counts)] = np.cumsum(ref.counts) / before[at]
        with np.errstate(over="ignore"):
            widths[row, : len(ref.edges) - 1] = np.minimum(np.diff(ref.edges), _LARGEST)
        groups[0][row, : len(ref.counts)] = ref.groups
    for row, at in enumerate(levelled):
        ref = columns[at]
        levels[row, : len(ref.counts)] = ref.counts
        groups[1][row, : len(ref.counts)] = ref.groups
        groups[1][row, len(ref.counts)] = int(ref.groups.max(initial=-1)) + 1
    for row, at in enumerate(chosen):
        held = grouped(columns[at].counts, columns[at].groups)
        group_shares[row, : len(held)] = held / before[at]
    first = np.arange(len(chosen))[:, None] * size
    flat = np.concatenate([(groups[0] + first[: len(ordered)]).ravel(), (groups[1] + first[len(ordered) :]).ravel()])
    runs = np.flatnonzero(np.diff(flat, prepend=-1))
    return _Plan(
        columns=columns, before=before, ordered=ordered, levelled=levelled, shares=shares, widths=widths, levels=levels,
        runs=runs, groups=flat[runs], group_shares=group_shares,
    )  # fmt: skip


def _figures(plan: _Plan, current: Sequence[ColumnProfile], rows: tuple[int, int]) -> tuple[ColumnDrift, ...]:
    """The figures of all columns of a plan."""
    counts, levels = np.zeros(plan.shares.shape), np.zeros(plan.levels.shape)
    for row, at in enumerate(plan.ordered):
        counts[row, : len(current[at].counts)] = current[at].counts
    for row, at in enumerate(plan.levelled):
        held = current[at].counts
        levels[row, : len(held)], levels[row, len(held)] = held, current[at].new
    sums = np.concatenate([counts.sum(axis=1), levels.sum(axis=1)])
    held_by = dict(zip([*plan.ordered, *plan.levelled], sums.astype(np.int64).tolist(), strict=True))
    held_by |= {at: now.values for at, now in enumerate(current) if at not in held_by}
    values = [held_by[at] for at in range(len(current))]
    after = np.maximum(sums, 1)
    ks, moved = _ks_and_wasserstein(plan, counts, after[: len(plan.ordered)])
    beyond = [(current[at].under + current[at].over) / max(values[at], 1) for at in plan.ordered]
    moved = [area + outside for area, outside in zip(moved, beyond, strict=True)]
    p_values = ks_p_value(ks, plan.before[plan.ordered], after[: len(plan.ordered)]).tolist()
    chi2_p = _chi2_p(plan.levels, levels, [values[at] > 0 for at in plan.levelled])
    psi, jensen_shannon = _psi_and_jensen_shannon(plan, np.concatenate([counts.ravel(), levels.ravel()]), after)
    distances = {at: (row, psi[row], jensen_shannon[row]) for row, at in enumerate([*plan.ordered, *plan.levelled]) if values[at]}
    made = []
    for at, (ref, now) in enumerate(zip(plan.columns, current, strict=True)):
        mean, std = _mean_and_std(ref, now, values[at])
        row, index, apart = distances.get(at, (-1, None, None))
        is_ordered = 0 <= row < len(plan.ordered)
        made.append(
            ColumnDrift(
                name=ref.name, kind=ref.kind, drift=False, mean=mean, std=std,
                missing=(ref.missing / rows[0] if rows[0] else 0.0, now.missing / rows[1] if rows[1] else 0.0),
                ks=ks[row] if is_ordered else None, p_value=p_values[row] if is_ordered else None,
                psi=index, psi_reading=None if index is None else psi_reading(index), jensen_shannon=apart,
                wasserstein=moved[row] if is_ordered else None,
                wasserstein_normalised=_normalised(moved[row], ref.std) if is_ordered else None,
                chi2_p=chi2_p[row - len(plan.ordered)] if row >= len(plan.ordered) else None,
                new_categories=tuple(now.new_values),
            )
        )  # fmt: skip
    return tuple(made)


def _mean_and_std(
    ref: ColumnReference, now: ColumnProfile, after: int
) -> tuple[tuple[float | None, float | None] | None, tuple[float | None, float | None] | None]:
    if ref.kind == "choice":
        return None, None
    if ref.kind == "flag":
        return (ref.mean, float(now.counts[1] / after) if after else None), None
    if not after:
        return (ref.mean, None), (ref.std, None)
    shift = now.total / after
    return (ref.mean, (ref.mean or 0.0) + shift), (ref.std, math.sqrt(max(now.squares / after - shift * shift, 0.0)))


def _normalised(moved: float, std: float | None) -> float | None:
    return moved / std if std else (0.0 if moved == 0 else None)


def _ks_and_wasserstein(plan: _Plan, counts: Floats, after: Floats) -> tuple[list[float], list[float]]:
    """The largest distance of the two cumulative curves at the edges, and the area between them from the first edge to the last."""
    curve = np.cumsum(counts, axis=1)
    curve /= after[:, None]
    np.subtract(plan.shares, curve, out=curve)
    height, below = np.abs(curve), curve < 0
    areas = height[:, :-2] + height[:, 1:-1]
    areas *= 0.5
    # Where the curves cross within a bin, two triangles are left of the trapezium.
    crossed = np.nonzero(below[:, :-2] ^ below[:, 1:-1])
    left, right = height[:, :-2][crossed], height[:, 1:-1][crossed]
    areas[crossed] = (left * left + right * right) / (2 * (left + right))
    with np.errstate(over="ignore"):
        areas *= plan.widths
        return height.max(axis=1, initial=0.0).tolist(), areas.sum(axis=1).tolist()


def _psi_and_jensen_shannon(plan: _Plan, cells: Floats, after: Floats) -> tuple[list[float], list[float]]:
    """Over the groups of each column; see `distance.psi` and `distance.jensen_shannon`."""
    p = plan.group_shares
    held = np.add.reduceat(cells, plan.runs) if len(plan.runs) else np.zeros(0)
    q = np.bincount(plan.groups, weights=held, minlength=p.size).reshape(p.shape) / after[:, None]
    floored_p, floored_q = np.maximum(p, _FLOOR), np.maximum(q, _FLOOR)
    index = ((floored_q - floored_p) * np.log(floored_q / floored_p)).sum(axis=1)
    middle = np.maximum((p + q) / 2, 1e-300)
    divergence = sum((side * np.log2(np.maximum(side, 1e-300) / middle)).sum(axis=1) for side in (p, q))
    return index.tolist(), np.sqrt(np.maximum(divergence / 2, 0.0)).tolist()


def _chi2_p(before: Floats, after: Floats, held: Sequence[bool]) -> list[float]:
    """p of Pearson's test for each row of levels, the rare ones pooled as `distance.pooled` does; the same as `distance.chi2` of that."""
    totals = before + after
    order = np.argsort(-totals, axis=1, kind="stable")
    totals, first = np.take_along_axis(totals, order, axis=1), np.take_along_axis(before, order, axis=1)
    n, m = before.sum(axis=1, keepdims=True), np.maximum(after.sum(axis=1, keepdims=True), 1)
    both = n + m
    kept = (totals * np.minimum(n, m) / both >= _LEAST_EXPECTED) & (np.arange(totals.shape[1]) < _MOST_POOLED)
    rest, rest_first = np.where(kept, 0.0, totals).sum(axis=1), np.where(kept, 0.0, first).sum(axis=1)
    own, own_first = np.column_stack([np.where(kept, totals, 0.0), rest]), np.column_stack([np.where(kept, first, 0.0), rest_first])
    # Of a bin's rows on both sides, t, the reference holds t n / N if nothing changed; both sides are off by the same number.
    off = own_first - own * n / both
    statistic = (off * off / np.maximum(own, 1.0)).sum(axis=1) * (both * both / (n * m))[:, 0]
    df = kept.sum(axis=1) + (rest > 0) - 1
    return [
        chi2_tail(value, freedom) if known else 1.0
        for value, freedom, known in zip(statistic.tolist(), df.tolist(), held, strict=True)
    ]  # fmt: skip


# Whoever judges drift names a rule and tells its price: one import serves.
__all__ = ["RULES", "compare", "compare_prediction", "false_alarm_rate", "figures", "ks_interval", "verdict"]
