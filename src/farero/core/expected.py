"""Metrics of classification from expected counts, each with its slope, so that what is unsure of the counts is carried into the figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    """A metric's value, and by how much it rises with one more positive row in each cell: (classes, 2, 1) where that is the same for every
    bin, (classes, 1, bins) where it is the same whether the model gave the row to the class or not."""

    value: float
    slope: Floats


def figures(cells: Cells, names: Sequence[str] | None = None) -> dict[str, Figure]:
    """Every metric that is defined on these cells.

    True positives are the expected positives among the rows given to the class, and so on; each metric is then its usual formula, for
    several classes the macro average, as in `core.performance`. ROC AUC counts pairs within one bin as half.

    Args:
        names: which metrics; None = all.

    Returns:
        Metric -> figure; nothing on zero rows.
    """
    if cells.rows == 0:
        return {}
    positives = cells.positives.sum(axis=2)
    sums = _Sums(
        counts=cells.counts.sum(axis=2).tolist(), positives=positives.tolist(), true=positives.sum(axis=1).tolist(),
    )  # fmt: skip
    made = {name: formula(cells, sums) for name, formula in _FORMULAS.items() if names is None or name in names}
    return {name: figure for name, figure in made.items() if figure is not None and np.isfinite(figure.value)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sums:
    """Over all bins, of each class: rows and expected positives not given to it and given to it, and positives in all."""

    counts: list[tuple[float, float]]
    positives: list[tuple[float, float]]
    true: list[float]


_Formula: TypeAlias = Callable[[Cells, _Sums], "Figure | None"]


def _accuracy(cells: Cells, sums: _Sums) -> Figure | None:
    slope = np.zeros((len(cells.counts), 2, 1))
    slope[:, 1] = 1 / cells.rows
    right = sum(given for _, given in sums.positives)
    if cells.binary:
        slope[:, 0] = -1 / cells.rows
        right += sums.counts[0][0] - sums.positives[0][0]
    return Figure(value=right / cells.rows, slope=slope)


_OneClass: TypeAlias = Callable[[float, float, float], "tuple[float, float, float] | None"]
"""Rows given to the class, rightly given, belonging to it -> value, slope of rows given, slope of the others; None = undefined."""


def _precision(given: float, right: float, true: float) -> tuple[float, float, float] | None:  # noqa: ARG001 (one shape for all three)
    return (right / given, 1 / given, 0.0) if given else None


def _recall(given: float, right: float, true: float) -> tuple[float, float, float] | None:  # noqa: ARG001
    return (right / true, 1 / true - right / true**2, -right / true**2) if true > _LEAST_ROWS else None


def _f1(given: float, right: float, true: float) -> tuple[float, float, float] | None:
    both = given + true
    return (2 * right / both, 2 / both - 2 * right / both**2, -2 * right / both**2) if both > _LEAST_ROWS else None


def _macro(one: _OneClass) -> _Formula:
    """The mean over the classes that are expected or predicted; a class never predicted counts as 0, as in `core.performance`."""

    def mean(cells: Cells, sums: _Sums) -> Figure | None:
        slope = np.zeros((len(cells.counts), 2, 1))
        held = [at for at, (_, given) in enumerate(sums.counts) if cells.binary or given or sums.true[at] > _LEAST_ROWS]
        value = 0.0
        for at in held:
            found = one(sums.counts[at][1], sums.positives[at][1], sums.true[at])
            if found is None:
                if cells.binary:
                    return None
                continue
            value += found[0] / len(held)
            slope[at, 1], slope[at, 0] = found[1] / len(held), found[2] / len(held)
        return Figure(value=value, slope=slope)

    return mean


def _brier(cells: Cells, _: _Sums) -> Figure | None:
    missed = float((cells.positives * (1 - cells.scores) ** 2 + (cells.counts - cells.positives) * cells.scores**2).sum())
    return Figure(value=missed / cells.rows, slope=_alike((1 - 2 * cells.scores) / cells.rows, cells))


def _log_loss(cells: Cells, _: _Sums) -> Figure | None:
    eps = np.finfo(np.float64).eps
    yes, no = -np.log(np.clip(cells.scores, eps, 1)), -np.log(np.clip(1 - cells.scores, eps, 1))
    if cells.binary:
        missed = float((cells.positives * yes + (cells.counts - cells.positives) * no).sum())
        return Figure(value=missed / cells.rows, slope=_alike((yes - no) / cells.rows, cells))
    missed = float((cells.positives * yes).sum())
    return Figure(value=missed / cells.rows, slope=_alike(yes / cells.rows, cells))


def _alike(slope: Floats, cells: Cells) -> Floats:
    """The same for every class."""
    return np.asarray(np.broadcast_to(slope, (len(cells.counts), 1, len(slope))), dtype=np.float64)


def _roc_auc(cells: Cells, sums: _Sums) -> Figure | None:
    """By ranks (Mann & Whitney, 1947): each positive's middle rank among all rows, less what positives hold of it among themselves."""
    slope = np.empty((len(cells.counts), 1, len(cells.scores)))
    value = 0.0
    for at, (rows, (low, high)) in enumerate(zip(cells.counts, cells.positives, strict=True)):
        every = rows[0] + rows[1]
        ranks = np.cumsum(every)
        true = sums.true[at]
        false = float(ranks[-1]) - true
        if true <= _LEAST_ROWS or false <= _LEAST_ROWS:
            return None
        every *= 0.5  # ties half
        ranks -= every
        auc = (float((low + high) @ ranks) - true * true / 2) / (true * false)
        value += auc / len(cells.counts)
        # Beaten negatives less positives that are ahead of it: what one more positive row in the bin changes.
        scale = 1 / (true * false * len(cells.counts))
        np.multiply(ranks, scale, out=slope[at, 0])
        slope[at, 0] -= scale * (true + auc * (false - true))
    return Figure(value=value, slope=slope)


_FORMULAS: Mapping[str, _Formula] = MappingProxyType(
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
