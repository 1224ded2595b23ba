"""Whether a candidate may replace production: both on the same held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
