"""Why performance fell: the parts of a change of mean loss, which add up to it, and what each is sure to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

LABELS_NOTE: Final = (
    "Only rows with a label count, on both sides; where labels come sooner for some rows than for others, that is part of it."
)

SURROGATES: Final = {
    "accuracy": "share of wrong answers", "precision": "share of wrong answers", "recall": "share of wrong answers",
    "f1": "share of wrong answers", "roc_auc": "log loss", "log_loss": "log loss", "brier": "Brier score", "r2": "squared error",
    "rmse": "squared error", "mae": "absolute error", "mape": "relative error",
}  # fmt: skip
"""The mean loss that stands for each metric: a part of a mean can be told per row, a part of an area or a ratio cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the change of the mean loss, with its 95 % interval. Above 0 = it made things worse."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturePart:
    """What of the inputs' part goes with one feature; `sampling_error` is the standard error of a sampled Shapley value, 0 where exact."""

    feature: str
    part: Part
    sampling_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A level or a range of one feature.

    Attributes:
        share, loss: of the reference and of the current rows; None where there is no row.
        mix: what its growing or shrinking adds to the change.
        within: what its own change of loss adds. `mix` and `within` of all segments of a feature add up to the whole change.
        clear: `within` is beyond chance, with all segments that were looked at taken into account.
    """

    name: str
    share: tuple[float, float]
    loss: tuple[float | None, float | None]
    mix: float
    within: Part
    clear: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSegments:
    """The segments of one feature; `uneven_p`: how likely chance alone makes their losses change as differently as they did."""

    feature: str
    uneven_p: float | None
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A change of mean loss, taken apart.

    Attributes:
        rows, loss: of the reference and of the current rows.
        total: the change of the mean loss; `known_inputs + new_inputs + relation` is exactly it.
        known_inputs: inputs that the reference holds too, but fewer of them (or more).
        new_inputs: inputs that the reference hardly holds.
        relation: the same inputs lose more (or less) than they did.
        features: `inputs` by feature.
        unshared: what the features leave over: with it they add up to `inputs` exactly.
        overlap: how alike the inputs are [0-1]: 1 = the same, 0 = nothing in common, and the parts cannot be told apart.
        effective_rows: rows of either side that the relation's part rests on.
        by_segment: the same change by level or range of each feature.
    """

    rows: tuple[int, int]
    loss: tuple[float, float]
    total: Part
    known_inputs: Part
    new_inputs: Part
    inputs: Part
    relation: Part
    features: tuple[FeaturePart, ...]
    unshared: float
    overlap: float
    effective_rows: tuple[float, float]
    by_segment: tuple[FeatureSegments, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """[start, end)."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropReport:
    """An explanation with what it is about.

    Attributes:
        metrics: on the reference and on the current rows; None where it is undefined.
        loss_name: the mean loss that stands for the metric; see `SURROGATES`.
        current: the rows that are explained.
        reference: what they are set against; None = the rows that judged the version.
    """

    model: str
    version: str
    metric: str
    metrics: tuple[float | None, float | None]
    loss_name: str
    current: Span
    reference: Span | None
    explanation: Explanation
    notes: tuple[str, ...] = ()

    @property
    def beside(self) -> str:
        """What the current rows are set against, in words."""
        return f"the rows that judged {self.version}" if self.reference is None else str(self.reference)
