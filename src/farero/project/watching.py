"""What a project file says of watching: quality, drift, performance, fairness, promises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from farero.project.calls import Place, caller, forgive

ClassificationMetric: TypeAlias = Literal["accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier"]
RegressionMetric: TypeAlias = Literal["r2", "rmse", "mae", "mape"]
MetricName: TypeAlias = ClassificationMetric | RegressionMetric
DriftRule: TypeAlias = Literal["sensitive", "quiet", "guarded", "bonferroni", "fdr", "effect", "textbook", "share", "psi"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Watches for missing values, new levels, stuck columns. `max_missing`: largest share of missing values in a feature [0-1]."""

    max_missing: float | None = None
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Drift:
    """Watches whether the inputs change: "sensitive" and "quiet" gather evidence over windows, with at most one false alarm a year.

    The others judge each window by itself, by a rule. `a_year`: false alarms a year that the first two are laid out for; `farero tune`
    recommends one.
    """

    verdict: DriftRule = "sensitive"
    a_year: float = field(default=1.0, kw_only=True)
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Performance:
    """Watches a metric once labels come. `min` where more is better, `max` for errors. The first one names the project's metric.

    `by` names features whose segments are shown each with its own figures.
    """

    metric: MetricName
    min: float | None = field(default=None, kw_only=True)
    max: float | None = field(default=None, kw_only=True)
    by: list[str] | tuple[str, ...] = field(default=(), kw_only=True)
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Fairness:
    """Names features whose groups shall be treated alike: model cards and `farero versions fairness` compare them.

    `max_gap`: how far groups may lie apart, beyond chance: in shares of rows [0-1], for a number in the label's unit; None = any.
    """

    groups: list[str] | tuple[str, ...]
    max_gap: float | None = field(default=None, kw_only=True)
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Slo:
    """A promise about requests: `good` is the share of a month's that are answered [0-1), and no later than `within_ms`, where that is set.

    An incident tells where so many fail that the room for failures is used up too fast.
    """

    good: float
    within_ms: float | None = field(default=None, kw_only=True)
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


Monitor: TypeAlias = Quality | Drift | Performance | Fairness | Slo


for _kind in (Quality, Drift, Performance, Fairness, Slo):
    forgive(_kind)
