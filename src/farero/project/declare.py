"""What a user writes in a project file. Typed, so that a type checker finds most mistakes, and light: no library is loaded here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias, cast, get_args, overload

from farero.core.window import WindowSize, parse_duration, parse_window
from farero.project.calls import caller, forgive
from farero.project.features import Declared, Features, PersonalRule, declared
from farero.project.learning import Binary, Classes, Classifier, Label, Number, Regressor, TrainingSet
from farero.project.renewing import Policy, Risk
from farero.project.watching import (
    ClassificationMetric,
    Drift,
    DriftRule,
    Fairness,
    MetricName,
    Monitor,
    Performance,
    Quality,
    RegressionMetric,
    Slo,
)

if TYPE_CHECKING:
    from farero.core.gate import GateRule
    from farero.core.label import LabelKind, LabelSpec
    from farero.core.objective import Objective
    from farero.core.policy import PolicyRule
    from farero.core.prediction import Thresholds
    from farero.core.rollout import RolloutRule
    from farero.core.schema import Schema

Source: TypeAlias = Callable[[datetime], object]

LOWER_IS_BETTER: frozenset[str] = frozenset({"log_loss", "brier", "rmse", "mae", "mape"})
_DEFAULT_METRIC: Mapping[str, MetricName] = {"binary": "roc_auc", "classes": "accuracy", "number": "mae"}


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
        source: Source | None = None,
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
        source: Source | None = None,
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
        source: Source | None = None,
        seed: int = 0,
    ) -> None:
        """Declare a project.

        Args:
            model: its name, in lower-case letters, digits, - and _.
            key: name of a field with the entity's id, carried and recorded, not a feature.
            source: gives the rows to learn from, in place of those that were logged: called in a child process with the moment that
                nothing may be later than; returns a pandas or Arrow table with the features, the label, `time` and perhaps `known_at`.
        """
        self.model = model
        self.features = features
        self.train = train
        self.label = label
        self.key = key
        self.monitors = monitors
        self.policy = policy or Policy()
        self.risk = risk or Risk()
        self.source = source
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
        from farero.core.competition import Entrant  # loads numpy, which `import farero` must not
        from farero.core.policy import PolicyRule

        policy = self.policy
        return PolicyRule(
            name=policy.name, trigger=policy.trigger, performance_drop=policy.performance_drop, share=policy.share,
            cooldown=parse_duration(policy.cooldown), look_back=parse_duration(policy.look_back) if policy.look_back else None,
            min_rows=policy.min_rows, holdout_share=policy.holdout_share, gated=policy.gated, budget=policy.budget,
            every=parse_duration(policy.every) if policy.every else None, train_rows=policy.train_rows, leakage=policy.leakage,
            blend=policy.blend,
            candidates=tuple(
                Entrant(
                    look_back=parse_duration(one.look_back) if one.look_back else None,
                    half_life=parse_duration(one.half_life) if one.half_life else None, params=dict(one.params),
                )
                for one in policy.candidates
            ),
        )  # fmt: skip

    @cached_property
    def gate_rule(self) -> GateRule:
        """What a candidate must reach."""
        from farero.core.gate import GateRule

        floors = dict[str, float](self.floors)
        gate = self.policy.gate
        if gate is None:
            return GateRule(metric=self.metric, floors=floors)
        return GateRule(
            metric=gate.metric, gain=gate.gain, min_rows=gate.min_rows, also=dict[str, float](gate.also.items()),
            no_worse=dict[str, float](gate.no_worse.items()), sure=gate.sure, by=tuple(gate.by), segment_room=gate.segment_room,
            segment_rows=gate.segment_rows, calibration=gate.calibration, floors=floors, max_changed=gate.max_changed,
            max_slowdown=gate.max_slowdown, max_size_mb=gate.max_size_mb,
        )  # fmt: skip

    @cached_property
    def rollout_rule(self) -> RolloutRule | None:
        """How versions come to serve; None = at once."""
        return self.policy.rollout.rule if self.policy.rollout else None

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
    def window(self) -> WindowSize:
        """How often the model is looked at."""
        return parse_window(self.policy.window)

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

    @property
    def groups(self) -> tuple[str, ...]:
        """The features whose groups shall be treated alike, each once."""
        return tuple(dict.fromkeys(name for monitor in self.monitors if isinstance(monitor, Fairness) for name in monitor.groups))

    @property
    def objective(self) -> Objective | None:
        """What is promised of its requests; None = nothing."""
        from farero.core.objective import Objective

        slo = next((monitor for monitor in self.monitors if isinstance(monitor, Slo)), None)
        if slo is None:
            return None
        return Objective(good=slo.good, within_us=None if slo.within_ms is None else round(slo.within_ms * 1000))

    @property
    def max_gap(self) -> float | None:
        """How far such groups may lie apart; None = any."""
        return next((monitor.max_gap for monitor in self.monitors if isinstance(monitor, Fairness)), None)


forgive(Project)
