"""Whether probabilities come true: reliability bins, the expected calibration error, and what of it is chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, stdtrit

from farero.core import intervals
from farero.core.intervals import LEVEL, Floats, Interval
from farero.core.label import LabelKind
from farero.core.measured import Measured
from farero.core.prediction import Outputs

BINS = 10
LEAST_ROWS = 20
"""Rows of a bin, at least, where there are enough for two."""

Of: TypeAlias = Literal["positive class", "predicted class"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Rows of like probability.

    Attributes:
        low, high: the smallest and the largest probability among them [0-1].
        predicted: their mean.
        observed: the share that came true, with its exact 95 % interval.
    """

    low: float
    high: float
    rows: int
    predicted: float
    observed: float
    observed_low: float
    observed_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How probabilities compare with what happened.

    Attributes:
        of: what the probability is of; for several classes that of the predicted one.
        bins: of about equally many rows, equal probabilities together, in order.
        error: the expected calibration error (`ece`): the mean over rows of how far their bin's share lies from its mean probability.
        by_chance: what it would be on average were every probability right. An error near this says nothing against the model.
        gap: mean probability less the share that came true; above 0 = promises too much.
    """

    of: Of
    bins: tuple[Bin, ...]
    error: Measured
    by_chance: float
    gap: Measured


def of_answers(kind: LabelKind, labels: Floats, outputs: Outputs, *, days: NDArray[np.integer] | None = None) -> Calibration | None:
    """Calibration of answers whose labels are known; None where there is no such row, or no probability.

    Args:
        kind: of the label.
        labels: (n,) encoded labels, NaN = not known.
        outputs: n answers; a probability outside [0, 1] is left aside.
        days: (n,) a number for each row's day; None = rows are independent.
    """
    if kind == "number" or outputs.probability is None:
        return None
    rows = np.isfinite(labels) & (outputs.probability >= 0) & (outputs.probability <= 1)
    if not rows.any():
        return None
    hits = labels == (outputs.value if kind == "classes" else 1.0)
    of: Of = "predicted class" if kind == "classes" else "positive class"
    return calibrate(hits[rows], outputs.probability[rows], of=of, days=None if days is None else days[rows])


def calibrate(hits: NDArray[np.bool_], probability: Floats, *, of: Of, days: NDArray[np.integer] | None = None) -> Calibration:
    """Reliability bins and the expected calibration error with its interval.

    The error is a sum of absolute values, so it is above 0 for every model and its estimate is too high for a good one; no normal
    interval fits it. Here it is |error - estimate| <= the largest that this sum can change while all bins' shares stay within their
    joint 95 % region. For independent rows the region is an ellipsoid (chi-squared, one degree of freedom a bin); where days are what
    is drawn, it is a box of Student intervals at 5 % shared among the bins. Both hold the truth in at least 95 %, and are wide.

    Args:
        hits: (n,) which rows came true, n >= 1.
        probability: (n,) [0-1] that was given to it.
        of: what the probability is of.
        days: (n,) a number for each row's day; None = rows are independent.

    Source: for the estimate Naeini, Cooper & Hauskrecht (2015), AAAI; for its bias Roelofs et al. (2022), AISTATS; for the ellipsoid
    Scheffé (1953), Biometrika 40:87-104.

    >>> found = calibrate(np.array([True, False]), np.array([0.5, 0.5]), of="positive class")
    >>> found.error.value, abs(found.gap.value or 0.0), [(one.rows, one.observed) for one in found.bins]
    (0.0, 0.0, [(2, 0.5)])
    """
    count = len(hits)
    codes = _bins(probability)
    many = int(codes.max()) + 1
    rows = np.bincount(codes, minlength=many).astype(np.float64)
    observed = np.bincount(codes, weights=hits.astype(np.float64), minlength=many) / rows
    predicted = np.bincount(codes, weights=probability, minlength=many) / rows
    weight = rows / count
    value = float(np.sum(weight * np.abs(observed - predicted)))
    off = hits - probability
    alone = _region(value, weight * _spread(observed, rows))
    both = alone if days is None else alone.wider(_box(value, off, codes, weight, days))
    chance = np.bincount(codes, weights=probability * (1 - probability), minlength=many) / rows**2
    return Calibration(
        of=of,
        bins=tuple(_bin(probability[codes == at], hits[codes == at]) for at in range(many)),
        error=Measured(
            name="ece", value=value, low=max(both.low, 0.0), high=min(both.high, 1.0), rows=count, method="region", by_day=both != alone
        ),
        by_chance=float(np.sum(weight * np.sqrt(2 * chance / math.pi))),
        gap=_gap(off, days),
    )


def _bins(probability: Floats) -> NDArray[np.intp]:
    """(n,) which bin each row is in; equal probabilities are in one, and no bin is empty."""
    many = min(BINS, max(1, len(probability) // LEAST_ROWS))
    inner = np.unique(np.quantile(probability, np.arange(1, many) / many)) if many > 1 else np.empty(0)
    found: NDArray[np.intp] = np.unique(np.searchsorted(inner, probability, side="right"), return_inverse=True)[1]
    return found


def _spread(observed: Floats, rows: Floats) -> Floats:
    """The standard error of each bin's share; two hits and two misses are added, so that a share of 0 is not taken for sure.

    Source: Agresti & Coull (1998), The American Statistician 52:119-126.
    """
    drawn = (observed * rows + 2) / (rows + 4)
    return np.asarray(np.sqrt(drawn * (1 - drawn) / rows), dtype=np.float64)


def _region(value: float, spread: Floats) -> Interval:
    """The interval of independent rows."""
    reach = math.sqrt(float(chdtri(len(spread), 1 - LEVEL)) * float(np.sum(spread**2)))
    return Interval(low=value - reach, high=value + reach)


def _box(value: float, off: Floats, codes: NDArray[np.intp], weight: Floats, days: NDArray[np.integer]) -> Interval | None:
    """The interval where the day is what is drawn; None where there are too few days."""
    reach = 0.0
    many = len(weight)
    for at in range(many):
        inside = codes == at
        moved = np.where(inside, off - off[inside].mean(), 0.0)
        spread = intervals.spread_by_day(moved, days)
        if spread is None:
            return None
        reach += spread[0] * float(stdtrit(spread[1], 1 - (1 - LEVEL) / (2 * many)))
    return Interval(low=value - reach, high=value + reach)


def _bin(probability: Floats, hits: NDArray[np.bool_]) -> Bin:
    right = int(hits.sum())
    found = intervals.share(right, len(hits))
    return Bin(
        low=float(probability.min()), high=float(probability.max()), rows=len(hits), predicted=float(probability.mean()),
        observed=right / len(hits), observed_low=found.low, observed_high=found.high,
    )  # fmt: skip


def _gap(off: Floats, days: NDArray[np.integer] | None) -> Measured:
    value = float(np.mean(-off))
    moved = -(off - off.mean())
    alone = intervals.smooth(value, moved, "plain")
    if alone is None:
        return Measured(name="gap", value=value, rows=len(off), because="no interval: too few rows, or all are alike")
    both = alone if days is None else alone.wider(intervals.by_day(value, moved, days, "plain"))
    return Measured(name="gap", value=value, low=both.low, high=both.high, rows=len(off), method="delta", by_day=both != alone)
