"""Whether a feature gives the label away: it equals the label, or tells it (nearly) without fail on the rows to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.label import LabelKind
from farero.core.schema import Columns, Schema

Degree: TypeAlias = Literal["equals", "determines"]

LEAST_ROWS = 50
"""On fewer rows a feature tells the label by chance too easily."""

LEAST_OF_A_CLASS = 10
"""A class with fewer rows falls into a group of its own by chance too easily."""

TELLS = 0.998
"""The share of what can be known of the label that a feature alone must tell before it is named [0-1]."""

GROUPS = 256
"""Into how many groups the values of a number are divided, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A feature that gives the label away. `share` of the label's variance that it explains by itself [0-1]; `because` in words."""

    feature: str
    degree: Degree
    share: float
    because: str


def leaks(schema: Schema, kind: LabelKind, columns: Columns, labels: NDArray[np.float64]) -> Sequence[Leak]:
    """The features that equal the label, or leave nothing of it to be learnt from the others.

    A feature that determines the label may be honest where the world is that simple; one that equals it is the label under another
    name. The share is the correlation ratio of the label, in ranks where it is a number, over groups of equal or neighbouring values,
    adjusted for the number of groups, so that it finds any shape of dependence and is near 0 for a feature that says nothing; for a
    binary label the Gini coefficient of the feature's order, where that is larger.

    Args:
        columns: (n,) each, as `check_columns` gives them.
        labels: (n,) encoded, no NaN.

    Returns:
        In the schema's order; empty for fewer than `LEAST_ROWS` rows or `LEAST_OF_A_CLASS` of a class, or where all labels are equal.
    """
    if labels.size < LEAST_ROWS or np.ptp(labels) == 0:
        return ()
    if kind != "number" and np.unique(labels, return_counts=True)[1].min() < LEAST_OF_A_CLASS:
        return ()
    found: list[Leak] = []
    target = _ranks(labels) if kind == "number" else labels
    for field in schema.features:
        values = np.asarray(columns[field.name])
        if field.kind in ("number", "flag") and _equal(values.astype(np.float64), labels):
            because = f"{field.name} equals the label in all {labels.size} rows"
            found.append(Leak(feature=field.name, degree="equals", share=1.0, because=because))
            continue
        share = _told(values, target, classes=kind == "classes")
        if share >= TELLS:
            because = f"{field.name} alone tells {share:.2%} of the label on {labels.size} rows"
            found.append(Leak(feature=field.name, degree="determines", share=share, because=because))
    return found


def _equal(values: NDArray[np.float64], labels: NDArray[np.float64]) -> bool:
    """Whether they are the same, or, for two values, each other's opposite. A missing value equals nothing."""
    return bool(np.array_equal(values, labels) or (set(np.unique(labels).tolist()) == {0.0, 1.0} and np.array_equal(1.0 - values, labels)))


def _told(values: NDArray[Any], target: NDArray[np.float64], *, classes: bool) -> float:
    groups = _groups(values)
    if classes:  # a class has no order: the least told of them counts
        return min(_ratio(groups, (target == label).astype(np.float64)) for label in np.unique(target).tolist())
    if set(np.unique(target).tolist()) == {0.0, 1.0}:
        return max(_ratio(groups, target), _parted(values, target == 1))
    return _ratio(groups, target)


def _parted(values: NDArray[Any], yes: NDArray[np.bool_]) -> float:
    """How well the order of the values parts yes from no: the Gini coefficient, 2 AUC - 1, of whichever end is yes."""
    _, codes = np.unique(values, return_inverse=True)
    ranks = _ranks(codes.reshape(-1).astype(np.float64))
    count = int(yes.sum())
    area = (float(ranks[yes].sum()) - count * (count + 1) / 2) / (count * (yes.size - count))
    return abs(2 * area - 1)


def _groups(values: NDArray[Any]) -> NDArray[np.intp]:
    """(n,) the group of each value: equal values together, and neighbouring ones where there are too many."""
    if values.dtype.kind == "M":
        values = values.astype("datetime64[us]").astype(np.int64)
    different, codes = np.unique(values, return_inverse=True)
    if different.size <= GROUPS:
        return codes.reshape(-1)
    edges = np.unique(np.quantile(codes, np.linspace(0, 1, GROUPS + 1)[1:-1], method="higher"))
    return np.searchsorted(edges, codes, side="right")


def _ratio(groups: NDArray[np.intp], target: NDArray[np.float64]) -> float:
    """The adjusted correlation ratio: 1 - (within / (n - k)) / (total / (n - 1)); Kelley (1935), epsilon squared."""
    counts = np.bincount(groups)
    k, n = int((counts > 0).sum()), target.size
    total = float(((target - target.mean()) ** 2).sum())
    if n <= k or total == 0:
        return 0.0
    means = np.bincount(groups, weights=target) / np.maximum(counts, 1)
    within = float(((target - means[groups]) ** 2).sum())
    return 1.0 - (within / (n - k)) / (total / (n - 1))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2.0)[codes.reshape(-1)]
