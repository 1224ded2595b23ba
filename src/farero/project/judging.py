"""What a project file says of judging: what a candidate must reach to replace production, and what it may not do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from farero.project.calls import Place, caller, forgive
from farero.project.watching import MetricName


@dataclass(frozen=True, slots=True)
class Gate:
    """A candidate must beat production on `metric` by `gain` [the metric's unit], on at least `min_rows` rows held out from both.

    Whether less or more of a metric is better is known; gains and rooms are never negative.

    Attributes:
        also: further metrics, and what must be gained on each: `{"log_loss": 0.01}`; 0 = it may not be worse at all.
        no_worse: metrics, and by how much each may be worse: `{"recall": 0.02}`. Beyond chance, it may not be worse than that.
        sure: the probability of being better that is asked for, such as 0.95 [0-1]; 0 = the gain itself is enough.
        by: features whose segments may not be worse than under production by more than `segment_room`, beyond chance.
        segment_room: [the metric's unit].
        segment_rows: segments of fewer held-out rows are passed over.
        calibration: by how much the calibration error may be worse [0-1]; None = it is not looked at.
        max_changed: largest share of the rows stored with production that may be answered otherwise [0-1]; None = any.
        max_slowdown: how many times as long as production it may take to answer, where it takes longer than 20 ms for a row.
        max_size_mb: of its files; None = any size.
    """

    metric: MetricName
    gain: float = field(default=0.0, kw_only=True)
    min_rows: int = field(default=30, kw_only=True)
    also: Mapping[MetricName, float] = field(default_factory=dict, kw_only=True)
    no_worse: Mapping[MetricName, float] = field(default_factory=dict, kw_only=True)
    sure: float = field(default=0.0, kw_only=True)
    by: list[str] | tuple[str, ...] = field(default=(), kw_only=True)
    segment_room: float = field(default=0.0, kw_only=True)
    segment_rows: int = field(default=30, kw_only=True)
    calibration: float | None = field(default=0.1, kw_only=True)
    max_changed: float | None = field(default=None, kw_only=True)
    max_slowdown: float = field(default=10.0, kw_only=True)
    max_size_mb: float | None = field(default=None, kw_only=True)
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


forgive(Gate)
