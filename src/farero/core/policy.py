"""When to retrain: a decision is a value with its reasons, and "no" is a decision too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Literal, TypeAlias, get_args

from farero.core.competition import FEWEST_ROWS, Entrant
from farero.core.gain import DOUBLE, LITTLE
from farero.core.window import Window, duration_text, parse_duration
from farero.errors import ConfigInvalid, Corrupt

Action: TypeAlias = Literal["keep", "retrain"]
Trigger: TypeAlias = Literal["evidence", "never", "always", "drift-share"]
Leakage: TypeAlias = Literal["refuse", "warn", "allow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """How a model is kept fresh.

    Attributes:
        name: shown in reports.
        trigger: evidence = a drift alarm, a fall of realized or estimated performance, or enough new rows to gain by; drift-share =
            `share` of the features with KS p < .05; always = every window; never.
        performance_drop: a relative fall under the version's own baseline that counts as evidence [0-1].
        share: for drift-share, the share of features [0-1].
        cooldown: least time between two trainings.
        budget: for evidence, the share of windows with new labels that may, over time, end in a retraining [0-1]; 1 = all.
        every: after so long a retraining is due, whatever the evidence says; None = never for that reason.
        look_back: how much history to train on; None = several look-backs compete with all history.
        candidates: the ways to train that compete; empty = see `competition.entrants`.
        blend: whether the mean of what models trained in several of these ways answer may win.
        train_rows: a training on fewer rows is refused.
        leakage: what becomes of rows with a feature that determines the label; one that equals it is refused unless "allow".
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
    budget: float = 0.24
    every: timedelta | None = None
    look_back: timedelta | None = None
    candidates: tuple[Entrant, ...] = ()
    blend: bool = True
    train_rows: int = FEWEST_ROWS
    leakage: Leakage = "warn"
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
        baseline: the surest that any version in production was measured at before it served; a model that was retrained in bad
            times must not make bad times the standard.
        performance_fell: whether that fall is larger than the policy's limit and than chance explains.
        performance_fresh: whether it was measured on rows of this very window, among others: then it says what a drift of the inputs did.
        loss_because: evidence gathered over windows that labelled rows lose more than those that judged the version; "" = none.
        new_labelled: labelled rows newer than what production was trained on.
        last_training: end of the window after which the last training was decided; None = never by the loop.
        lost: contests in a row that were lost, or won by less than `worth_it` asks; each doubles the cool-down, up to `MOST_PATIENCE`
            times, unless labels show that the model does worse.
        gained: share of what was wrong that the last contest took away [..1]; None = there was none, or it cannot be said.
        growth_needed: how many times the rows that production learnt from make another retraining worth it (`core.gain`).
        saved: retrainings that the budget allows by now, this window's share included.
        below_target: why performance is below what its owner accepts; "" = it is not.
        estimated_because: why performance is estimated to be worse than when the version was judged; "" = it is not, or labels say it.
        trained_until: what production was trained until; None = it is not known.
        learnt_from: rows that production learnt from; None = it is not known.
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
    gained: float | None = None
    growth_needed: float = DOUBLE
    saved: float = 1.0
    below_target: str = ""
    estimated_because: str = ""
    trained_until: datetime | None = None
    learnt_from: int | None = None

    @property
    def unharmed(self) -> bool:
        """Whether labels of this window show that the model does as well as ever."""
        return self.performance_fresh and self.performance is not None and not self.labels_complain

    @property
    def labels_complain(self) -> bool:
        """Whether labels show that the model does worse than it did, or than it should."""
        return bool(self.performance_fell or self.loss_because or self.below_target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do after a window, and why. `inputs` are the figures it was made from, so that it can be replayed."""

    at: datetime
    action: Action
    because: tuple[str, ...]
    policy: str
    window: Window
    inputs: Mapping[str, float | str | bool | None] = field(default_factory=dict)


SAVED_AT_FIRST = 0.5
"""Of a retraining, when a model begins to serve: a young model has the most to learn from what comes next."""

MOST_SAVED = 4.0
"""Retrainings that a policy saves up at most, for a change that needs several in a row."""

MOST_PATIENCE = 8
"""How many times the cool-down a policy waits at most, when candidate after candidate was no better than production."""

NAMED: Mapping[str, PolicyRule] = {
    "farero": PolicyRule(name="farero"),
    "never": PolicyRule(name="never", trigger="never"),
    "always": PolicyRule(name="always", trigger="always", cooldown=timedelta(0), gated=False, min_rows=1),
    "textbook": PolicyRule(name="textbook", trigger="drift-share", cooldown=timedelta(0), gated=False, min_rows=1),
}
"""The policies that replay can set beside the project's own. `always` and `textbook` promote whatever they train, as the recipes do."""


_TOLERANCE = 1e-9
"""Shares of a budget that add up to 1 do so but for rounding."""

_MOMENTS = ("last_training", "trained_until")
_DURATIONS = ("cooldown", "look_back", "every")


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
        elif key == "candidates":
            known[key] = _candidates(value, faults)
        elif key == "leakage" and value not in get_args(Leakage):
            faults.append(f"leakage: {value!r} is none of {', '.join(get_args(Leakage))}")
        elif key in ("share", "performance_drop", "holdout_share", "budget") and not (_is_number(value) and 0 <= float(str(value)) <= 1):
            faults.append(f"{key}: {value!r} is no share between 0 and 1")
        elif key in ("min_rows", "train_rows") and not (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
            faults.append(f"{key}: {value!r} is no whole number of at least 1")
        elif key in ("gated", "refit", "blend") and not isinstance(value, bool):
            faults.append(f"{key}: {value!r} is neither true nor false")
        else:
            known[key] = value
    if faults:
        raise ConfigInvalid(f"The policy {name!r} has {len(faults)} faults.", faults=faults)
    return replace(PolicyRule(name=name), **known)  # type: ignore[arg-type]  # each value was checked above


def _candidates(value: object, faults: list[str]) -> tuple[Entrant, ...]:
    """Each a table with look_back, half_life and params: [[candidates]] in TOML."""
    if not isinstance(value, list):
        faults.append("candidates: write [[candidates]] tables with look_back, half_life and params")
        return ()
    found: list[Entrant] = []
    for number, line in enumerate(value):
        place = f"candidates[{number}]"
        if not isinstance(line, dict) or line.keys() - {"look_back", "half_life", "params"}:
            faults.append(f"{place}: takes look_back, half_life and params, nothing else")
            continue
        params = line.get("params", {})
        if not isinstance(params, dict) or not all(isinstance(one, (bool, int, float, str)) for one in params.values()):
            faults.append(f"{place}.params: must be a table of plain values")
            params = {}
        lengths: dict[str, timedelta | None] = {"look_back": None, "half_life": None}
        for key in lengths:
            try:
                lengths[key] = parse_duration(str(line[key])) if key in line else None
            except ValueError as fault:
                faults.append(f"{place}.{key}: {fault}")
        found.append(Entrant(look_back=lengths["look_back"], half_life=lengths["half_life"], params=params))
    return tuple(found)


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
    for name in _MOMENTS:
        moment: datetime | None = getattr(evidence, name)
        inputs[name] = moment.isoformat() if moment is not None else None
    return Decision(at=at, action=action, because=because, policy=rule.name, window=evidence.window, inputs=inputs)


def saved(before: float | None, *, retrained: bool, labelled: bool, rule: PolicyRule) -> float:
    """Retrainings that the budget allows after one more window.

    Args:
        before: what it allowed after the window before, and `retrained` whether one was spent then; None = there was none.
        labelled: whether this window brought new labels; without any there is nothing to learn, and nothing is saved.

    >>> rule = PolicyRule(name="farero", budget=0.25)
    >>> saved(None, retrained=False, labelled=True, rule=rule), saved(1.0, retrained=True, labelled=True, rule=rule)
    (0.75, 0.25)
    """
    left = SAVED_AT_FIRST if before is None else before - retrained
    return min(MOST_SAVED, left + (rule.budget if labelled else 0.0))


def outdated(decision: Decision) -> bool:
    """Whether labels showed, when this was decided, that production did worse than it did, or than it should, or grows old.

    It grows old where the last contest took away so much that fewer than twice the rows are worth another.
    """
    needed = decision.inputs.get("growth_needed")
    ages = isinstance(needed, (int, float)) and needed < DOUBLE
    return ages or any(bool(decision.inputs.get(name)) for name in ("performance_fell", "loss_because", "below_target"))


def again(decision: Decision, rule: PolicyRule) -> Decision:
    """The decision that the stored inputs of another lead to under a rule: the same one, if the rule is the one that it was made by.

    Raises:
        Corrupt: the inputs are not those of a decision after a window, such as those of one that a person forced.
    """
    known = {item.name for item in fields(Evidence)} - {"window"}
    given: dict[str, object] = {name: value for name, value in decision.inputs.items() if name in known}
    for name in _MOMENTS:
        if isinstance(given.get(name), str):
            given[name] = datetime.fromisoformat(str(given[name]))
    try:
        evidence = Evidence(window=decision.window, **given)  # type: ignore[arg-type]  # they were written from an Evidence
    except TypeError as fault:
        raise Corrupt(f"The decision on {decision.window} cannot be made again from its inputs: {fault}.") from fault
    return choose(evidence, rule, decision.at)


def _reasons(evidence: Evidence, rule: PolicyRule) -> tuple[str, ...]:
    if rule.trigger == "never":
        return ()
    due = _due(evidence, rule)
    if due:
        return (due,)
    if rule.trigger == "always":
        return ("the policy retrains after every window",)
    if rule.trigger == "drift-share":
        if evidence.drift_share >= rule.share:
            return (f"{evidence.drift_share:.0%} of the features have p < .05, the limit is {rule.share:.0%}",)
        return ()
    reasons: list[str] = []
    if evidence.performance_fell and evidence.performance is not None and evidence.baseline is not None:
        reasons.append(
            f"{evidence.metric} is {evidence.performance:.4g} on the newest labelled rows, the surest baseline is {evidence.baseline:.4g}"
        )
    if evidence.below_target:
        reasons.append(evidence.below_target)
    if evidence.loss_because:
        reasons.append(evidence.loss_because)
    if evidence.estimated_because:
        reasons.append(evidence.estimated_because)
    if evidence.drift_alarm and not evidence.unharmed:
        reasons.append(evidence.drift_because)
    if evidence.learnt_from and evidence.new_labelled >= (evidence.growth_needed - 1) * evidence.learnt_from:
        reasons.append(_grown(evidence))
    return tuple(reasons)


def _grown(evidence: Evidence) -> str:
    told = f"production has learnt from {evidence.learnt_from} rows, and {evidence.new_labelled} new ones have labels by now"
    if evidence.gained is None or evidence.gained < LITTLE or evidence.growth_needed >= DOUBLE:
        return told
    return f"the last retraining took away {evidence.gained:.0%} of what was wrong, so another may: {told}"


def _due(evidence: Evidence, rule: PolicyRule) -> str:
    last = max((moment for moment in (evidence.last_training, evidence.trained_until) if moment is not None), default=None)
    if rule.every is None or last is None or evidence.window.end - last < rule.every:
        return ""
    return f"the policy retrains every {duration_text(rule.every)}, and the last training was on {last:%Y-%m-%d}"


def _obstacles(evidence: Evidence, rule: PolicyRule, at: datetime) -> tuple[str, ...]:
    obstacles: list[str] = []
    if evidence.new_labelled < rule.min_rows:
        obstacles.append(
            f"but only {evidence.new_labelled} labelled rows are newer than what production was trained on, {rule.min_rows} are needed"
        )
    if rule.trigger == "evidence" and rule.budget < 1 and evidence.saved < 1 - _TOLERANCE:
        obstacles.append(f"but the budget of {rule.budget:.0%} of the windows is spent: {evidence.saved:.2f} of a retraining is saved")
    # A lost contest says that this candidate was no better, not that the model does well. Where labels say that it does not, the budget
    # alone holds back: on elec2, waiting longer there lost a fifth of what retraining gains.
    patient = not evidence.labels_complain
    cooldown = rule.cooldown * (min(2**evidence.lost, MOST_PATIENCE) if patient else 1)
    # Where a clock was set back the last training lies ahead; how long ago it was, nobody knows, and the budget still holds.
    if evidence.last_training is not None and timedelta(0) <= at - evidence.last_training < cooldown:
        after = f" after {evidence.lost} contests that gained little or nothing" if evidence.lost and patient else ""
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
    return f"{drift} {evidence.metric} of {evidence.performance:.4g} is within the limit of the surest baseline"
