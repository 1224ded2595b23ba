"""How a window's rows differ from the reference, column by column, and whether that is drift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from farero.core.distance import chi2, dot, jensen_shannon, ks, ks_p_value, pooled, psi, psi_reading
from farero.core.observation import ColumnDrift, DriftVerdict
from farero.core.profile import ColumnProfile, Profile
from farero.core.reference import ColumnReference, Reference, grouped
from farero.core.verdict import RULES, Limit, false_alarm_rate, judge, own_limit


def compare(reference: Reference, current: Profile) -> tuple[ColumnDrift, ...]:
    """The figures of every feature; `drift` is still False everywhere: `verdict` sets it.

    KS is exact at the reference's bin edges, Wasserstein takes values as spread evenly inside a bin of it, PSI and Jensen-Shannon are over
    tenths of the reference's rows (choices: the largest levels, the rest, and the new ones). None = does not apply, or no values.

    Raises:
        ValueError: the profile was counted on another reference.
    """
    if reference.edges_hash != current.edges_hash:
        raise ValueError("this profile was counted on another reference: profile the rows again on this one")
    return tuple(
        figures(ref, column, (reference.rows, current.rows))
        for ref, column in zip(reference.columns, current.columns, strict=True)
    )  # fmt: skip


def compare_prediction(reference: Reference, current: Profile) -> ColumnDrift | None:
    """The same figures for the model's own answers; None where they are not watched. Its name is `profile.PREDICTION`."""
    if reference.prediction is None or current.prediction is None:
        return None
    return figures(reference.prediction, current.prediction, (reference.rows, current.rows))


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
    n, m = rows
    missing = (ref.missing / n if n else 0.0, now.missing / m if m else 0.0)
    made = ColumnDrift(name=ref.name, kind=ref.kind, drift=False, missing=missing, new_categories=tuple(now.new_values))
    before, after = int(ref.counts.sum()), now.values
    if ref.kind == "flag":
        made = replace(made, mean=(ref.mean, float(now.counts[1] / after) if after else None))
    elif ref.kind != "choice":
        shift = now.total / after if after else 0.0
        mean = (ref.mean or 0.0) + shift if after else None
        std = math.sqrt(max(now.squares / after - shift * shift, 0.0)) if after else None
        made = replace(made, mean=(ref.mean, mean), std=(ref.std, std))
    if not before or not after:
        return made
    if ref.kind in ("choice", "flag"):
        return _of_levels(made, ref, now)
    small = (grouped(ref.counts, ref.groups), grouped(now.counts, ref.groups))
    index = psi(*small)
    made = replace(made, psi=index, psi_reading=psi_reading(index), jensen_shannon=jensen_shannon(*small))
    return with_distances(made, ks(ref.counts, now.counts), _wasserstein(ref, now), (before, after))


def with_distances(made: ColumnDrift, distance: float, moved: float, values: tuple[int, int]) -> ColumnDrift:
    """The same figures with a KS and a Wasserstein distance between that many values, and what follows from them."""
    std = made.std[0] if made.std else None
    return replace(
        made, ks=distance, p_value=float(ks_p_value(distance, *values)),
        wasserstein=moved, wasserstein_normalised=moved / std if std else (0.0 if moved == 0 else None),
    )  # fmt: skip


def _of_levels(made: ColumnDrift, ref: ColumnReference, now: ColumnProfile) -> ColumnDrift:
    small = (np.append(grouped(ref.counts, ref.groups), 0), np.append(grouped(now.counts, ref.groups), now.new))
    index = psi(*small)
    return replace(
        made, chi2_p=chi2(*pooled(np.append(ref.counts, 0), np.append(now.counts, now.new))).p_value,
        psi=index, psi_reading=psi_reading(index), jensen_shannon=jensen_shannon(*small),
    )  # fmt: skip


def _wasserstein(ref: ColumnReference, now: ColumnProfile) -> float:
    """Area between the two cumulative curves: straight between edges, and exact outside the reference, where the profile keeps sums."""
    curve = (np.cumsum(ref.counts) / ref.counts.sum() - np.cumsum(now.counts) / now.counts.sum())[:-1]
    left, right = np.abs(curve[:-1]), np.abs(curve[1:])
    together = np.maximum(left + right, 1e-300)
    areas = np.where(curve[:-1] * curve[1:] < 0, (left**2 + right**2) / together, together) / 2
    with np.errstate(over="ignore", invalid="ignore"):
        return dot(areas, np.diff(ref.edges)) + (now.under + now.over) / now.values


# Whoever judges drift names a rule and tells its price: one import serves.
__all__ = ["RULES", "compare", "compare_prediction", "false_alarm_rate", "figures", "verdict", "with_distances"]
