"""What a project file says of renewing a model: when to retrain, what a candidate must reach, how it comes to serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from farero.core.job import Missed
from farero.project.calls import Place, caller, forgive
from farero.project.judging import Gate
from farero.project.rolling import Rollout

Trigger: TypeAlias = Literal["evidence", "never", "always", "drift-share"]


Leakage: TypeAlias = Literal["refuse", "warn", "allow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to train. Where a policy names several, they compete in every retraining on the same held-out rows.

    Attributes:
        look_back: how much history to train on; None = all.
        half_life: a row that is older by so much is drawn half as often; None = every row is drawn.
        params: what `train` finds in `data.params`: plain values such as {"max_depth": 6}.
    """

    look_back: str | None = None
    half_life: str | None = None
    params: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How the model is kept fresh.

    Attributes:
        gate: what a candidate must reach; without one it must not be worse on the project's metric.
        cooldown: least time between two trainings.
        look_back: how much history to train on; None = judged anew in every retraining.
        candidates: the ways to train that compete; without any, all history and several look-backs do.
        blend: whether the mean of what models trained in several of these ways answer may win; False = one of them alone.
        budget: the share of windows, over time, that may end in a retraining [0-1]; what is not used is saved for a change, up to a limit.
        every: a retraining is due after so long at the latest, whatever the evidence says; None = never for that reason.
        train_rows: a training on fewer rows is refused.
        leakage: what becomes of a training whose rows have a feature that determines the label. One that equals it is always refused,
            unless "allow".
        window: how often the model is looked at: after a time, such as "6h", "1d", "1w", or after so many rows, such as "1000 rows".
        performance_drop: relative fall under the version's own baseline that counts [0-1].
        min_rows: least number of new labelled rows for a training.
        holdout_share: the newest share of the new rows, which judges candidate and production [0-1].
        trigger: "evidence" (drift or fallen performance), "drift-share", "always" or "never"; `share` goes with drift-share [0-1].
        gated: False promotes every candidate.
        schedule: when to retrain whatever the evidence says: cron ("0 2 * * *") or Quartz; None = never. `timezone` is its zone.
        rollout: how a version that won comes to serve; without one it does at once, after its smoke test. A replay always does so.
        missed: what becomes of a moment of the schedule at which nothing ran: "once" or "skip".
    """

    name: str = "farero"
    gate: Gate | None = None
    cooldown: str = "7d"
    look_back: str | None = None
    candidates: Sequence[Candidate] = ()
    blend: bool = True
    budget: float = 0.24
    every: str | None = None
    train_rows: int = 20
    leakage: Leakage = "warn"
    window: str = "1d"
    performance_drop: float = 0.05
    min_rows: int = 50
    holdout_share: float = 0.3
    trigger: Trigger = "evidence"
    share: float = 0.3
    gated: bool = True
    schedule: str | None = None
    timezone: str = "UTC"
    missed: Missed = "once"
    rollout: Rollout | None = None
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Where risk turns from low to medium and from medium to high [0-1]."""

    medium_from: float = 0.3
    high_from: float = 0.7
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


for _kind in (Candidate, Policy, Risk):
    forgive(_kind)
