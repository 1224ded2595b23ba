"""Performance of a classifier without labels: how often each score came true before, applied to the scores of now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core import isotonic
from farero.core.estimated import Estimate
from farero.core.expected import Cells, figures
from farero.core.label import LabelKind
from farero.core.prediction import Outputs

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]

BINS: Final = 1000
"""Bins of a score p: one for exactly 0, one for exactly 1, and between them equal steps of sqrt(p / 2) up to one half and their mirror
image above: 2e-6 wide beside 0 and 1, 2e-3 in the middle. Nearly those of arcsin(sqrt(p)), in which every share is known equally well
(Anscombe, 1948), at a third of the time. They are the same for every version, so windows always add up."""

LEAST_ROWS: Final = 30

_INNER = BINS - 2
_GROUPS = 20
_Z95 = 1.959963984540054
_STEPS: Floats = (np.arange(_INNER) + 0.5) / _INNER
_CENTRES: Floats = np.concatenate([[0.0], np.where(_STEPS < 0.5, 2 * _STEPS**2, 1 - 2 * (1 - _STEPS) ** 2), [1.0]])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreTally:
    """The scores of some rows, counted; tallies of the same calibration add up, so any span is the `add` of its windows.

    Attributes:
        rows: that have scores.
        counts: (classes, 2, BINS) rows by class, by whether the model gave them to it (1) or not (0), and by score bin.
        expected: the same shape: how many of them belong to the class, by the calibration.
    """

    rows: int
    counts: Counts
    expected: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """How often scores come true, learnt from labelled rows that the model had not learnt from.

    Attributes:
        rows: it was learnt from.
        shares: (classes, BINS) the share of rows with a score in this bin that belong to the class. One class for a binary label.
        starts: for each class (blocks,) the first bin of each block of pooled rows that shares come from.
        noise: for each class (blocks,) the variance of a block's share.
        groups: (classes, BINS) which twentieth of the judged rows, by score, each bin belongs to.
        judged: for each class (groups,) the share of the judged rows in each.
    """

    rows: int
    shares: Floats
    starts: tuple[Counts, ...]
    noise: tuple[Floats, ...]
    groups: Counts
    judged: tuple[Floats, ...]

    def tally(self, outputs: Outputs) -> ScoreTally:
        """Count the scores of some rows. Rows without a score are left out.

        Scores of several classes are calibrated each against the rest and then scaled to add up to 1 in each row.

        Raises:
            ValueError: the answers are of another kind than those it was learnt from.
        """
        scores, given = _scored(outputs)
        if len(scores) != len(self.shares):
            raise ValueError(f"answers with scores of {len(scores)} classes do not fit a calibration of {len(self.shares)}")
        counts, expected = np.empty((len(self.shares), 2, BINS), dtype=np.int64), np.empty((len(self.shares), 2, BINS))
        places = [bin_of(one) for one in scores]
        for at, place in enumerate(places):
            counts[at] = _count(given[at], place)
        if len(places) == 1:
            np.multiply(counts, self.shares[:, None], out=expected)
        else:
            shares = np.stack([self.shares[at][place] for at, place in enumerate(places)])
            total = shares.sum(axis=0)
            shares = np.where(total > 0, shares / np.where(total > 0, total, 1.0), 1 / len(places))
            for at, place in enumerate(places):
                expected[at] = _count(given[at], place, shares[at])
        return ScoreTally(rows=scores.shape[1], counts=counts, expected=expected)

    def estimates(self, tally: ScoreTally, names: Sequence[str] | None = None) -> dict[str, Estimate]:
        """The expected metrics, each with its 95 % interval; a metric that is undefined on these rows is left out.

        Two things are left to chance: how the window's own rows fall (each is a coin with the calibrated
        share), and the calibration (each block's share is known from so many judged rows). To first order, through each metric's slope.

        Source: the expected confusion matrix is that of confidence-based performance estimation, as NannyML describes it.
        """
        cells = Cells(rows=tally.rows, counts=tally.counts.astype(np.float64), positives=tally.expected, scores=_CENTRES)
        share = self.shares[:, None] if cells.binary else tally.expected / np.maximum(cells.counts, 1)
        coin = tally.expected * (1 - share)
        by_bin = coin[:, 0] + coin[:, 1]
        either = cells.counts[:, 0] + cells.counts[:, 1]
        # Where slopes are the same for all bins, the variance is a quadratic form of the two that each class has.
        forms: list[tuple[float, float, float]] = []
        for own, (coin_0, coin_1), starts, noise in zip(cells.counts, coin.sum(axis=2).tolist(), self.starts, self.noise, strict=True):
            in_blocks = np.add.reduceat(own, starts, axis=1)
            (square_0, both), (_, square_1) = ((in_blocks * noise) @ in_blocks.T).tolist()
            forms.append((square_0 + coin_0, 2 * both, square_1 + coin_1))
        found: dict[str, Estimate] = {}
        for name, figure in figures(cells, names).items():
            variance = 0.0
            if figure.slope.shape[2] == 1:
                for (slope_0, slope_1), (square_0, both, square_1) in zip(figure.slope[:, :, 0].tolist(), forms, strict=True):
                    variance += square_0 * slope_0**2 + both * slope_0 * slope_1 + square_1 * slope_1**2
            else:
                slope = figure.slope[:, 0]
                variance = float(np.vdot(by_bin, slope * slope))
                for own, rows, starts, noise in zip(slope, either, self.starts, self.noise, strict=True):
                    pull = np.add.reduceat(rows * own, starts)
                    variance += float(np.dot(pull * pull, noise))
            half = _Z95 * sqrt(max(variance, 0.0))
            high = np.inf if name == "log_loss" else 2.0 if name == "brier" and len(self.shares) > 1 else 1.0
            found[name] = Estimate(value=figure.value, low=max(figure.value - half, 0.0), high=min(figure.value + half, high))
        return found

    def effective_rows(self, tally: ScoreTally) -> float:
        """How many judged rows the estimate rests on: those that are left in effect once they are weighted to the window's scores.

        m / sum(r_g^2 / j_g) over twentieths g of the judged rows, r and j the shares of the window and of the judged rows in each.
        What chance alone adds to the sum, (groups - 1) / rows, is taken off, or every small window would look strange. Of several classes,
        the least.

        Source: the effective sample size of importance weights, Kong (1992), A note on importance sampling using standardized weights.
        """
        if tally.rows == 0:
            return 0.0
        worst = 1.0
        for at, judged in enumerate(self.judged):
            held = np.bincount(self.groups[at], weights=tally.counts[at].sum(axis=0), minlength=len(judged)) / tally.rows
            worst = max(worst, float((held**2 / judged).sum()) - (len(judged) - 1) / tally.rows)
        return self.rows / worst


def calibrate(kind: LabelKind, labels: Floats, outputs: Outputs) -> Calibration:
    """Learn how often scores come true.

    Args:
        kind: "binary" or "classes".
        labels: (n,) encoded; rows with NaN are left out.
        outputs: n answers of rows that the model had not learnt from, with a probability (binary) or those of every class.

    Raises:
        ValueError: fewer than `LEAST_ROWS` labelled rows, labels of one class only, or no probabilities.

    Source: isotonic calibration, Zadrozny & Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates.
    """
    if (outputs.probability if kind == "binary" else outputs.probabilities) is None:
        raise ValueError("the answers carry no probabilities")
    scored = labels[_has_scores(outputs)]
    labelled = np.isfinite(scored)
    truth = scored[labelled]
    if len(truth) < LEAST_ROWS:
        raise ValueError(f"{len(truth)} labelled rows say too little; at least {LEAST_ROWS} are needed")
    if np.all(truth == truth[0]):
        raise ValueError("all labelled rows are of one class")
    scores, _ = _scored(outputs)
    classes = [1] if kind == "binary" else list(range(len(scores)))
    learnt = [_learn(bin_of(score[labelled]), truth == one) for score, one in zip(scores, classes, strict=True)]
    return Calibration(
        rows=len(truth),
        shares=np.stack([one.shares for one in learnt]),
        starts=tuple(one.starts for one in learnt),
        noise=tuple(one.noise for one in learnt),
        groups=np.stack([one.groups for one in learnt]),
        judged=tuple(one.judged for one in learnt),
    )


def add(a: ScoreTally, b: ScoreTally) -> ScoreTally:
    """The tally of both tallies' rows.

    Raises:
        ValueError: they are of different labels.
    """
    if a.counts.shape != b.counts.shape:
        raise ValueError("tallies of different labels do not add up")
    return ScoreTally(rows=a.rows + b.rows, counts=a.counts + b.counts, expected=a.expected + b.expected)


def bin_of(scores: Floats) -> Counts:
    """The bin of each score [0-1]. What is below 1e-30 counts as 0.

    >>> bin_of(np.array([0.0, 1e-9, 0.5, 1.0])).tolist()
    [0, 1, 499, 999]
    """
    mirrored = 1 - scores
    half = _INNER / 2
    steps = np.minimum(scores, mirrored)
    np.maximum(steps, 0.0, out=steps)
    steps *= 0.5 * _INNER**2
    np.sqrt(steps, out=steps)
    np.subtract(half, steps, out=steps)
    np.copysign(steps, scores - 0.5, out=steps)
    steps += half
    places = np.ceil(steps, out=steps).astype(np.int64)
    places += mirrored <= 0
    return places


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Learnt:
    shares: Floats
    starts: Counts
    noise: Floats
    groups: Counts
    judged: Floats


def _learn(places: Counts, true: NDArray[np.bool_]) -> _Learnt:
    rows = np.bincount(places, minlength=BINS)
    positives = np.bincount(places[true], minlength=BINS)
    held = np.flatnonzero(rows)
    curve = isotonic.fit(_CENTRES[held], positives[held] / rows[held], rows[held].astype(np.float64))
    # Half a row of each kind is added, so that a block that saw none of one kind is not taken to be sure (Jeffreys).
    share = (curve.value * curve.weight + 0.5) / (curve.weight + 1)
    groups, judged = _groups(rows, held)
    starts = np.searchsorted(
        curve.blocks(_CENTRES), np.arange(len(curve.value))
    )  # bins go with the nearest block, so blocks lie side by side
    return _Learnt(shares=curve.at(_CENTRES), starts=starts, noise=share * (1 - share) / curve.weight, groups=groups, judged=judged)


def _groups(rows: Counts, held: Counts) -> tuple[Counts, Floats]:
    """Bins thrown together into about `_GROUPS` of equal size; a bin without rows goes with its neighbour."""
    own = rows[held]
    middles = np.cumsum(own) - own / 2
    group = np.unique(np.minimum((middles * _GROUPS / own.sum()).astype(np.int64), _GROUPS - 1), return_inverse=True)[1]
    nearest = np.clip(np.searchsorted(held, np.arange(BINS)), 0, len(held) - 1)
    return group[nearest].astype(np.int64), np.bincount(group, weights=own) / own.sum()


def _has_scores(outputs: Outputs) -> NDArray[np.bool_]:
    if outputs.probabilities is not None:
        return np.asarray(np.isfinite(outputs.probabilities).all(axis=1))
    if outputs.probability is None:
        return np.zeros(len(outputs.value), dtype=np.bool_)
    return np.asarray(np.isfinite(outputs.probability))


def _scored(outputs: Outputs) -> tuple[Floats, NDArray[np.bool_]]:
    """(classes, n) scores of the rows that have them, and whether the model gave each row to the class."""
    score = outputs.probability
    if outputs.probabilities is None and score is not None and isfinite(score.sum()):  # a sum tells of any that is not, in one pass
        return score.reshape(1, -1), (outputs.value == 1.0).reshape(1, -1)
    kept = _has_scores(outputs)
    every = bool(kept.all())
    value = outputs.value if every else outputs.value[kept]
    if outputs.probabilities is not None:
        table = outputs.probabilities if every else outputs.probabilities[kept]
        return np.ascontiguousarray(table.T), np.stack([value == at for at in range(table.shape[1])])
    score = np.zeros(0) if score is None else score if every else score[kept]
    return score.reshape(1, -1), (value[: len(score)] == 1.0).reshape(1, -1)


def _count(given: NDArray[np.bool_], places: Counts, weights: Floats | None = None) -> NDArray[Any]:
    """(2, BINS) rows, or the sums of their weights."""
    cells = given * BINS  # not `np.where`: it stumbles over every row that is given unlike the one before
    cells += places
    return np.bincount(cells, weights=weights, minlength=2 * BINS).reshape(2, BINS)
