"""A rollout: a version's way to production in stages, each left for a reason that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from farero.core import approval, canary
from farero.core.approval import FARERO, Approval, ApprovalRule
from farero.core.canary import ALPHA, Compared, Kind, Ruler
from farero.core.duel import Tally
from farero.core.window import duration_text

StageKind: TypeAlias = Literal["staging", "smoke", "shadow", "approval", "canary", "production"]
Action: TypeAlias = Literal["begin", "stay", "wait", "advance", "finish", "roll back", "stop"]
Status: TypeAlias = Literal["waiting", "running", "promoted", "rolled-back", "stopped"]
SplitSeen: TypeAlias = Literal["production", "ours", "other"]

OPEN: tuple[Status, ...] = ("waiting", "running")

STAGING: Final = ".staging"
"""After the model's name: the endpoint of a version that is being smoke tested, and of nobody else."""

_APART: Final = ".shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRule:
    """How versions of a model come to serve.

    Attributes:
        steps: the canary's shares of the requests, rising [percent]; empty = from the smoke test straight to production.
        shadow_rows: requests that it answers in secret before; 0 = none.
        least_rows: requests that it must answer in each step.
        least_time: how long each step lasts at least.
        alpha: how often a canary that is no worse is rolled back [0-1].
        slow_us: what a request must take beyond production's 95th percentile to be slow [us].
    """

    steps: tuple[float, ...] = ()
    shadow_rows: int = 0
    least_rows: int = 500
    least_time: timedelta = timedelta(hours=1)
    approval: ApprovalRule = field(default_factory=ApprovalRule)
    alpha: float = ALPHA
    slow_us: float = canary.FLOOR_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where a rollout stands. `share`: of the requests that the version answers [percent]."""

    kind: StageKind
    since: datetime
    share: float = 0.0

    def __str__(self) -> str:
        return f"canary {self.share:g} %" if self.kind == "canary" else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One line of a rollout's history: what was decided in which stage, why, and what had been measured until then."""

    at: datetime
    stage: str
    action: Action
    because: tuple[str, ...]
    by: str = FARERO
    compared: tuple[Compared, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A version on its way.

    Attributes:
        number, against: the version, and the one in production when it began; None = there was none.
        by: who asked for it.
        tallies: what was counted in the stages before this one, and in this one until `counted_until`; without quality, whose labels
            come late.
        stage_rows: requests that the version answered, or failed on, in this stage until then.
        passed: the stages that lie behind it; each lasted until the next began.
        ruler: what both versions are measured by.
        failures: the counters of failed requests as they stood then, by version.
        revision: grows with every change; 0 = never stored.
    """

    model: str
    number: str
    against: str | None
    by: str
    because: str
    rule: RolloutRule
    status: Status
    started: datetime
    stage: Stage
    finished: datetime | None = None
    history: tuple[Passage, ...] = ()
    tallies: Mapping[Kind, tuple[Tally, ...]] = field(default_factory=dict)
    stage_rows: int = 0
    counted_until: datetime | None = None
    passed: tuple[Stage, ...] = ()
    ruler: Ruler = field(default_factory=Ruler)
    failures: Mapping[str, float] = field(default_factory=dict)
    id: int = 0
    revision: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it still goes on."""
        return self.status in OPEN

    @property
    def waits_for(self) -> str:
        """Why it does not go on by itself; empty where it does."""
        last = self.history[-1] if self.history else None
        return "; ".join(last.because) if self.status == "waiting" and last is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoke:
    """What came of asking the version through the real way of a request."""

    passed: bool
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known at a look.

    Attributes:
        production: the version in production now.
        state: where the version itself is in its life.
        split: what the model's endpoint does with requests: all to production, split as this stage has it, or otherwise.
        rows: requests that the version answered, or failed on, in this stage.
        frozen: why nothing may move into production now; None where it may.
    """

    production: str | None
    state: str
    split: SplitSeen = "production"
    smoke: Smoke | None = None
    rows: int = 0
    tallies: Mapping[Kind, tuple[Tally, ...]] = field(default_factory=dict)
    approvals: tuple[Approval, ...] = ()
    frozen: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to do next, and why. `stage`: where to; the present one unless it advances."""

    action: Action
    because: tuple[str, ...]
    stage: Stage
    compared: tuple[Compared, ...] = ()


def log_of(model: str, endpoint: str) -> str:
    """The prediction log of an endpoint's answers: made-up rows of a smoke test go where copies go, and never among real ones.

    >>> log_of("churn", "predict"), log_of("churn", "churn.staging")
    ('churn', 'churn.shadow')
    """
    return model + _APART if endpoint == model + STAGING else model


def begin(
    model: str, number: str, *, against: str | None, by: str, because: str, rule: RolloutRule, at: datetime
) -> Rollout:  # fmt: skip
    """A rollout at its first stage."""
    stage = Stage(kind="staging", since=at)
    return Rollout(
        model=model, number=number, against=against, by=by, because=because, rule=rule, status="running", started=at, stage=stage,
        history=(Passage(at=at, stage=str(stage), action="begin", because=(because,), by=by),),
    )  # fmt: skip


def stages(rule: RolloutRule) -> tuple[tuple[StageKind, float], ...]:
    """Every stage of a rollout and the version's share of the requests in it [percent], in order.

    >>> [kind for kind, share in stages(RolloutRule(steps=(5, 50), shadow_rows=100))]
    ['staging', 'smoke', 'shadow', 'approval', 'canary', 'canary', 'production']
    """
    shadow: tuple[tuple[StageKind, float], ...] = (("shadow", 0.0),) if rule.shadow_rows else ()
    steps: tuple[tuple[StageKind, float], ...] = tuple(("canary", share) for share in rule.steps)
    return (("staging", 0.0), ("smoke", 0.0), *shadow, ("approval", 0.0), *steps, ("production", 100.0))


def next_step(rollout: Rollout, seen: Evidence, at: datetime) -> Step:
    """What to do with an open rollout.

    It ends at once where somebody took it out of Farero's hands (another version in production, another split) or a person refused it,
    and it is rolled back where the canary is worse. Otherwise it stays until its stage has its rows and its time, waits while a person's
    word is missing or production is frozen, and goes on.
    """
    compared = canary.compare(seen.tallies, alpha=rollout.rule.alpha)

    def step(action: Action, *because: str, stage: Stage | None = None) -> Step:
        return Step(action=action, because=because, stage=stage or rollout.stage, compared=compared)

    taken = _taken_away(rollout, seen)
    if taken is not None:
        return step("stop", taken)
    refused = approval.refusal(rollout.rule.approval, seen.approvals, rollout.by)
    if refused is not None:
        return step("roll back", f"{refused.by} ({refused.role}) refused it: {refused.because}")
    harm = tuple(one.because for one in compared if one.stops)
    if harm:
        return step("roll back", *harm)
    if seen.smoke is not None and not seen.smoke.passed:
        return step("roll back", f"the smoke test failed: {seen.smoke.because}")
    lacking = _lacking(rollout, seen, at)
    if lacking is not None:
        return step("stay", lacking)
    ahead = _following(rollout, at)
    word = approval.missing(rollout.rule.approval, seen.approvals, rollout.by) if rollout.stage.kind == "approval" else None
    if word is not None:
        return step("wait", word)
    if seen.frozen is not None and ahead.kind in ("canary", "production"):
        return step("wait", f"production is frozen: {seen.frozen}")
    why = _done(rollout, seen, compared)
    return step("finish", why, stage=ahead) if ahead.kind == "production" else step("advance", why, stage=ahead)


def moved(rollout: Rollout, step: Step, at: datetime, *, by: str = FARERO) -> Rollout:
    """The rollout after the step. Staying, or waiting for the same thing still, adds no line to its history."""
    status: Status
    if step.action == "stay":
        return replace(rollout, status="running")
    if step.action == "wait" and rollout.waits_for == "; ".join(step.because):
        return rollout
    ends: Mapping[Action, Status] = {"finish": "promoted", "roll back": "rolled-back", "stop": "stopped", "wait": "waiting"}
    status = ends.get(step.action, "running")
    line = Passage(at=at, stage=str(rollout.stage), action=step.action, because=step.because, by=by, compared=step.compared)
    on = step.action in ("advance", "finish")
    return replace(
        rollout, status=status, stage=step.stage, history=(*rollout.history, line),
        finished=at if status not in OPEN else None,
        stage_rows=0 if on else rollout.stage_rows, counted_until=None if on else rollout.counted_until,
        passed=(*rollout.passed, rollout.stage) if on else rollout.passed,
    )  # fmt: skip


def _taken_away(rollout: Rollout, seen: Evidence) -> str | None:
    if seen.production != rollout.against:
        return f"{seen.production or 'no version'} is in production by now, and it was judged against {rollout.against or 'none'}"
    if seen.state != "staging" and rollout.stage.kind != "staging":
        return f"it is {seen.state} by now"
    if rollout.stage.kind == "canary" and seen.split != "ours":
        return "somebody changed how requests are split"
    return None


def _lacking(rollout: Rollout, seen: Evidence, at: datetime) -> str | None:
    """What the present stage still lacks, in words."""
    stage, rule = rollout.stage, rollout.rule
    if stage.kind == "smoke" and seen.smoke is None:
        return "the smoke test is still to come"
    if stage.kind == "shadow" and seen.rows < rule.shadow_rows:
        return f"{seen.rows} of {rule.shadow_rows} requests answered in secret"
    if stage.kind == "approval" and seen.split == "other" and rule.steps:
        return "its endpoint is split by hand; free it first"
    if stage.kind != "canary":
        return None
    if seen.rows < rule.least_rows:
        return f"{seen.rows} of {rule.least_rows} requests at {stage.share:g} %"
    if at - stage.since < rule.least_time:
        return f"at {stage.share:g} % since {stage.since:%Y-%m-%d %H:%M}; each step takes {duration_text(rule.least_time)}"
    return None


def _following(rollout: Rollout, at: datetime) -> Stage:
    way = stages(rollout.rule)
    here = way.index((rollout.stage.kind, rollout.stage.share))
    kind, share = way[here + 1]
    return Stage(kind=kind, share=share, since=at)


def _done(rollout: Rollout, seen: Evidence, compared: tuple[Compared, ...]) -> str:
    kind = rollout.stage.kind
    if kind == "staging":
        return "it is in staging"
    if kind == "smoke" and seen.smoke is not None:
        return seen.smoke.because
    if kind == "shadow":
        return f"{seen.rows} requests answered in secret"
    if kind == "approval":
        said = approval.standing(rollout.rule.approval, seen.approvals, rollout.by)
        names = ", ".join(f"{one.by} ({one.role})" for one in said if one.approved)
        return f"approved by {names}" if names else "nobody needs to approve it"
    kinds = ", ".join(one.kind for one in compared if one.kind in canary.STOPPING)
    return f"{seen.rows} requests at {rollout.stage.share:g} %: no worse in {kinds}"
