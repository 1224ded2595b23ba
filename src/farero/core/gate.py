"""Whether a candidate may replace production: both on the same held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

WORSE_Z = 1.645
"""One-sided 95 %: a candidate whose losses are larger than production's beyond this is refused, whatever the metric says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """A candidate must beat production on `metric` by at least `gain` [the metric's unit], measured on at least `min_rows` rows."""

    metric: str
    gain: float = 0.0
    min_rows: int = 30


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


def judge(
    rule: GateRule,
    *,
    current: Mapping[str, float],
    candidate: Mapping[str, float],
    higher_is_better: bool,
    loss_difference: NDArray[np.float64],
    share_answered: float = 1.0,
) -> Verdict:
    """Compare a candidate with production on the same held-out rows.

    Args:
        current: production's metrics by name, on the held-out rows.
        candidate: the candidate's, on the same rows.
        higher_is_better: the direction of `rule.metric`.
        loss_difference: (n,) candidate's loss less production's loss, row by row; negative = the candidate is better.
        share_answered: share of rows that the candidate answered with a finite value [0-1].

    Returns:
        Accepted when there are enough rows, the metric gains at least `rule.gain` (more than nothing where the gain is 0), and the
        paired losses are not larger beyond chance.
    """
    rows = int(loss_difference.size)
    names = [name for name in current if name in candidate]
    metrics = {name: {"current": current[name], "candidate": candidate[name]} for name in names}
    old, new = current.get(rule.metric), candidate.get(rule.metric)
    pair = {"current": old, "candidate": new}

    def verdict(accepted: bool, because: str) -> Verdict:
        return Verdict(accepted=accepted, metric=pair, because=(because,), rows=rows, metrics=metrics)

    if rows < rule.min_rows:
        return verdict(False, f"only {rows} held-out rows have labels, {rule.min_rows} are needed to judge")
    if share_answered < 1.0:
        return verdict(False, f"the candidate left {1 - share_answered:.1%} of the held-out rows without a finite answer")
    if old is None or new is None:
        return verdict(False, f"{rule.metric} is undefined on the held-out rows, for example because only one class occurs")
    gain = new - old if higher_is_better else old - new
    if gain < rule.gain or gain <= 0:
        return verdict(
            False,
            f"{rule.metric} {new:.4g} against {old:.4g} on {rows} held-out rows: a gain of {gain:.4g}, {rule.gain:.4g} or more is needed",
        )
    spread = float(np.std(loss_difference, ddof=1)) / sqrt(rows)
    z = float(np.mean(loss_difference)) / spread if spread > 0 else 0.0
    if z > WORSE_Z:
        return verdict(False, f"{rule.metric} gains {gain:.4g}, but row by row its losses are larger than production's (z = {z:.1f})")
    return verdict(True, f"{rule.metric} {new:.4g} against {old:.4g} on {rows} held-out rows: a gain of {gain:.4g}")
