"""What a user writes in a project file. Typed, so that a type checker finds most mistakes, and light: no library is loaded here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast, get_args, overload

from farero.core.window import parse_duration
from farero.project.calls import Place, caller, forgive
from farero.project.features import Declared, Features, PersonalRule, declared

if TYPE_CHECKING:
    import pandas as pd

    from farero.core.gate import GateRule
    from farero.core.label import LabelKind, LabelSpec
    from farero.core.policy import PolicyRule
    from farero.core.prediction import Thresholds
    from farero.core.schema import Schema

ClassificationMetric: TypeAlias = Literal["accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier"]
RegressionMetric: TypeAlias = Literal["r2", "rmse", "mae", "mape"]
MetricName: TypeAlias = ClassificationMetric | RegressionMetric
DriftRule: TypeAlias = Literal["sensitive", "quiet", "guarded", "bonferroni", "fdr", "effect", "textbook", "share", "psi"]
Trigger: TypeAlias = Literal["evidence", "never", "always", "drift-share"]

LOWER_IS_BETTER: frozenset[str] = frozenset({"log_loss", "brier", "rmse", "mae", "mape"})
_DEFAULT_METRIC: Mapping[str, MetricName] = {"binary": "roc_auc", "classes": "accuracy", "number": "mae"}


# ── Training ─────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """What `train` gets.

    Attributes:
        X: the features in the declared order, in the form in which a served row reaches the model.
        y: the label: 0 and 1, class names, or numbers.
        seed: for every source of randomness, so that a training can be repeated.
        until: nothing in the data was unknown at this moment.
    """

    X: pd.DataFrame
    y: pd.Series[Any]
    seed: int
    until: datetime


class Regressor(Protocol):
    """Anything with `predict`."""

    def predict(self, rows: Any, /) -> Any:
        """One number a row."""
        ...


class Classifier(Protocol):
    """Anything with `predict` and `predict_proba`."""

    def predict(self, rows: Any, /) -> Any:
        """One class a row."""
        ...

    def predict_proba(self, rows: Any, /) -> Any:
        """A probability for each class (n, k)."""
        ...


# ── Label ────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Binary:
    """Yes or no. 1, true and "yes" count as yes. `arrives_within`: how long the truth takes.

    `positive` names another text for yes, `negative` one for no: with both, any other text is refused; without `negative`, it counts as no.
    """

    name: str
    arrives_within: str = field(kw_only=True)
    positive: str | None = field(default=None, kw_only=True)
    negative: str | None = field(default=None, kw_only=True)
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Number:
    """A quantity. `arrives_within`: how long the truth takes, such as "1h" or "30d"."""

    name: str
    arrives_within: str = field(kw_only=True)
    unit: str | None = field(default=None, kw_only=True)
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


class Classes:
    """One of several classes, two or more. `arrives_within`: how long the truth takes, such as "1h" or "30d"."""

    def __init__(self, name: str, *classes: str, arrives_within: str) -> None:
        self.name = name
        self.classes = classes
        self.arrives_within = arrives_within
        self.place = caller()


Label: TypeAlias = Binary | Number | Classes


# ── Monitors and policy ──────────────────────────────────────────────────


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


Monitor: TypeAlias = Quality | Drift | Performance


@dataclass(frozen=True, slots=True)
class Gate:
    """A candidate must beat production on `metric` by `gain` [the metric's unit], on at least `min_rows` rows held out from both."""

    metric: MetricName
    gain: float = field(default=0.0, kw_only=True)
    min_rows: int = field(default=30, kw_only=True)
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How the model is kept fresh.

    Attributes:
        gate: what a candidate must reach; without one it must not be worse on the project's metric.
        cooldown: least time between two trainings.
        look_back: how much history to train on; None = all.
        window: how often the model is looked at.
        performance_drop: relative fall under the version's own baseline that counts [0-1].
        min_rows: least number of new labelled rows for a training.
        holdout_share: the newest share of the new rows, which judges candidate and production [0-1].
        trigger: "evidence" (drift or fallen performance), "drift-share", "always" or "never"; `share` goes with drift-share [0-1].
        gated: False promotes every candidate.
    """

    name: str = "farero"
    gate: Gate | None = None
    cooldown: str = "7d"
    look_back: str | None = None
    window: str = "1d"
    performance_drop: float = 0.05
    min_rows: int = 50
    holdout_share: float = 0.3
    trigger: Trigger = "evidence"
    share: float = 0.3
    gated: bool = True
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Where risk turns from low to medium and from medium to high [0-1]."""

    medium_from: float = 0.3
    high_from: float = 0.7
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


# ── Project ──────────────────────────────────────────────────────────────


class Project:
    """One model: its features, its label, how it is trained, watched and kept fresh."""

    @overload
    def __init__(
        self,
        *,
        model: str,
        features: type[Features],
        train: Callable[[TrainingSet], Classifier],
        label: Binary | Classes,
        key: str | None = None,
        monitors: Sequence[Monitor] = (),
        policy: Policy | None = None,
        risk: Risk | None = None,
        seed: int = 0,
    ) -> None: ...
    @overload
    def __init__(
        self,
        *,
        model: str,
        features: type[Features],
        train: Callable[[TrainingSet], Regressor],
        label: Number,
        key: str | None = None,
        monitors: Sequence[Monitor] = (),
        policy: Policy | None = None,
        risk: Risk | None = None,
        seed: int = 0,
    ) -> None: ...
    def __init__(
        self,
        *,
        model: str,
        features: type[Features],
        train: Callable[[TrainingSet], Classifier] | Callable[[TrainingSet], Regressor],
        label: Label,
        key: str | None = None,
        monitors: Sequence[Monitor] = (),
        policy: Policy | None = None,
        risk: Risk | None = None,
        seed: int = 0,
    ) -> None:
        """Declare a project.

        Args:
            model: its name, in lower-case letters, digits, - and _.
            key: name of a field with the entity's id, carried and recorded, not a feature.
        """
        self.model = model
        self.features = features
        self.train = train
        self.label = label
        self.key = key
        self.monitors = monitors
        self.policy = policy or Policy()
        self.risk = risk or Risk()
        self.seed = seed
        self.place = caller()

    @property
    def kind(self) -> LabelKind:
        """The kind of label."""
        return "binary" if isinstance(self.label, Binary) else "number" if isinstance(self.label, Number) else "classes"

    @cached_property
    def schema(self) -> Schema:
        """The rows that are accepted."""
        from farero.core.schema import Field, Schema  # loads numpy, which `import farero` must not

        lines = {name: line for name, line in declared(self.features).items() if isinstance(line, Declared)}
        return Schema(
            fields=tuple(
                Field(
                    name=name, kind=line.kind, unit=line.unit, min=line.min, max=line.max, missing=line.missing == "allowed",
                    levels=line.levels, new_levels=line.new == "allow", privacy=cast(PersonalRule | None, line.rule),
                )
                for name, line in lines.items()
            ),
            key=self.key,
        )  # fmt: skip

    @cached_property
    def label_spec(self) -> LabelSpec:
        """The label, as the core knows it."""
        from farero.core.label import LabelSpec

        label = self.label
        return LabelSpec(
            name=label.name,
            kind=self.kind,
            arrives_within=parse_duration(label.arrives_within),
            classes=label.classes if isinstance(label, Classes) else (),
            positive=label.positive if isinstance(label, Binary) else None,
            negative=label.negative if isinstance(label, Binary) else None,
            unit=label.unit if isinstance(label, Number) else None,
        )

    @cached_property
    def rule(self) -> PolicyRule:
        """When to retrain."""
        from farero.core.policy import PolicyRule

        policy = self.policy
        return PolicyRule(
            name=policy.name, trigger=policy.trigger, performance_drop=policy.performance_drop, share=policy.share,
            cooldown=parse_duration(policy.cooldown), look_back=parse_duration(policy.look_back) if policy.look_back else None,
            min_rows=policy.min_rows, holdout_share=policy.holdout_share, gated=policy.gated,
        )  # fmt: skip

    @cached_property
    def gate_rule(self) -> GateRule:
        """What a candidate must reach."""
        from farero.core.gate import GateRule

        gate = self.policy.gate
        return GateRule(metric=gate.metric, gain=gate.gain, min_rows=gate.min_rows) if gate else GateRule(metric=self.metric)

    @cached_property
    def thresholds(self) -> Thresholds:
        """Where risk turns medium and high."""
        from farero.core.prediction import Thresholds

        return Thresholds(medium_from=self.risk.medium_from, high_from=self.risk.high_from)

    @property
    def metric(self) -> MetricName:
        """The metric that the model is judged by."""
        for monitor in self.monitors:
            if isinstance(monitor, Performance):
                return monitor.metric
        return _DEFAULT_METRIC[self.kind]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that fits the label."""
        return get_args(RegressionMetric) if self.kind == "number" else get_args(ClassificationMetric)

    @property
    def window(self) -> timedelta:
        """How often the model is looked at."""
        return parse_duration(self.policy.window)

    @property
    def drift_rule(self) -> DriftRule:
        """The rule that says whether a window drifted."""
        for monitor in self.monitors:
            if isinstance(monitor, Drift):
                return monitor.verdict
        return "sensitive"

    @property
    def drift_a_year(self) -> float:
        """False alarms a year that evidence over windows is laid out for."""
        return next((monitor.a_year for monitor in self.monitors if isinstance(monitor, Drift)), 1.0)

    @property
    def max_missing(self) -> float | None:
        """Largest share of missing values in a feature [0-1]; None = only what the reference says."""
        return next((monitor.max_missing for monitor in self.monitors if isinstance(monitor, Quality)), None)

    @property
    def floors(self) -> tuple[tuple[MetricName, float], ...]:
        """Each metric with a limit: the least where more is better, the largest for errors."""
        limits: list[tuple[MetricName, float]] = []
        for monitor in self.monitors:
            if isinstance(monitor, Performance):
                limit = monitor.max if monitor.metric in LOWER_IS_BETTER else monitor.min
                if limit is not None:
                    limits.append((monitor.metric, limit))
        return tuple(limits)

    @property
    def segments(self) -> tuple[str, ...]:
        """The features by whose segments performance is shown, each once."""
        return tuple(dict.fromkeys(name for monitor in self.monitors if isinstance(monitor, Performance) for name in monitor.by))


for _kind in (Binary, Number, Classes, Quality, Drift, Performance, Gate, Policy, Risk, Project):
    forgive(_kind)
