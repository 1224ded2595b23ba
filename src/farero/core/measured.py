"""Metrics with their 95 % intervals, and with the reason where one cannot be had."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core import intervals, performance
from farero.core.influence import SCALES, influence
from farero.core.intervals import Floats, Interval
from farero.core.label import LabelKind
from farero.core.prediction import Outputs

Method: TypeAlias = Literal["exact", "delong", "score", "skewed-mean", "delta", "region", "none"]

FEW = 30
"""Rows of either sort below which DeLong's interval is not trusted alone."""

_NEED_PROBABILITY = frozenset({"roc_auc", "log_loss", "brier"})
_NO_ROWS = "no labelled rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A figure on n rows, with its interval.

    Attributes:
        value: None where it is undefined; `because` says why.
        low, high: its 95 % interval; None where there is none, and `because` says why.
        rows: that it was measured on.
        method: how the interval was made: see docs/explanation/performance.md.
        by_day: it was widened because rows of one day belong together.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    rows: int
    method: Method = "none"
    by_day: bool = False
    because: str = ""


def measure(
    kind: LabelKind, labels: Floats, outputs: Outputs, *, days: NDArray[np.integer] | None = None, names: Sequence[str] | None = None
) -> tuple[Measured, ...]:
    """Every metric that fits the label, or those named, each with its interval.

    Rows without a label or a finite answer are left aside, and for metrics that need a probability those without one from 0 to 1.
    The interval is that of independent rows; where there are ten days or more it is stretched to hold also the one for which the
    days are what is drawn.

    Args:
        kind: of the label.
        labels: (n,) encoded labels, NaN = not known.
        outputs: n answers.
        days: (n,) a number for each row's day; None = rows are independent.
        names: of the metrics; None = all that fit `kind`.

    Raises:
        ValueError: an unknown metric, one that does not fit `kind`, or lengths that differ.

    >>> answers = Outputs(value=np.array([1.0, 0.0, 1.0, 1.0]))
    >>> (found,) = measure("binary", np.array([1.0, 0.0, 1.0, 0.0]), answers, names=["accuracy"])
    >>> found.value, round(found.low or 0, 3), round(found.high or 0, 3), found.method
    (0.75, 0.194, 0.994, 'exact')
    """
    wanted = [m.name for m in performance.METRICS.values() if kind in m.kinds] if names is None else list(names)
    performance.evaluate(kind, np.empty(0), Outputs(value=np.empty(0)), wanted)  # refuses a wrong name before anything is computed
    if len(labels) != len(outputs.value):
        raise ValueError(f"{len(labels)} labels do not fit {len(outputs.value)} answers")
    plain = np.isfinite(labels) & np.isfinite(outputs.value)
    sure = plain & _has_probability(kind, outputs)
    found: dict[str, Measured] = {}
    for needed, rows in ((False, plain), (True, sure)):
        named = [name for name in wanted if (name in _NEED_PROBABILITY) == needed]
        own = _Rows(
            kind=kind, labels=np.asarray(labels, dtype=np.float64)[rows], outputs=pick(outputs, rows),
            days=None if days is None else days[rows],
        )  # fmt: skip
        values = performance.evaluate(kind, own.labels, own.outputs, named)
        found |= {name: _measured(own, name, values.get(name)) for name in named}
    return tuple(found[name] for name in wanted)


def pick(outputs: Outputs, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Outputs:
    """The answers to some rows, by mask or by index."""
    return Outputs(
        value=outputs.value[rows],
        probability=None if outputs.probability is None else outputs.probability[rows],
        probabilities=None if outputs.probabilities is None else outputs.probabilities[rows],
    )


def usable(kind: LabelKind, labels: Floats, outputs: Outputs) -> tuple[int, int]:
    """How many rows have a label and an answer, and how many of these have no usable probability although answers carry one."""
    plain = np.isfinite(labels) & np.isfinite(outputs.value)
    carries = kind != "number" and (outputs.probability is not None or outputs.probabilities is not None)
    return int(plain.sum()), int((plain & ~_has_probability(kind, outputs)).sum()) if carries else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    kind: LabelKind
    labels: Floats
    outputs: Outputs
    days: NDArray[np.integer] | None


def _has_probability(kind: LabelKind, outputs: Outputs) -> NDArray[np.bool_]:
    if kind == "classes" and outputs.probabilities is not None:
        return np.asarray(((outputs.probabilities >= 0) & (outputs.probabilities <= 1)).all(axis=1))
    if kind == "number" or outputs.probability is None:
        return np.ones(len(outputs.value), dtype=np.bool_)
    return np.asarray((outputs.probability >= 0) & (outputs.probability <= 1))


def _measured(rows: _Rows, name: str, value: float | None) -> Measured:
    count = len(rows.labels)
    if value is None:
        return Measured(name=name, value=None, rows=count, because=_why_undefined(rows, name))
    alone, method = _independent(rows, name, value)
    if alone is None:
        return Measured(name=name, value=value, rows=count, because=_why_no_interval(rows))
    together = None if rows.days is None else _of_days(rows, name, value, rows.days)
    both = alone.wider(together)
    return Measured(
        name=name, value=value, low=min(both.low, value), high=max(both.high, value), rows=count, method=method, by_day=both != alone
    )


def _independent(rows: _Rows, name: str, value: float) -> tuple[Interval | None, Method]:
    """The interval where each row is drawn by itself."""
    labels, answers, count = rows.labels, rows.outputs.value, len(rows.labels)
    if name == "accuracy":
        return intervals.share(int(np.sum(labels == answers)), count), "exact"
    if name == "roc_auc":
        return _of_area(rows, value)
    if name in ("precision", "recall", "f1"):
        if rows.kind == "classes":
            moved = influence(rows.kind, name, labels, rows.outputs)
            found = None if moved is None else intervals.smooth(value, moved, "share")
            return (found, "delta") if found is not None else (_at_the_end(value, _smallest(labels)), "exact")
        right, given, true = (int(np.sum(mask)) for mask in ((labels == 1) & (answers == 1), answers == 1, labels == 1))
        if name == "f1":
            return intervals.f1(right, given, true), "exact"
        return intervals.share(right, given if name == "precision" else true), "exact"
    if name == "r2":
        moved = influence(rows.kind, name, labels, rows.outputs)
        return (None if moved is None else intervals.smooth(value, moved, "below-one")), "delta"
    found = intervals.mean(performance.loss(rows.kind, name, labels, rows.outputs))
    if found is None:
        return None, "none"
    return _rooted(Interval(low=max(found.low, 0.0), high=found.high), name), "skewed-mean"


def _of_area(rows: _Rows, value: float) -> tuple[Interval, Method]:
    smallest = _smallest(rows.labels)
    moved = influence(rows.kind, "roc_auc", rows.labels, rows.outputs)
    found = None if moved is None else intervals.smooth(value, moved, "share", normal=True)
    if found is not None and smallest >= FEW:
        return found, "delong"
    score = intervals.area(value, smallest, len(rows.labels) - smallest)
    return score.wider(found), "score"


def _of_days(rows: _Rows, name: str, value: float, days: NDArray[np.integer]) -> Interval | None:
    """The interval where the day is what is drawn."""
    moved = influence(rows.kind, name, rows.labels, rows.outputs)
    if moved is None:
        return None
    found = intervals.by_day(value**2 if name == "rmse" else value, moved, days, SCALES[name])
    return None if found is None else _rooted(found, name)


def _rooted(found: Interval, name: str) -> Interval:
    """RMSE is worked out on its square."""
    return Interval(low=math.sqrt(found.low), high=math.sqrt(found.high)) if name == "rmse" else found


def _at_the_end(value: float, rows: int) -> Interval | None:
    """A mean of shares that are all 1 or all 0: no better known than the rarest class."""
    return intervals.share(round(value) * rows, rows) if value in (0.0, 1.0) else None


def _smallest(labels: Floats) -> int:
    """Rows of the rarest class."""
    return int(np.unique(labels, return_counts=True)[1].min())


def _why_no_interval(rows: _Rows) -> str:
    return "no interval from one row" if len(rows.labels) < 2 else f"no interval: all {len(rows.labels)} rows are alike"


def _why_undefined(rows: _Rows, name: str) -> str:
    if not len(rows.labels):
        return _NO_ROWS
    outputs = rows.outputs
    if name in _NEED_PROBABILITY and (outputs.probabilities if rows.kind == "classes" else outputs.probability) is None:
        one = "the answers carry no probability"
        return one if outputs.probability is None else "the record keeps the probability of the predicted class only"
    if name in ("roc_auc", "log_loss"):
        count = len(np.unique(rows.labels))
        return "only one class among the labels" if count == 1 else "a class is not among the labels"
    if name == "precision":
        return "nothing was predicted positive"
    if name == "recall":
        return "no label is positive"
    if name == "f1":
        return "nothing was predicted positive, and no label is"
    if name == "r2":
        return "all labels are equal" if len(rows.labels) > 1 else "one row"
    return "a label is 0, and nothing is relative to 0" if name == "mape" else "it is not finite on these rows"
