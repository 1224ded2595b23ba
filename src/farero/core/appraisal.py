"""How well a model did once labels came, as every face shows it: metrics with intervals, segments, and how much is labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from farero.core.finding import Finding
from farero.core.measured import Measured
from farero.core.reliability import Calibration
from farero.core.segments import BySegment


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFigures:
    """The labelled rows that one version answered, and the project's metric on them."""

    version: str
    rows: int
    metric: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFigures:
    """One window: how much of it is labelled, and the project's metric on that.

    Attributes:
        rows, labelled, share: predictions, those whose label is known, and the one over the other [0-1].
        age_s: how long ago the window ended [s].
        mature: older than labels may take.
        usual, least: the share of labels that earlier windows had at this age, and below which labels are late; None = too few windows.
        metric: on the labels that are in.
        same_age: the metric on up to 30 earlier windows, each with those labels only that were in at this age; None for mature windows
            but the newest, and where there is no earlier one.
    """

    start: datetime
    end: datetime
    rows: int
    labelled: int
    share: float
    age_s: float
    mature: bool
    usual: float | None
    least: float | None
    late: bool
    metric: Measured
    same_age: Measured | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AtAge:
    """All mature windows as they stood at one age [s]: the share of labels that were in, and the project's metric on these."""

    age_s: float
    share: float
    metric: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A row is in the segment `segment` of this feature."""

    feature: str
    segment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakSegment:
    """A segment that the search found and the test confirmed; figures are of the half of the rows that it was not found on.

    Attributes:
        where: one condition or two.
        rows, share: its rows, and their share of that half [0-1].
        loss, rest_loss: mean loss in it and outside.
        p_value: that it is no more than a tenth worse; confirmed below `false_alarm_rate` / 5.
        metric, rest: the project's metric in it and outside.
    """

    where: tuple[Condition, ...]
    rows: int
    share: float
    loss: float
    rest_loss: float
    p_value: float
    metric: Measured
    rest: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakSegments:
    """What the search found.

    Attributes:
        searched: segments that were large enough to be looked at.
        loss: the metric whose loss of a row was compared.
        false_alarm_rate: how often a report names a segment although none is weak.
        because: why nothing was searched; empty where something was.
    """

    searched: int
    loss: str
    false_alarm_rate: float
    segments: tuple[WeakSegment, ...]
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal:
    """Realized performance of one model over [start, end), with the labels known at `at`.

    Attributes:
        version: only rows that it answered; None = whoever answered.
        rows, labelled: predictions, and those whose label is known.
        metric: the project's; `higher_is_better` says of it.
        level: how often each interval holds the truth [0-1].
        metrics: on all labelled rows.
        baseline: the same on rows that judged `baseline_version` (the one asked for, else the one in production) before it served; empty
            where there are none.
        versions: by version, newest last.
        by: by segment of the features asked for.
        windows: oldest first, those that have ended.
        ages: mature windows as they stood at several ages.
        caveats: what to keep in mind with these figures.
    """

    model: str
    start: datetime
    end: datetime
    at: datetime
    version: str | None
    rows: int
    labelled: int
    metric: str
    higher_is_better: bool
    level: float
    arrives_within_s: float
    metrics: tuple[Measured, ...]
    baseline: tuple[Measured, ...]
    baseline_version: str | None
    calibration: Calibration | None
    versions: tuple[VersionFigures, ...]
    by: tuple[BySegment, ...]
    weak: WeakSegments
    windows: tuple[WindowFigures, ...]
    ages: tuple[AtAge, ...]
    findings: tuple[Finding, ...]
    caveats: tuple[str, ...]


def named(metrics: Sequence[Measured], name: str) -> Measured | None:
    """The figure of this name, if it is among them.

    >>> found = named([Measured(name="mae", value=2.0, rows=3)], "mae")
    >>> found.value if found else None
    2.0
    """
    return next((one for one in metrics if one.name == name), None)
