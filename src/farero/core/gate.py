"""Whether a candidate may replace production: both on the same held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from farero.core.contest import Difference
from farero.core.guards import Check

WORSE_Z = 1.645
"""One-sided 95 %: a candidate whose losses are larger than production's beyond this is refused, whatever the metric says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """What a candidate must reach.

    Attributes:
        metric: on which it must beat production.
        gain: by how much at least [the metric's unit].
        min_rows: on how many held-out rows at least.
        also: further metrics -> what must be gained on each at least.
        no_worse: metrics -> by how much each may be worse; beyond chance, it may not be worse than that.
        sure: probability of being better on `metric` that is asked for [0-1]; 0 = none.
        by: features whose segments may not be worse than under production by more than `segment_room`, beyond chance.
        segment_rows: segments of fewer rows are passed over.
        calibration: by how much the calibration error may be worse [0-1]; None = it is not looked at.
        floors: metrics -> what a first version must reach: the least where more is better, the most for errors.
        max_changed: largest share of known rows that may be answered otherwise [0-1]; None = any.
        max_slowdown: how many times as long as production it may take to answer.
        max_size_mb: of its files; None = any size.
    """

    metric: str
    gain: float = 0.0
    min_rows: int = 30
    also: Mapping[str, float] = field(default_factory=dict)
    no_worse: Mapping[str, float] = field(default_factory=dict)
    sure: float = 0.0
    by: tuple[str, ...] = ()
    segment_room: float = 0.0
    segment_rows: int = 30
    calibration: float | None = 0.1
    floors: Mapping[str, float] = field(default_factory=dict)
    max_changed: float | None = None
    max_slowdown: float = 10.0
    max_size_mb: float | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that the rule names, each once, the one that decides first."""
        return tuple(dict.fromkeys((self.metric, *self.also, *self.no_worse)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of a contest. A refusal is a result, not an error."""

    accepted: bool
    metric: Mapping[str, float | None]
    because: tuple[str, ...]
    rows: int = 0
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """metric name -> {"current": …, "candidate": …} for every metric of the project."""
    against: str | None = None
    """The version that was in production at the contest; None = there was none."""
    checks: tuple[Check, ...] = ()
    """All that was asked of the candidate, in order; empty in verdicts of Farero 0.1.0 and earlier."""
    differences: tuple[Difference, ...] = ()
    """What was gained on each metric that the gate names, how sure that is; the one that decides first."""


def judge(
    rule: GateRule,
    *,
    current: Mapping[str, float],
    candidate: Mapping[str, float],
    higher_is_better: bool,
    loss_difference: NDArray[np.float64],
    share_answered: float = 1.0,
    differences: Sequence[Difference] = (),
    more: Sequence[Check] = (),
    outdated: bool = False,
) -> Verdict:
    """Compare a candidate with production on the same held-out rows.

    Args:
        current: production's metrics by name, on the held-out rows.
        candidate: the candidate's, on the same rows.
        higher_is_better: the direction of `rule.metric`.
        loss_difference: (n,) candidate's loss less production's loss, row by row; negative = the candidate is better.
        share_answered: share of rows that the candidate answered with a finite value [0-1].
        differences: of the metrics that the rule names (`contest.compare`). Without them, only the first four questions are asked.
        more: what else was asked.
        outdated: whether labels showed that production does worse than it did, or that models age here, and the way the candidate was
            trained will learn from these rows, too, before it serves. Then a tie goes to the candidate: where no gain is named, it need
            only not be worse beyond chance. It lacks the newest rows, which production's fall is about.

    Returns:
        Accepted when there are enough rows, the metric gains at least `rule.gain` (more than nothing where the gain is 0), the paired
        losses are not larger beyond chance, and nothing else that was asked failed.
    """
    rows = int(loss_difference.size)
    names = [name for name in current if name in candidate]
    metrics = {name: {"current": current[name], "candidate": candidate[name]} for name in names}
    old, new = current.get(rule.metric), candidate.get(rule.metric)
    pair = {"current": old, "candidate": new}

    def verdict(checks: Sequence[Check], won: str = "") -> Verdict:
        failed = tuple(check.because for check in checks if check.passed is False)
        return Verdict(
            accepted=not failed, metric=pair, because=failed or (won,), rows=rows, metrics=metrics, checks=tuple(checks),
            differences=tuple(differences),
        )  # fmt: skip

    enough = rows >= rule.min_rows
    checks = [
        Check(
            name="rows", passed=enough, figures={"rows": float(rows), "needed": float(rule.min_rows)},
            because=f"{rows} held-out rows" if enough else f"only {rows} held-out rows have labels, {rule.min_rows} are needed to judge",
        )
    ]  # fmt: skip
    if not enough:
        return verdict(checks)
    left = f"the candidate left {1 - share_answered:.1%} of the held-out rows without a finite answer"
    checks.append(
        Check(name="answers", passed=share_answered >= 1.0, because=left if share_answered < 1.0 else "every row has a finite answer")
    )
    if share_answered < 1.0:
        return verdict([*checks, *more])
    if old is None or new is None:
        undefined = f"{rule.metric} is undefined on the held-out rows, for example because only one class occurs"
        return verdict([*checks, Check(name="gain", passed=False, because=undefined), *more])
    gain = new - old if higher_is_better else old - new
    told = f"{rule.metric} {new:.4g} against {old:.4g} on {rows} held-out rows: a gain of {gain:.4g}"
    gained = not (gain < rule.gain or gain <= 0)
    if not gained and outdated and _is_tie(rule, differences):
        gained, told = True, f"{told}, not worse beyond chance, and production fails or grows old"
    checks.append(
        Check(
            name="gain", passed=gained, figures={"current": old, "candidate": new, "gain": gain, "needed": rule.gain},
            because=told if gained else f"{told}, {rule.gain:.4g} or more is needed",
        )
    )  # fmt: skip
    if gained:
        checks.append(_losses(rule.metric, gain, loss_difference))
    return verdict([*checks, *_guarded(rule, differences), *more], told)


def _is_tie(rule: GateRule, differences: Sequence[Difference]) -> bool:
    """Whether the candidate is not worse beyond chance, where no least gain is named."""
    found = next((difference for difference in differences if difference.metric == rule.metric), None)
    return rule.gain <= 0 and found is not None and found.gain is not None and not found.is_worse_by(0.0)


def _losses(metric: str, gain: float, loss_difference: NDArray[np.float64]) -> Check:
    """Whether the candidate's losses are larger beyond chance, although its metric gains."""
    spread = float(np.std(loss_difference, ddof=1)) / sqrt(loss_difference.size)
    z = float(np.mean(loss_difference)) / spread if spread > 0 else 0.0
    if z > WORSE_Z:
        because = f"{metric} gains {gain:.4g}, but row by row its losses are larger than production's (z = {z:.1f})"
    else:
        because = f"row by row its losses are not larger than production's beyond chance (z = {z:.1f})"
    return Check(name="losses", passed=z <= WORSE_Z, because=because, figures={"z": z})


def _guarded(rule: GateRule, differences: Sequence[Difference]) -> list[Check]:
    """What the rule asks of the gain's sureness and of further metrics."""
    found = {difference.metric: difference for difference in differences}
    checks = []
    if rule.sure > 0:
        better = found[rule.metric].better if rule.metric in found else None
        asked = f"{rule.sure:.1%} is asked for"
        told = f"how sure it is to be better cannot be told, {asked}" if better is None else f"better with a probability of {better:.1%}"
        passed = better is not None and better >= rule.sure
        figures = {} if better is None else {"better": better, "needed": rule.sure}
        checks.append(Check(name="sure", passed=passed, because=told if passed or better is None else f"{told}, {asked}", figures=figures))
    for name, needed in rule.also.items():
        checks.append(_also(name, needed, found.get(name)))
    for name, room in rule.no_worse.items():
        checks.append(_no_worse(name, room, found.get(name)))
    return checks


def _also(name: str, needed: float, found: Difference | None) -> Check:
    if found is None or found.gain is None:
        return Check(name=f"gain of {name}", passed=False, because=f"{name} is undefined on the held-out rows")
    passed = found.gain >= needed
    told = f"{name} {found.candidate:.4g} against {found.current:.4g}: a gain of {found.gain:.4g}"
    because = told if passed else f"{told}, {needed:.4g} or more is needed"
    return Check(name=f"gain of {name}", passed=passed, because=because, figures=_figures(found, "needed", needed))


def _no_worse(name: str, room: float, found: Difference | None) -> Check:
    if found is None or found.gain is None:
        return Check(name=f"no worse {name}", passed=None, because=f"{name} is undefined on the held-out rows")
    worse = found.is_worse_by(room)
    told = f"{name} {found.candidate:.4g} against {found.current:.4g}"
    because = f"{told}: worse by more than {room:.4g}, beyond chance" if worse else told
    return Check(name=f"no worse {name}", passed=not worse, because=because, figures=_figures(found, "room", room))


def _figures(found: Difference, word: str, value: float) -> dict[str, float]:
    named = {"current": found.current, "candidate": found.candidate, "gain": found.gain, "low": found.low, "high": found.high, word: value}
    return {name: figure for name, figure in named.items() if figure is not None}
