"""Metrics of classification from expected counts, each with its slope, so that what is unsure of the counts is carried into the figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

_LEAST_ROWS = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Rows by class, by whether they were given to it, and by score bin. A binary label has one class, the positive one.

    Attributes:
        rows: how many.
        counts: (classes, 2, bins) rows; [:, 1] are those that the model gave to the class.
        positives: (classes, 2, bins) how many of them are expected to belong to it.
        scores: (bins,) the score [0-1] that stands for each bin.
    """

    rows: int
    counts: Floats
    positives: Floats
    scores: Floats

    @property
    def binary(self) -> bool:
        """Whether the one class stands for both."""
        return len(self.counts) == 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figure:
    """A metric's value, and by how much it rises with one more positive row in each cell: (classes, 2, bins)."""

    value: float
    slope: Floats


def figures(cells: Cells) -> dict[str, Figure]:
    """Every metric that is defined on these cells.

    True positives are the expected positives among the rows given to the class, and so on; each metric is then its usual formula, for
    several classes the macro average, as in `core.performance`. ROC AUC counts pairs within one bin as half.

    Returns:
        Metric -> figure; nothing on zero rows.
    """
    if cells.rows == 0:
        return {}
    made = {name: formula(cells) for name, formula in _FORMULAS.items()}
    return {name: figure for name, figure in made.items() if figure is not None and np.isfinite(figure.value)}


def _accuracy(cells: Cells) -> Figure | None:
    slope = np.zeros_like(cells.positives)
    slope[:, 1] = 1 / cells.rows
    right = float(cells.positives[:, 1].sum())
    if cells.binary:
        slope[:, 0] = -1 / cells.rows
        right += float((cells.counts - cells.positives)[:, 0].sum())
    return Figure(value=right / cells.rows, slope=slope)


_OneClass: TypeAlias = Callable[[Floats, Floats], "tuple[float, float, float] | None"]
"""(2, bins) counts and expected positives -> value, slope of rows given to the class, slope of the others; None = undefined."""


def _precision(counts: Floats, positives: Floats) -> tuple[float, float, float] | None:
    given = float(counts[1].sum())
    return (float(positives[1].sum()) / given, 1 / given, 0.0) if given else None


def _recall(_: Floats, positives: Floats) -> tuple[float, float, float] | None:
    right, true = float(positives[1].sum()), float(positives.sum())
    if true <= _LEAST_ROWS:
        return None
    return right / true, 1 / true - right / true**2, -right / true**2


def _f1(counts: Floats, positives: Floats) -> tuple[float, float, float] | None:
    right, both = float(positives[1].sum()), float(counts[1].sum() + positives.sum())
    if both <= _LEAST_ROWS:
        return None
    return 2 * right / both, 2 / both - 2 * right / both**2, -2 * right / both**2


def _macro(one: _OneClass) -> Callable[[Cells], Figure | None]:
    """The mean over the classes that are expected or predicted; a class never predicted counts as 0, as in `core.performance`."""

    def mean(cells: Cells) -> Figure | None:
        slope = np.zeros_like(cells.positives)
        if cells.binary:
            found = one(cells.counts[0], cells.positives[0])
            if found is None:
                return None
            slope[0, 1], slope[0, 0] = found[1], found[2]
            return Figure(value=found[0], slope=slope)
        held = [at for at in range(len(cells.counts)) if cells.counts[at, 1].sum() or cells.positives[at].sum() > _LEAST_ROWS]
        value = 0.0
        for at in held:
            found = one(cells.counts[at], cells.positives[at])
            if found is not None:
                value += found[0] / len(held)
                slope[at, 1], slope[at, 0] = found[1] / len(held), found[2] / len(held)
        return Figure(value=value, slope=slope)

    return mean


def _brier(cells: Cells) -> Figure | None:
    missed = float((cells.positives * (1 - cells.scores) ** 2 + (cells.counts - cells.positives) * cells.scores**2).sum())
    slope = np.broadcast_to((1 - 2 * cells.scores) / cells.rows, cells.positives.shape)
    return Figure(value=missed / cells.rows, slope=np.asarray(slope, dtype=np.float64))


def _log_loss(cells: Cells) -> Figure | None:
    eps = np.finfo(np.float64).eps
    yes, no = -np.log(np.clip(cells.scores, eps, 1)), -np.log(np.clip(1 - cells.scores, eps, 1))
    if cells.binary:
        missed = float((cells.positives * yes + (cells.counts - cells.positives) * no).sum())
        slope = np.broadcast_to((yes - no) / cells.rows, cells.positives.shape)
    else:
        missed = float((cells.positives * yes).sum())
        slope = np.broadcast_to(yes / cells.rows, cells.positives.shape)
    return Figure(value=missed / cells.rows, slope=np.asarray(slope, dtype=np.float64))


def _roc_auc(cells: Cells) -> Figure | None:
    slope = np.zeros_like(cells.positives)
    value = 0.0
    for at in range(len(cells.counts)):
        positives = cells.positives[at].sum(axis=0)
        negatives = cells.counts[at].sum(axis=0) - positives
        true, false = float(positives.sum()), float(negatives.sum())
        if true <= _LEAST_ROWS or false <= _LEAST_ROWS:
            return None
        below = np.cumsum(negatives) - negatives / 2  # negatives beaten by a row of the bin, ties half
        above = true - np.cumsum(positives) + positives / 2
        auc = float(positives @ below) / (true * false)
        value += auc / len(cells.counts)
        slope[at] = ((below - above) / (true * false) - auc * (1 / true - 1 / false)) / len(cells.counts)
    return Figure(value=value, slope=slope)


_FORMULAS: Mapping[str, Callable[[Cells], Figure | None]] = MappingProxyType(
    {
        "accuracy": _accuracy,
        "precision": _macro(_precision),
        "recall": _macro(_recall),
        "f1": _macro(_f1),
        "roc_auc": _roc_auc,
        "log_loss": _log_loss,
        "brier": _brier,
    }
)
