"""Additive models on binned columns, cross-fitted: one step function a column, fitted by damped backfitting to means or to odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.field import NEW_CODE
from farero.core.schema import Field

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]
Aim: TypeAlias = Literal["mean", "odds"]

MOST_BINS: Final = 32
FOLDS: Final = 5

_MOST_SWEEPS = 30
_RATE = {"mean": 0.3, "odds": 1.0}
_RIDGE = 5.0
_ROWS_A_BIN = 60
_ENOUGH = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Binning:
    """How each column's values become a few bins.

    Attributes:
        edges: of each column: ascending cuts of numbers and dates; none for choices and flags.
        levels: of each column: bin of the code + 2 for choices and flags (-2 new, -1 missing); none for numbers and dates.
        widths: bins of each column; the last bin of numbers holds what is missing or not finite.
    """

    edges: tuple[Floats, ...]
    levels: tuple[Codes, ...]
    widths: tuple[int, ...]

    def codes(self, matrix: Floats) -> Codes:
        """(columns, n) bins, counted on from column to column.

        Args:
            matrix: (n, columns) as `core.matrix.to_matrix` gives it.
        """
        made = np.empty((len(self.widths), len(matrix)), dtype=np.int64)
        start = 0
        for at, (edges, levels, width) in enumerate(zip(self.edges, self.levels, self.widths, strict=True)):
            values = matrix[:, at]
            if len(levels):
                made[at] = levels[np.clip(values.astype(np.int64) + 2, 0, len(levels) - 1)] + start
            else:
                made[at] = np.where(np.isfinite(values), np.searchsorted(edges, values), width - 1) + start
            start += width
        return made


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Additive:
    """offset + the sum of one table entry a column."""

    offset: float
    table: Floats

    def at(self, codes: Codes) -> Floats:
        """(n,) values; for odds, log odds."""
        return np.asarray(self.offset + self.table[codes].sum(axis=0), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossFitted:
    """A model, and for each row what models said that had not seen it.

    Attributes:
        whole: fitted to all rows.
        parts: (columns, n) what each column adds; offsets: (n,) the rest. Their sum is the model's value.
        sweeps: over the columns, chosen by what rows not seen said; 0 = the columns explain nothing.
    """

    whole: Additive
    parts: Floats
    offsets: Floats
    sweeps: int

    @property
    def values(self) -> Floats:
        """(n,) values for rows not seen; for odds, log odds."""
        return np.asarray(self.offsets + self.parts.sum(axis=0), dtype=np.float64)


def binning(fields: Sequence[Field], matrix: Floats) -> Binning:
    """Bins of about equal size for numbers and dates; the most frequent levels each by themselves for choices.

    Args:
        fields: (columns,) what the columns are.
        matrix: (n, columns) of the rows that are to be fitted.
    """
    most = int(np.clip(len(matrix) // _ROWS_A_BIN, 2, MOST_BINS))
    edges: list[Floats] = []
    levels: list[Codes] = []
    widths: list[int] = []
    for at, field in enumerate(fields):
        values = matrix[:, at]
        if field.kind in ("choice", "flag"):
            codes = np.maximum(values.astype(np.int64), NEW_CODE) + 2
            rows = np.bincount(codes, minlength=max(len(field.levels), 2) + 3)
            bins = np.full(len(rows), most, dtype=np.int64)  # the rarer ones share a bin
            frequent = np.argsort(-rows, kind="stable")[:most]
            bins[frequent] = np.arange(len(frequent))
            edges.append(np.zeros(0))
            levels.append(bins)
            widths.append(most + 1)
        else:
            finite = np.sort(values[np.isfinite(values)])
            cuts = np.unique(finite[(np.arange(1, most) * len(finite)) // most]) if len(finite) else np.zeros(0)
            # The largest value is no cut: nothing lies above it.
            edges.append(cuts[cuts < finite[-1]] if len(finite) else cuts)
            levels.append(np.zeros(0, dtype=np.int64))
            widths.append(len(edges[-1]) + 2)
    return Binning(edges=tuple(edges), levels=tuple(levels), widths=tuple(widths))


def fit(codes: Codes, widths: Sequence[int], target: Floats, aim: Aim, sweeps: int) -> Additive:
    """Fit to all rows with so many sweeps.

    Each sweep moves every column's table by a part of what is left in its bins: for "mean" towards the mean residual, for "odds" along the
    gradient of the log loss, divided by the largest curvature it can have, n / 4. A few rows of nothing are added to each bin, so that a
    small bin moves little.

    Args:
        codes: (columns, n) as `Binning.codes` gives them.
        widths: bins of each column.
        target: (n,) what to predict; 0 or 1 for "odds".

    Source: L2 boosting with componentwise smoothers, Buehlmann & Yu (2003); the bound n / 4 is Boehning & Lindsay (1988).
    """
    return list(_path(codes, widths, target, aim, sweeps))[-1]


def cross_fit(
    codes: Codes, widths: Sequence[int], target: Floats, aim: Aim, fold: Codes, *, most_sweeps: int = _MOST_SWEEPS
) -> CrossFitted:
    """Fit, leave out each fold in turn, and choose the number of sweeps that predicts the rows left out best.

    Args:
        fold: (n,) which fold each row belongs to, 0 .. k - 1, every one with rows.

    Source: cross-fitting, Chernozhukov et al. (2018), Double/debiased machine learning.
    """
    folds = int(fold.max()) + 1
    lost = np.zeros(most_sweeps + 1)
    paths: list[list[Additive]] = []
    for out in range(folds):
        held = fold == out
        path = list(_path(codes[:, ~held], widths, target[~held], aim, most_sweeps))
        lost += [_loss(model.at(codes[:, held]), target[held], aim) for model in path]
        paths.append(path)
    # The fewest sweeps that are as good as the best: noise alone must not look like knowledge.
    sweeps = int(np.flatnonzero(lost <= lost.min() + _ENOUGH * abs(lost[0]))[0])
    parts = np.empty(codes.shape)
    offsets = np.empty(len(target))
    for out, path in enumerate(paths):
        held = fold == out
        parts[:, held] = path[sweeps].table[codes[:, held]]
        offsets[held] = path[sweeps].offset
    return CrossFitted(whole=fit(codes, widths, target, aim, sweeps), parts=parts, offsets=offsets, sweeps=sweeps)


def _path(codes: Codes, widths: Sequence[int], target: Floats, aim: Aim, sweeps: int) -> list[Additive]:
    """The model after 0, 1, ... sweeps."""
    mean = float(np.mean(target))
    if aim == "odds":
        share = float(np.clip(mean, 1e-6, 1 - 1e-6))
        offset = float(np.log(share / (1 - share)))
    else:
        offset = mean
    total = sum(widths)
    starts = np.concatenate([[0], np.cumsum(widths)])
    rows = np.bincount(codes.ravel(), minlength=total).astype(np.float64)
    damped = _RATE[aim] / (rows / (4 if aim == "odds" else 1) + _RIDGE)
    table = np.zeros(total)
    value = np.full(len(target), offset)
    path = [Additive(offset=offset, table=table.copy())]
    local = [own - start for own, start in zip(codes, starts[:-1].tolist(), strict=True)]
    for _ in range(sweeps):
        for at, own in enumerate(local):
            left = target - (1 / (1 + np.exp(-value)) if aim == "odds" else value)
            here = slice(starts[at], starts[at + 1])
            step = np.bincount(own, weights=left, minlength=widths[at]) * damped[here]
            step -= float(step @ rows[here]) / max(rows[here].sum(), 1.0)  # each column's mean stays 0, so that parts can be told apart
            table[here] += step
            value += step[own]
        path.append(Additive(offset=offset, table=table.copy()))
    return path


def _loss(value: Floats, target: Floats, aim: Aim) -> float:
    if aim == "mean":
        return float(((target - value) ** 2).sum())
    return float((np.logaddexp(0.0, value) - target * value).sum())
