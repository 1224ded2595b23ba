"""Performance that is estimated before labels come: the figures, what they rest on, and how earlier ones turned out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import sqrt
from typing import Final

from farero.core.performance import BEYOND_CHANCE, is_worse

CAVEAT: Final = (
    "An estimate is blind to a changed relation between inputs and label (concept drift): it takes for granted that rows like these turn "
    "out as they did when the version was judged. Only labels show whether they still do."
)
AUC_CAVEAT: Final = (
    "For ROC AUC the estimate was no better than assuming that nothing changed on the real data where it was measured (flights of 2013):"
    " look at accuracy or log loss beside it."
)

LEAST_LABELLED: Final = 30
LEAST_SHARE: Final = 0.5
"""Labelled rows, and their share of a window, from which on a realized figure is set against the estimate, or speaks instead of it."""

_REACH: Final = 1.96
"""Standard errors from an estimate to an end of its 95 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval: what chance in the window's rows and in the judged rows leaves open, and nothing else."""

    value: float
    low: float
    high: float


def judged_by(metric: str) -> str:
    """The metric whose estimate says whether this one fell: itself, or where it cannot be estimated well, one that row losses add up to.

    >>> judged_by("mae"), judged_by("roc_auc"), judged_by("r2")
    ('mae', 'log_loss', 'rmse')
    """
    return {"roc_auc": "log_loss", "r2": "rmse"}.get(metric, metric)


def has_labels(rows: int, labelled: int) -> bool:
    """Whether so many of a window's rows have labels that the realized figure speaks: labels that come quickly are no fair sample.

    >>> has_labels(200, 99), has_labels(200, 100), has_labels(20, 20)
    (False, True, False)
    """
    return labelled >= max(LEAST_LABELLED, LEAST_SHARE * rows)


def has_fallen(metric: str, estimate: Estimate, judged: float, drop: float) -> bool:
    """Whether an estimate is worse than what the version was judged at, by more than the share `drop` [0-1] and by more than chance.

    >>> has_fallen("mae", Estimate(value=12.0, low=11.0, high=13.0), 10.0, 0.05)
    True
    >>> has_fallen("mae", Estimate(value=12.0, low=9.0, high=15.0), 10.0, 0.05)
    False
    """
    error = (estimate.high - estimate.low) / (2 * _REACH)
    beyond = abs(estimate.value - judged) > BEYOND_CHANCE * error
    return beyond and is_worse(metric, estimate.value, judged, drop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """How estimates of earlier windows turned out once their labels had come.

    Attributes:
        windows: how many.
        bias: mean of realized minus estimated [unit of the metric].
        rms: root mean square of the same.
        rms_unchanged: the same, had one taken the figure of the judged rows for every window; where it is below `rms`, the estimates were
            worth nothing.
        inside: share of the windows whose realized figure lay in the interval [0-1].
    """

    windows: int
    bias: float
    rms: float
    rms_unchanged: float
    inside: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEstimate:
    """One window [start, end) of one version.

    Attributes:
        rows: that were estimated.
        estimated: metric -> estimate.
        effective_rows: how many of the judged rows the estimate rests on: fewer, the less the window is like them.
        labelled, realized: rows with a label by now, and the metrics on them.
        backtest: of the main metric, over the windows before this one; None where no label had come.
    """

    start: datetime
    end: datetime
    version: str
    rows: int
    estimated: Mapping[str, Estimate]
    effective_rows: float
    labelled: int = 0
    realized: Mapping[str, float] = field(default_factory=dict)
    backtest: Backtest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What the estimates of one version rest on.

    Attributes:
        judged_rows: labelled rows that it had not learnt from.
        judged: metric -> its figure on them.
        cross_fitted: metric -> root mean square of realized minus estimated over five stretches of them, each estimated from the others.
        note: what there is to know about them; empty where there is nothing.
    """

    version: str
    judged_rows: int
    judged: Mapping[str, float]
    cross_fitted: Mapping[str, float]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateReport:
    """The estimates of a span of windows, oldest first. `backtest` is of the main metric, over all windows whose labels have come."""

    model: str
    metric: str
    higher_is_better: bool
    caveat: str
    versions: tuple[Basis, ...]
    windows: tuple[WindowEstimate, ...]
    backtest: Backtest | None
    notes: tuple[str, ...] = ()


def caveat(metric: str) -> str:
    """What has to be said beside every estimate of this metric."""
    return f"{CAVEAT} {AUC_CAVEAT}" if metric == "roc_auc" else CAVEAT


def backtested(
    windows: Sequence[WindowEstimate], metric: str, judged: Mapping[str, float]
) -> tuple[tuple[WindowEstimate, ...], Backtest | None]:
    """The windows with the backtest of those before each of them, and the backtest of all.

    A window counts from `LEAST_LABELLED` labels on, and only where at least `LEAST_SHARE` of its rows have one: labels that come
    quickly are no fair sample.

    Args:
        windows: oldest first.
        judged: version -> the metric on its judged rows.
    """
    made: list[WindowEstimate] = []
    seen: list[tuple[float, float, bool]] = []
    for window in windows:
        made.append(replace(window, backtest=_of(seen)))
        estimate, realized = window.estimated.get(metric), window.realized.get(metric)
        if estimate is not None and realized is not None and has_labels(window.rows, window.labelled):
            unchanged = realized - judged.get(window.version, estimate.value)
            seen.append((realized - estimate.value, unchanged, estimate.low <= realized <= estimate.high))
    return tuple(made), _of(seen)


def _of(seen: Sequence[tuple[float, float, bool]]) -> Backtest | None:
    if not seen:
        return None
    count = len(seen)
    return Backtest(
        windows=count,
        bias=sum(error for error, _, _ in seen) / count,
        rms=sqrt(sum(error**2 for error, _, _ in seen) / count),
        rms_unchanged=sqrt(sum(unchanged**2 for _, unchanged, _ in seen) / count),
        inside=sum(inside for _, _, inside in seen) / count,
    )
