"""How a window's rows differ from the reference, column by column, and whether that is drift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

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

    Two tables have a row a column, and are kept as one line of cells: numbers and dates by bin, choices and flags by level.

    Attributes:
        ordered, levelled: places of the columns of numbers and dates, and of choices and flags, that hold a value in the reference.
        rows: of each column, which row is its own, those of `levelled` behind those of `ordered`; -1 for none.
        before: (ordered + levelled,) values in the reference.
        shares: (ordered, bins) cumulative shares of the reference; 1 behind a column's last bin.
        widths: (ordered, bins) of the bin behind each edge [unit]; 0 behind the last edge.
        reaches: (ordered, bins) half the widths on both sides of each edge: the area that a curve one high at the edge has.
        levels: (levelled, levels + 1) counts of the reference; 0 for new levels, which come behind a column's last one.
        begins, ends: (runs,) the cell before, and the last cell of, each stretch of cells of one group; most groups are one stretch.
            At the beginning of a row, the cell before is one behind all of them.
        groups: (runs,) which group of which column each belongs to.
        group_shares: (ordered + levelled, groups) of the reference.
    """

    columns: tuple[ColumnReference, ...]
    ordered: list[int]
    levelled: list[int]
    rows: list[int]
    before: Floats
    shares: Floats
    widths: Floats
    reaches: Floats
    levels: Floats
    begins: Counts
    ends: Counts
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
    shares, widths = np.ones((len(ordered), bins)), np.zeros((len(ordered), bins))
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
    reaches = widths / 2
    reaches[:, 1:] += widths[:, :-1] / 2
    first = np.arange(len(chosen))[:, None] * size
    flat = np.concatenate([(groups[0] + first[: len(ordered)]).ravel(), (groups[1] + first[len(ordered) :]).ravel()])
    starts = np.flatnonzero(np.diff(flat, prepend=-1))  # a row begins with a group of its own
    row_starts = np.concatenate([np.arange(len(ordered)) * bins, shares.size + np.arange(len(levelled)) * most])
    return _Plan(
        columns=columns, ordered=ordered, levelled=levelled, rows=[chosen.index(at) if at in chosen else -1 for at in range(len(columns))],
        before=before[chosen].astype(np.float64), shares=shares, widths=widths, reaches=reaches, levels=levels,
        begins=np.where(np.isin(starts, row_starts), len(flat), starts - 1), ends=np.append(starts[1:], len(flat)) - 1,
        groups=flat[starts], group_shares=group_shares,
    )  # fmt: skip


def _figures(plan: _Plan, current: Sequence[ColumnProfile], rows: tuple[int, int]) -> tuple[ColumnDrift, ...]:
    """The figures of all columns of a plan."""
    numbers, bins = len(plan.ordered), plan.shares.shape[1]
    sums = np.zeros(plan.shares.size + plan.levels.size + 1, dtype=np.int64)
    up_to, levels_up_to = sums[: plan.shares.size].reshape(plan.shares.shape), sums[plan.shares.size : -1].reshape(plan.levels.shape)
    for row, at in enumerate(plan.ordered):
        counts = current[at].counts
        np.add.accumulate(counts, out=up_to[row, : len(counts)])
        if len(counts) < bins:
            up_to[row, len(counts) :] = up_to[row, len(counts) - 1]
    levels = np.zeros(plan.levels.shape, dtype=np.int64)
    for row, at in enumerate(plan.levelled):
        counts = current[at].counts
        levels[row, : len(counts)], levels[row, len(counts)] = counts, current[at].new
    np.add.accumulate(levels, axis=1, out=levels_up_to)
    found = np.concatenate([up_to[:, -1], levels_up_to[:, -1]])
    values, after = found.tolist(), np.maximum(found, 1.0)
    psi, jensen_shannon = _psi_and_jensen_shannon(plan, sums, after)
    ks, areas = _ks_and_wasserstein(plan, up_to, after[:numbers])
    ks_p = ks_p_value(ks, plan.before[:numbers], after[:numbers]).tolist()
    chi2_p = _chi2_p(plan.levels, levels, plan.before[numbers:], after[numbers:])
    made = []
    for ref, now, row in zip(plan.columns, current, plan.rows, strict=True):
        held = now.values if row < 0 else values[row]
        mean, std = _mean_and_std(ref, now, held)
        missing = (ref.missing / rows[0] if rows[0] else 0.0, now.missing / rows[1] if rows[1] else 0.0)
        new = tuple(now.new_values)
        if row < 0 or not held:
            one = ColumnDrift(name=ref.name, kind=ref.kind, drift=False, mean=mean, std=std, missing=missing, new_categories=new)
        elif row < numbers:
            moved = areas[row] + (now.under + now.over) / held
            one = ColumnDrift(
                name=ref.name, kind=ref.kind, drift=False, mean=mean, std=std, missing=missing, new_categories=new,
                ks=ks[row], p_value=ks_p[row], wasserstein=moved, wasserstein_normalised=_normalised(moved, ref.std),
                psi=psi[row], psi_reading=psi_reading(psi[row]), jensen_shannon=jensen_shannon[row],
            )  # fmt: skip
        else:
            one = ColumnDrift(
                name=ref.name, kind=ref.kind, drift=False, mean=mean, std=std, missing=missing, new_categories=new,
                chi2_p=chi2_p[row - numbers],
                psi=psi[row], psi_reading=psi_reading(psi[row]), jensen_shannon=jensen_shannon[row],
            )  # fmt: skip
        made.append(one)
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


def _ks_and_wasserstein(plan: _Plan, up_to: Counts, after: Floats) -> tuple[list[float], list[float]]:
    """The largest distance of the two cumulative curves at the edges, and the area between them from the first edge to the last.

    Args:
        up_to: (ordered, bins) running sums of the current rows.
        after: (ordered,) their last ones, or 1.
    """
    curve = up_to.astype(np.float64)
    curve /= after[:, None]
    np.subtract(plan.shares, curve, out=curve)
    below = curve.ravel() < 0
    np.abs(curve, out=curve)
    areas = np.einsum("ij,ij->i", curve, plan.reaches)
    # Where the curves cross within a bin, two triangles are left of the trapezium. All columns are one line here: what reaches from one
    # into the next has no width.
    crossed = np.flatnonzero(below[:-1] ^ below[1:])
    left, right = curve.ravel()[crossed], curve.ravel()[crossed + 1]
    cut = np.bincount(crossed // curve.shape[1], left * right / (left + right) * plan.widths.ravel()[crossed], len(curve))
    left_over = [area - off if area < math.inf else area for area, off in zip(areas.tolist(), cut.tolist(), strict=True)]
    return curve.max(axis=1, initial=0.0).tolist(), left_over


def _psi_and_jensen_shannon(plan: _Plan, sums: Counts, after: Floats) -> tuple[list[float], list[float]]:
    """Over the groups of each column, from the running sums of its row; see `distance.psi` and `distance.jensen_shannon`."""
    p = plan.group_shares
    held = np.bincount(plan.groups, weights=sums[plan.ends] - sums[plan.begins], minlength=p.size)
    q = held.reshape(p.shape) / after[:, None]
    floored_p, floored_q = np.maximum(p, _FLOOR), np.maximum(q, _FLOOR)
    index = ((floored_q - floored_p) * np.log(floored_q / floored_p)).sum(axis=1)
    middle = np.maximum((p + q) / 2, 1e-300)
    divergence = (p * np.log2(np.maximum(p, 1e-300) / middle)).sum(axis=1) + (q * np.log2(np.maximum(q, 1e-300) / middle)).sum(axis=1)
    return index.tolist(), np.sqrt(np.maximum(divergence / 2, 0.0)).tolist()


def _chi2_p(before: Floats, current: Counts, n: Floats, m: Floats) -> list[float]:
    """p of Pearson's test for each row of levels, the rare ones pooled as `distance.pooled` does; the same as `distance.chi2` of that.

    Args:
        before, current: (c, levels) rows on both sides.
        n, m: (c,) their sums, 1 for none.
    """
    cells = before + current
    order = np.argsort(-cells, axis=1, kind="stable")[:, :_MOST_POOLED]
    order += np.arange(0, before.size, before.shape[1])[:, None]
    both, first = cells.ravel()[order], before.ravel()[order]
    total = n + m
    kept = both * np.minimum(n, m)[:, None] / total[:, None] >= _LEAST_EXPECTED
    both *= kept
    first *= kept
    rest, rest_first = total - both.sum(axis=1), n - first.sum(axis=1)
    # Of a bin's rows on both sides, t, the reference holds t n / N if nothing changed; both sides are off by the same number.
    off, rest_off = first - both * n[:, None] / total[:, None], rest_first - rest * n / total
    statistic = ((off * off / np.maximum(both, 1.0)).sum(axis=1) + rest_off * rest_off / np.maximum(rest, 1.0)) * (total * total / (n * m))
    df = kept.sum(axis=1) + (rest > 0) - 1
    return [chi2_tail(value, freedom) for value, freedom in zip(statistic.tolist(), df.tolist(), strict=True)]


# Whoever judges drift names a rule and tells its price: one import serves.
__all__ = ["RULES", "compare", "compare_prediction", "false_alarm_rate", "figures", "ks_interval", "verdict"]
