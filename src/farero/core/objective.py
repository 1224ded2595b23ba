"""What is promised of a model's requests, and how fast the room for failures is used up: burn rates over several spans at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from scipy.special import bdtrc

from farero.core.finding import Finding, Severity
from farero.core.window import duration_text
from farero.errors import counted

BUCKET: Final = timedelta(minutes=5)
"""Requests are counted by spans of this length."""

PERIOD: Final = timedelta(days=30)
"""What the objective is about."""

CHANCE: Final = 1e-4
"""How likely failures at just the rate that counts may look like more: with few requests, one that fails is no outage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A promise about requests.

    Attributes:
        good: share of a month's requests that are answered, and in time [0-1).
        within_us: later than this is not in time [microseconds]; None = an answer is always in time.
    """

    good: float
    within_us: int | None = None

    @property
    def room(self) -> float:
        """Share of requests that may fail [0-1]."""
        return 1.0 - self.good


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The requests of `BUCKET`: how many there were, how many failed, and how many were answered too late."""

    start: datetime
    requests: int
    failed: int
    slow: int

    @property
    def bad(self) -> int:
        """Those that broke the promise."""
        return self.failed + self.slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast is too fast: room is used up `rate` times as fast as it may be, over the long span and, still, over the short one."""

    long: timedelta
    short: timedelta
    rate: float
    severity: Severity


SPEEDS: Final = (
    Speed(long=timedelta(hours=1), short=timedelta(minutes=5), rate=14.4, severity="critical"),
    Speed(long=timedelta(hours=6), short=timedelta(minutes=30), rate=6.0, severity="high"),
    Speed(long=timedelta(days=3), short=timedelta(hours=6), rate=1.0, severity="medium"),
)
"""2 % of a month's room within an hour, 5 % within six hours, 10 % within three days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """One speed, and what it was: `long` and `short` are the rates over its two spans, None where there was no request."""

    speed: Speed
    long: float | None
    short: float | None
    requests: int
    bad: int
    too_fast: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an objective stands.

    Attributes:
        at: the end of the newest bucket.
        requests, bad: of `PERIOD`.
        left: share of the room for failures that is left [..1]; below 0 = the promise is broken. None without a request.
    """

    objective: Objective
    at: datetime
    requests: int
    failed: int
    slow: int
    left: float | None
    burns: tuple[Burn, ...]


def standing(objective: Objective, buckets: Sequence[Bucket], at: datetime) -> Standing:
    """How the objective stands at a moment.

    A speed is too fast where more requests of its long span were bad than chance makes of requests that fail at just that rate (binomial,
    `CHANCE`), and the short span is still at that rate: so an outage that is over is not told of for another hour.

    Args:
        buckets: of the last `PERIOD`, in any order.
        at: the end of the newest bucket.

    Source: Beyer et al. (2018), The Site Reliability Workbook, chapter 5: alerts on several windows and burn rates.

    >>> from datetime import UTC
    >>> at = datetime(2024, 1, 1, 1, tzinfo=UTC)
    >>> outage = [Bucket(start=at - (n + 1) * BUCKET, requests=100, failed=60, slow=0) for n in range(3)]
    >>> [burn.too_fast for burn in standing(Objective(good=0.99), outage, at).burns]
    [True, True, True]
    """
    month = [bucket for bucket in buckets if at - PERIOD <= bucket.start < at]
    requests, failed, slow = (sum(getattr(bucket, name) for bucket in month) for name in ("requests", "failed", "slow"))
    left = 1.0 - (failed + slow) / (requests * objective.room) if requests else None
    burns = tuple(_burn(objective, month, speed, at) for speed in SPEEDS)
    return Standing(objective=objective, at=at, requests=requests, failed=failed, slow=slow, left=left, burns=burns)


def finding(stands: Standing) -> Finding | None:
    """What to tell of it: the gravest speed that is too fast; None where there is none."""
    found = next((burn for burn in stands.burns if burn.too_fast), None)
    if found is None or found.long is None:
        return None
    over = duration_text(found.speed.long)
    late = f" or took more than {stands.objective.within_us / 1000:g} ms" if stands.objective.within_us is not None else ""
    because = (
        f"{found.bad} of {counted(found.requests, 'request')} of the last {over} failed{late}: {found.long:.1f} times as many as "
        f"{stands.objective.good:.4%} allow; {max(stands.left or 0.0, 0.0):.0%} of the month's room is left"
    )
    return Finding(
        kind="SLO_BURN", subject="requests", severity=found.speed.severity, value=found.long, limit=found.speed.rate, because=because
    )


def _burn(objective: Objective, buckets: Sequence[Bucket], speed: Speed, at: datetime) -> Burn:
    requests, bad = _sums(buckets, at - speed.long)
    lately, lately_bad = _sums(buckets, at - speed.short)
    limit = min(speed.rate * objective.room, 1.0)
    by_chance = float(bdtrc(bad - 1, requests, limit)) if bad and limit < 1.0 else 1.0
    short = lately_bad / lately / objective.room if lately else None
    return Burn(
        speed=speed, long=bad / requests / objective.room if requests else None, short=short, requests=requests, bad=bad,
        too_fast=by_chance < CHANCE and short is not None and short >= speed.rate,
    )  # fmt: skip


def _sums(buckets: Sequence[Bucket], since: datetime) -> tuple[int, int]:
    own = [bucket for bucket in buckets if bucket.start >= since]
    return sum(bucket.requests for bucket in own), sum(bucket.bad for bucket in own)
