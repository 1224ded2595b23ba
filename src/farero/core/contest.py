"""Two models on the same rows: by how much the one is better on a metric, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from farero.core import intervals, performance
from farero.core.bounded import bounded_mean
from farero.core.influence import influence
from farero.core.intervals import Floats, Interval
from farero.core.label import LabelKind
from farero.core.prediction import Outputs

Method: TypeAlias = Literal["betting", "delta", "none"]

ONE_SIDED = 0.95
"""How sure it must be that a figure is worse before a guard says so [0-1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a candidate gains on a metric over production, on the same rows.

    Attributes:
        current, candidate: the metric of each; None where it is undefined on these rows.
        gain: by how much the candidate is better [the metric's unit]; below 0 = it is worse, whatever the metric's direction.
        low, high: the 95 % interval of the gain, of paired rows.
        better: the probability that the candidate is better, from the gain and its spread [0-1].
        spread: the gain's standard error.
        freedom: its degrees of freedom.
        by_day: it was widened because rows of one day belong together.
    """

    metric: str
    current: float | None
    candidate: float | None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    better: float | None = None
    spread: float = 0.0
    freedom: int = 0
    rows: int = 0
    method: Method = "none"
    by_day: bool = False

    def is_worse_by(self, room: float, *, tests: int = 1) -> bool:
        """Whether the candidate is worse by more than `room` beyond chance (95 %, shared among so many tests)."""
        if self.gain is None:
            return False
        reach = self.spread * float(stdtrit(max(self.freedom, 1), 1 - (1 - ONE_SIDED) / tests)) if self.spread > 0 else 0.0
        return self.gain + reach < -room


def compare(
    kind: LabelKind, metric: str, labels: Floats, current: Outputs, candidate: Outputs, *, days: NDArray[np.integer] | None = None
) -> Difference:
    """The candidate beside production on one metric.

    The interval: where the metric is a mean of row losses whose differences are bounded by what the two answered (accuracy, Brier score,
    log loss, mean absolute error), by betting (`core.bounded`); else from what each row moves both metrics by (`core.influence`; for the
    area under the ROC curve that is DeLong's paired interval). Where rows span ten days or more, it is at least what days that are
    drawn as a whole give.

    Args:
        kind: of the label.
        metric: one that fits it.
        labels: (n,) encoded labels, all known.
        current, candidate: n answers of each.
        days: (n,) a number for each row's day; None = rows are independent.

    >>> old, new = Outputs(value=np.array([1.0, 2.0, 4.0, 2.0])), Outputs(value=np.array([1.0, 2.0, 3.0, 3.5]))
    >>> found = compare("number", "mae", np.array([1.0, 2.0, 3.0, 4.0]), old, new)
    >>> found.gain, found.low is not None and found.low <= 0.625 <= (found.high or 0)
    (0.625, True)
    """
    sign = 1.0 if performance.METRICS[metric].higher_is_better else -1.0
    rows = int(labels.size)
    old, new = (performance.evaluate(kind, labels, answers, [metric]).get(metric) for answers in (current, candidate))
    found = Difference(metric=metric, current=old, candidate=new, rows=rows)
    if old is None or new is None:
        return found
    gain = sign * (new - old)
    found = replace(found, gain=gain)
    moved = _moved(kind, metric, labels, current, candidate)
    if moved is None or rows < 2:
        return found
    moved = sign * moved
    spread, freedom, by_day = math.sqrt(float(np.sum(moved**2)) / (rows * (rows - 1))), rows - 1, False
    together = None if days is None else intervals.spread_by_day(moved, days)
    if together is not None and together[0] > spread:
        spread, freedom, by_day = together[0], together[1], True
    interval, method = _interval(kind, metric, labels, current, candidate, gain, moved)
    if interval is not None and by_day:
        reach = spread * float(stdtrit(freedom, (1 + intervals.LEVEL) / 2))
        interval = interval.wider(Interval(low=gain - reach, high=gain + reach))
    return replace(
        found, low=None if interval is None else interval.low, high=None if interval is None else interval.high,
        better=_better(gain, spread, freedom), spread=spread, freedom=freedom, method=method, by_day=by_day,
    )  # fmt: skip


def compare_all(
    kind: LabelKind,
    metrics: Sequence[str],
    labels: Floats,
    current: Outputs,
    candidate: Outputs,
    *,
    days: NDArray[np.integer] | None = None,
) -> tuple[Difference, ...]:
    """`compare` for each of these metrics, each once."""
    return tuple(compare(kind, metric, labels, current, candidate, days=days) for metric in dict.fromkeys(metrics))


def _better(gain: float, spread: float, freedom: int) -> float:
    if spread > 0:
        return float(stdtr(freedom, gain / spread))
    return 0.5 if gain == 0 else float(gain > 0)


def _moved(kind: LabelKind, metric: str, labels: Floats, current: Outputs, candidate: Outputs) -> Floats | None:
    """(n,) what each row moves the candidate's metric by, less what it moves production's by."""
    parts = []
    for answers in (candidate, current):
        part = influence(kind, metric, labels, answers)
        if part is None:
            return None
        if metric == "rmse":  # its influence is given for its square
            root = performance.evaluate(kind, labels, answers, ["rmse"])["rmse"]
            part = part / (2 * root) if root > 0 else part
        parts.append(part)
    return np.asarray(parts[0] - parts[1], dtype=np.float64)


def _interval(
    kind: LabelKind, metric: str, labels: Floats, current: Outputs, candidate: Outputs, gain: float, moved: Floats
) -> tuple[Interval | None, Method]:
    most = _most(kind, metric, current, candidate)
    if most is None:
        return Interval(low=gain, high=gain) if not moved.any() else intervals.smooth(gain, moved, "plain"), "delta"
    losses = [performance.loss(kind, metric, labels, answers) for answers in (current, candidate)]
    return bounded_mean(losses[0] - losses[1], -most, most), "betting"


def _most(kind: LabelKind, metric: str, current: Outputs, candidate: Outputs) -> float | None:
    """How far the two losses of a row can be apart at most, whatever its label: known before the label is. None where nothing bounds it."""
    if metric == "accuracy":
        return float(np.any(current.value != candidate.value))
    if metric == "mae":
        return float(np.max(np.abs(current.value - candidate.value)))
    if metric not in ("brier", "log_loss"):
        return None
    old, new = (answers.probabilities if kind == "classes" else answers.probability for answers in (current, candidate))
    if old is None or new is None:
        return None
    if metric == "brier":
        # (p - y)² - (q - y)² = (p - q)(p + q - 2y): at most 2 |p - q| in a class, and the classes' sum where there are several.
        apart = np.abs(old - new)
        return float(np.max(2 * apart.sum(axis=1) if kind == "classes" else 2 * apart))
    eps = np.finfo(np.float64).eps
    shares = [np.clip(part, eps, 1 - eps) for part in (old, new)]
    ratios = [np.abs(np.log(shares[0] / shares[1]))]
    if kind == "binary":
        ratios.append(np.abs(np.log((1 - shares[0]) / (1 - shares[1]))))
    return float(max(np.max(part) for part in ratios))
