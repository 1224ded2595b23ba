"""When to retrain: a decision is a value with its reasons, and "no" is a decision too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Literal, TypeAlias, get_args

from farero.core.window import Window, duration_text, parse_duration
from farero.errors import ConfigInvalid

Action: TypeAlias = Literal["keep", "retrain"]
Trigger: TypeAlias = Literal["evidence", "never", "always", "drift-share"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """How a model is kept fresh.

    Attributes:
        name: shown in reports.
        trigger: evidence = a drift alarm or a fall of realized performance; drift-share = `share` of the features with KS p < .05;
            always = every window; never.
        performance_drop: a relative fall under the version's own baseline that counts as evidence [0-1].
        share: for drift-share, the share of features [0-1].
        cooldown: least time between two trainings.
        look_back: how much history to train on; None = all.
        min_rows: least number of labelled rows newer than what production was trained on.
        holdout_share: the newest share of those new rows that judges candidate and production [0-1].
        gated: whether a candidate must win on the held-out rows to be promoted.
        refit: whether a winner learns from the held-out rows as well before it serves; they are the newest there are.
    """

    name: str
    trigger: Trigger = "evidence"
    performance_drop: float = 0.05
    share: float = 0.3
    cooldown: timedelta = timedelta(days=7)
    look_back: timedelta | None = None
    min_rows: int = 50
    holdout_share: float = 0.3
    gated: bool = True
    refit: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a decision may look at; everything was known at the window's end.

    Attributes:
        drift_alarm: the drift verdict of this window; `drift_because` in words.
        drift_share: share of features with p < .05 in this window [0-1].
        performance: metric of the newest labelled rows under the version in production; None while unknown.
        baseline: the best that any version in production was measured at before it served; a model that was retrained in bad
            times must not make bad times the standard.
        performance_fell: whether that fall is larger than the policy's limit and than chance explains.
        performance_fresh: whether it was measured on rows of this very window, among others: then it says what a drift of the inputs did.
        loss_because: evidence gathered over windows that labelled rows lose more than those that judged the version; "" = none.
        new_labelled: labelled rows newer than what production was trained on.
        last_training: when the last training was started; None = never by the loop.
        lost: contests in a row that were lost, or won by less than `worth_it` asks; each doubles the cool-down, up to `MOST_PATIENCE`
            times.
    """

    window: Window
    production: str | None
    drift_alarm: bool
    drift_because: str
    drift_share: float
    metric: str
    higher_is_better: bool
    performance: float | None
    baseline: float | None
    performance_fell: bool
    new_labelled: int
    last_training: datetime | None
    lost: int = 0
    loss_because: str = ""
    performance_fresh: bool = False

    @property
    def unharmed(self) -> bool:
        """Whether labels of this window show that the model does as well as ever."""
        return self.performance_fresh and self.performance is not None and not self.performance_fell and not self.loss_because


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do after a window, and why. `inputs` are the figures it was made from, so that it can be replayed."""

    at: datetime
    action: Action
    because: tuple[str, ...]
    policy: str
    window: Window
    inputs: Mapping[str, float | str | bool | None] = field(default_factory=dict)


LITTLE = 0.03
"""A contest that takes away less than this share of what is wrong was hardly worth its training."""

MOST_PATIENCE = 8
"""How many times the cool-down a policy waits at most, when candidate after candidate was no better than production."""

NAMED: Mapping[str, PolicyRule] = {
    "farero": PolicyRule(name="farero"),
    "never": PolicyRule(name="never", trigger="never"),
    "always": PolicyRule(name="always", trigger="always", cooldown=timedelta(0), gated=False, min_rows=1),
    "textbook": PolicyRule(name="textbook", trigger="drift-share", cooldown=timedelta(0), gated=False, min_rows=1),
}
"""The policies that replay can set beside the project's own. `always` and `textbook` promote whatever they train, as the recipes do."""


_DURATIONS = ("cooldown", "look_back")


def read_rule(name: str, values: Mapping[str, object]) -> PolicyRule:
    """A policy of one's own from the keys of a TOML file: those of `PolicyRule`, durations as text.

    Raises:
        ConfigInvalid: a key is unknown or a value does not fit; lists every one.

    >>> read_rule("mine", {"trigger": "always", "cooldown": "4w"}).cooldown.days
    28
    """
    faults: list[str] = []
    known: dict[str, object] = {}
    kinds = {item.name: item for item in fields(PolicyRule)}
    for key, value in values.items():
        if key not in kinds:
            near = get_close_matches(key, list(kinds), n=1)
            faults.append(f"{key}: there is no such setting" + (f"; did you mean {near[0]}?" if near else ""))
        elif key in _DURATIONS:
            try:
                known[key] = parse_duration(str(value))
            except ValueError as fault:
                faults.append(f"{key}: {fault}")
        elif key == "trigger" and value not in get_args(Trigger):
            faults.append(f"trigger: {value!r} is none of {', '.join(get_args(Trigger))}")
        elif key in ("share", "performance_drop", "holdout_share") and not (_is_number(value) and 0 <= float(str(value)) <= 1):
            faults.append(f"{key}: {value!r} is no share between 0 and 1")
        elif key == "min_rows" and not (isinstance(value, int) and value >= 1):
            faults.append(f"min_rows: {value!r} is no whole number of at least 1")
        elif key in ("gated", "refit") and not isinstance(value, bool):
            faults.append(f"{key}: {value!r} is neither true nor false")
        else:
            known[key] = value
    if faults:
        raise ConfigInvalid(f"The policy {name!r} has {len(faults)} faults.", faults=faults)
    return replace(PolicyRule(name=name), **known)  # type: ignore[arg-type]  # each value was checked above


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def choose(evidence: Evidence, rule: PolicyRule, at: datetime) -> Decision:
    """Whether to retrain now. Every reason that counted is named, for a "no" as well.

    Nothing is trained while there is nothing newer to learn from, or inside the cool-down.
    """
    for_it = _reasons(evidence, rule)
    against = _obstacles(evidence, rule, at) if for_it else ()
    if for_it and not against:
        action: Action = "retrain"
        because = for_it
    else:
        action = "keep"
        because = (*for_it, *against) if for_it else (_nothing(evidence, rule),)
    inputs = {key: value for key, value in asdict(evidence).items() if isinstance(value, (bool, int, float, str, type(None)))}
    return Decision(at=at, action=action, because=because, policy=rule.name, window=evidence.window, inputs=inputs)


def worth_it(current: float | None, candidate: float | None, *, higher_is_better: bool) -> bool:
    """Whether a candidate took away enough of what was wrong with production: of the error, or of what a score lacks to 1.

    An unknown figure, such as that of a first version, was worth it.

    >>> worth_it(40.0, 39.0, higher_is_better=False), worth_it(0.80, 0.82, higher_is_better=True)
    (False, True)
    """
    if current is None or candidate is None:
        return True
    before, after = (1 - current, 1 - candidate) if higher_is_better else (current, candidate)
    return before <= 0 or (before - after) / before >= LITTLE


def _reasons(evidence: Evidence, rule: PolicyRule) -> tuple[str, ...]:
    if rule.trigger == "never":
        return ()
    if rule.trigger == "always":
        return ("the policy retrains after every window",)
    if rule.trigger == "drift-share":
        if evidence.drift_share >= rule.share:
            return (f"{evidence.drift_share:.0%} of the features have p < .05, the limit is {rule.share:.0%}",)
        return ()
    reasons: list[str] = []
    if evidence.performance_fell and evidence.performance is not None and evidence.baseline is not None:
        reasons.append(
            f"{evidence.metric} is {evidence.performance:.4g} on the newest labelled rows, the best version reached {evidence.baseline:.4g}"
        )
    if evidence.loss_because:
        reasons.append(evidence.loss_because)
    if evidence.drift_alarm and not evidence.unharmed:
        reasons.append(evidence.drift_because)
    return tuple(reasons)


def _obstacles(evidence: Evidence, rule: PolicyRule, at: datetime) -> tuple[str, ...]:
    obstacles: list[str] = []
    if evidence.new_labelled < rule.min_rows:
        obstacles.append(
            f"but only {evidence.new_labelled} labelled rows are newer than what production was trained on, {rule.min_rows} are needed"
        )
    cooldown = rule.cooldown * min(2**evidence.lost, MOST_PATIENCE)
    if evidence.last_training is not None and at - evidence.last_training < cooldown:
        after = f" after {evidence.lost} contests that gained little or nothing" if evidence.lost else ""
        obstacles.append(
            f"but the last training was on {evidence.last_training:%Y-%m-%d}, inside the cool-down of {duration_text(cooldown)}{after}"
        )
    return tuple(obstacles)


def _nothing(evidence: Evidence, rule: PolicyRule) -> str:
    if rule.trigger == "never":
        return "the policy never retrains"
    if rule.trigger == "drift-share":
        return f"{evidence.drift_share:.0%} of the features have p < .05, under the limit of {rule.share:.0%}"
    if evidence.performance is None:
        return "no drift alarm, and too few labels to measure performance"
    drift = f"inputs drifted ({evidence.drift_because}), but" if evidence.drift_alarm else "no drift alarm, and"
    return f"{drift} {evidence.metric} of {evidence.performance:.4g} is within the limit of the best version's"
