"""A change of mean loss by levels and ranges of a feature: how much comes from their sizes, and how much from within them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from farero.core.bars import edge_text
from farero.core.distance import chi2_tail
from farero.core.explained import FeatureSegments, Part, Segment
from farero.core.schema import MISSING_CODE, NEW_CODE, Field

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]

LEVELS: Final = 8
RANGES: Final = 5

_ENOUGH_ROWS = 5
_Z95 = 1.959963984540054
_SURE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """(n,) the segment of each row, and the segments' names."""

    codes: Codes
    names: tuple[str, ...]


def cut(field: Field, values: Floats) -> Cut:
    """The largest `LEVELS` levels each by themselves, or about `RANGES` ranges of equal size; rows without a value apart.

    Args:
        values: (n,) of the rows of both sides, as a column of `core.matrix.to_matrix`.
    """
    return _levels(field, values.astype(np.int64)) if field.kind in ("choice", "flag") else _ranges(field, values)


def by_segment(fields: Sequence[Field], matrix: Floats, losses: Floats, is_current: NDArray[np.bool_]) -> tuple[FeatureSegments, ...]:
    """The change of the mean loss by segment, for each of the features.

    With shares p, q and losses a, b of a segment in the reference and now: mix = (q - p) ((a + b) / 2 - mean of both sides' losses),
    within = (p + q) / 2 (b - a). They add up to the whole change exactly, feature by feature.

    Args:
        fields: (columns,) of the matrix.
        matrix: (n, columns) rows of both sides.
        losses: (n,) of each row.
        is_current: (n,) which side it is on.

    Source: Kitagawa (1955), Components of a difference between two rates.
    """
    cuts = [cut(field, matrix[:, at]) for at, field in enumerate(fields)]
    looked_at = sum(len(one.names) for one in cuts)
    surely = float(ndtri(1 - _SURE / (2 * max(looked_at, 1))))
    made = [_feature(field.name, one, losses, is_current, surely) for field, one in zip(fields, cuts, strict=True)]
    return tuple(sorted(made, key=lambda one: (one.uneven_p is None, one.uneven_p or 0.0, -_largest(one))))


def _largest(one: FeatureSegments) -> float:
    return max((abs(segment.within.value) for segment in one.segments), default=0.0)


def _levels(field: Field, codes: Codes) -> Cut:
    names = field.levels if field.kind == "choice" else ("false", "true")
    rows = np.bincount(np.maximum(codes, 0), weights=codes >= 0, minlength=len(names))[: len(names)]
    frequent = [int(at) for at in np.argsort(-rows, kind="stable")[:LEVELS] if rows[at]]
    # The others, those that are new, and those without a value, each only where there are any.
    groups = [(f"{field.name} = {names[at]}", codes == at) for at in frequent]
    groups.append((f"{field.name}: other levels", (codes >= 0) & ~np.isin(codes, frequent)))
    groups.append((f"{field.name}: new levels", codes == NEW_CODE))
    groups.append((f"{field.name} missing", codes == MISSING_CODE))
    return _grouped(groups, len(codes))


def _ranges(field: Field, values: Floats) -> Cut:
    finite = np.isfinite(values)
    held = np.sort(values[finite])
    groups: list[tuple[str, NDArray[np.bool_]]] = []
    if len(held):
        edges = np.unique(held[(np.arange(1, RANGES) * len(held)) // RANGES])
        edges = edges[edges < held[-1]]
        place = np.searchsorted(edges, values)
        texts = [edge_text(edge / 1e6 if field.kind == "date" else edge, field.kind) for edge in edges.tolist()]
        for at in range(len(edges) + 1):
            if not texts:
                name = f"{field.name}"
            elif at == 0:
                name = f"{field.name} ≤ {texts[0]}"
            elif at == len(edges):
                name = f"{field.name} > {texts[-1]}"
            else:
                name = f"{texts[at - 1]} < {field.name} ≤ {texts[at]}"
            groups.append((name, finite & (place == at)))
    groups.append((f"{field.name} missing", ~finite))
    return _grouped(groups, len(values))


def _grouped(groups: Sequence[tuple[str, NDArray[np.bool_]]], rows: int) -> Cut:
    held = [(name, mask) for name, mask in groups if mask.any()]
    codes = np.zeros(rows, dtype=np.int64)
    for at, (_, mask) in enumerate(held):
        codes[mask] = at
    return Cut(codes=codes, names=tuple(name for name, _ in held))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    share: Floats
    mean: Floats
    error: Floats
    rows: Codes


def _side(codes: Codes, losses: Floats, count: int) -> _Side:
    rows = np.bincount(codes, minlength=count)
    filled = np.maximum(rows, 1)
    mean = np.bincount(codes, weights=losses, minlength=count) / filled
    spread = np.bincount(codes, weights=(losses - mean[codes]) ** 2, minlength=count) / np.maximum(rows - 1, 1)
    return _Side(share=rows / max(len(codes), 1), mean=mean, error=spread / filled, rows=rows)


def _feature(name: str, one: Cut, losses: Floats, is_current: NDArray[np.bool_], surely: float) -> FeatureSegments:
    count = len(one.names)
    before, now = (_side(one.codes[side], losses[side], count) for side in (~is_current, is_current))
    # A segment that one side lacks has no loss there: whatever it brings, its size brings.
    old = np.where(before.rows > 0, before.mean, now.mean)
    new = np.where(now.rows > 0, now.mean, before.mean)
    level = (float(losses[~is_current].mean()) + float(losses[is_current].mean())) / 2
    mix = (now.share - before.share) * ((old + new) / 2 - level)
    weight = (before.share + now.share) / 2
    within = weight * (new - old)
    error = np.sqrt(before.error + now.error)
    both = (before.rows >= _ENOUGH_ROWS) & (now.rows >= _ENOUGH_ROWS)
    segments = tuple(
        Segment(
            name=one.names[at],
            share=(float(before.share[at]), float(now.share[at])),
            loss=(float(before.mean[at]) if before.rows[at] else None, float(now.mean[at]) if now.rows[at] else None),
            mix=float(mix[at]),
            within=_part(float(within[at]), float(weight[at] * error[at])),
            clear=bool(both[at] and abs(new[at] - old[at]) > surely * error[at]),
        )
        for at in range(count)
    )
    return FeatureSegments(feature=name, uneven_p=_uneven(new - old, error, both), segments=segments)


def _part(value: float, error: float) -> Part:
    return Part(value=value, low=value - _Z95 * error, high=value + _Z95 * error)


def _uneven(change: Floats, error: Floats, both: NDArray[np.bool_]) -> float | None:
    """Cochran's Q: whether the segments' changes differ by more than chance; None where fewer than two can be compared."""
    used = both & (error > 0)
    if used.sum() < 2:
        return None
    weights = 1 / error[used] ** 2
    middle = float(weights @ change[used]) / float(weights.sum())
    return chi2_tail(float(weights @ (change[used] - middle) ** 2), int(used.sum()) - 1)


def error_of(influence: Sequence[Floats], groups: Sequence[Codes]) -> float:
    """The standard error of a sum of means, one a side, from the influence of each row.

    Rows of one window go together: where both sides hold at least ten windows, the error between windows counts if it is the larger.

    Args:
        influence: for each side (n,) what each row adds, mean 0.
        groups: for each side (n,) the window of each row.
    """
    single = sum(float(np.mean(one**2)) / len(one) for one in influence)
    sums = [np.bincount(np.unique(own, return_inverse=True)[1], weights=one) for one, own in zip(influence, groups, strict=True)]
    if min(len(one) for one in sums) < 10:
        return sqrt(single)
    together = sum(float((one**2).sum()) / len(rows) ** 2 for one, rows in zip(sums, influence, strict=True))
    return sqrt(max(single, together))
