"""When to retrain: a decision is a value with its reasons, and "no" is a decision too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from farero.core.window import Window

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a decision may look at; everything was known at the window's end.

    Attributes:
        drift_alarm: the drift verdict of this window; `drift_because` in words.
        drift_share: share of features with p < .05 in this window [0-1].
        performance: metric of the newest labelled rows under the version in production, and its baseline; None while unknown.
        new_labelled: labelled rows newer than what production was trained on.
        last_training: when the last training was started; None = never by the loop.
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
    new_labelled: int
    last_training: datetime | None
    frozen_because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do after a window, and why. `inputs` are the figures it was made from, so that it can be replayed."""

    at: datetime
    action: Action
    because: tuple[str, ...]
    policy: str
    window: Window
    inputs: Mapping[str, float | str | bool | None] = field(default_factory=dict)
