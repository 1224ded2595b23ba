"""The shapes of requests and answers of the REST face."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from farero.core.contest import Difference
from farero.core.guards import Check


class Strict(BaseModel):
    """A request: unknown members are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


def _in_reach(time: datetime) -> datetime:
    if not 1900 <= time.year <= 9000:  # so that it can be told in UTC, and a window's length be taken from it or added
        raise ValueError("the year must be from 1900 to 9000")
    return time


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL character (U+0000) cannot be stored; leave it out")
    return text


Moment = Annotated[AwareDatetime, AfterValidator(_in_reach)]
Since = Annotated[Moment | None, Query(alias="from", description="Only predictions made at this time or later.")]
Until = Annotated[Moment | None, Query(alias="to", description="Only predictions made before this time.")]
Name = Annotated[str, AfterValidator(_storable)]


class LabelIn(Strict):
    """One label: for a request and its row, or for an entity key at a time."""

    label: str | bool | int | float | None
    request_id: Name | None = None
    row: int = Field(default=0, ge=0, lt=2**31)
    key: Name | None = None
    time: Moment | None = None
    known_at: Moment | None = None

    @model_validator(mode="after")
    def _is_placed(self) -> LabelIn:
        if self.request_id is None and (self.key is None or self.time is None):
            raise ValueError("a label needs a request_id, or a key and a time")
        return self


class LabelsIn(Strict):
    """A batch of labels for one model."""

    labels: Annotated[list[LabelIn], Field(min_length=1, max_length=100_000)]
    model: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _take_one(cls, value: object) -> object:
        if isinstance(value, dict) and "labels" not in value and "label" in value:
            one = {name: member for name, member in value.items() if name != "model"}
            return {"labels": [one], **({"model": value["model"]} if "model" in value else {})}
        return value


class MoveIn(Strict):
    """Who moves a version, and why."""

    by: Annotated[str, Field(min_length=1, max_length=200)] = "api"
    because: Annotated[str, Field(max_length=2000)] = ""


class PromoteIn(MoveIn):
    """Where a version shall go."""

    to: Literal["staging", "production"] = "production"
    force: bool = False
    at_once: bool = False


class RollbackIn(MoveIn):
    """Which version shall be back in production; without one, the one before the present."""

    to: str | None = None


class NoteIn(Strict):
    """Who does something about an incident."""

    by: Annotated[str, Field(min_length=1, max_length=200)] = "api"
    note: Annotated[str, Field(max_length=2000)] = ""


class FaultOut(BaseModel):
    """One thing wrong with the input, and where."""

    path: str
    code: str
    message: str


class ProblemOut(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    faults: list[FaultOut]
    request_id: str


class ServiceOut(BaseModel):
    """What answers here."""

    service: str
    version: str
    models: list[str]
    links: dict[str, str]


class ModelHealthOut(BaseModel):
    """One model's state."""

    model: str
    status: str
    version: str | None
    loaded: bool
    engine: str | None
    engine_detail: str
    predictions: int
    because: str


class CheckOut(BaseModel):
    """One part's state."""

    name: str
    status: str
    detail: str


class HealthOut(BaseModel):
    """The installation's state; `version` is Farero's own."""

    status: Literal["healthy", "degraded", "unhealthy"]
    version: str
    uptime_s: float
    predictions: int
    models: list[ModelHealthOut]
    checks: list[CheckOut]


class ProbeOut(BaseModel):
    """A probe's answer."""

    status: str


class ReceiptOut(BaseModel):
    """What became of a batch of labels."""

    model: str
    stored: int
    duplicates: int
    contradictions: list[str]
    unknown: list[str]
    invalid: list[str]
    request_id: str


class VersionOut(BaseModel):
    """A version of a model."""

    model: str
    number: str
    state: str
    digest: str
    size_bytes: int
    created_at: datetime
    trained_until: datetime | None
    trained_rows: int
    data_fingerprint: str
    schema_digest: str
    origin: str
    because: str
    metrics: dict[str, float]
    environment: dict[str, str]
    tags: dict[str, str]
    git_commit: str | None


class MoveOut(BaseModel):
    """One step in a version's life."""

    number: str
    source: str | None
    target: str
    at: datetime
    by: str
    because: str


class VersionDetailOut(VersionOut):
    """A version with its history. Which engine answers for it is known while it is in production and loaded, else null."""

    moves: list[MoveOut]
    engine: str | None = None
    engine_detail: str | None = None


class ModelOut(BaseModel):
    """A model of this installation."""

    model: str
    status: str
    production: str | None
    label: str
    kind: str
    metric: str
    window_s: float | None
    window_rows: int | None = None


class FindingOut(BaseModel):
    """What monitoring found."""

    kind: str
    subject: str
    severity: str
    value: float
    limit: float
    because: str


class ColumnOut(BaseModel):
    """How one column moved away from its reference."""

    name: str
    kind: str
    drift: bool
    ks: float | None
    p_value: float | None
    psi: float | None
    psi_reading: str | None
    wasserstein: float | None
    wasserstein_normalised: float | None
    jensen_shannon: float | None
    chi2_p: float | None
    mean: tuple[float | None, float | None] | None
    std: tuple[float | None, float | None] | None
    missing: tuple[float, float]
    new_categories: list[str]


class VerdictOut(BaseModel):
    """What a window's drift rule says."""

    alarm: bool
    score: float
    rule: str
    features: list[str]
    because: str


class DriftOut(BaseModel):
    """One window's drift."""

    start: datetime
    end: datetime
    version: str
    rows: int
    verdict: VerdictOut | None
    columns: list[ColumnOut]


class EstimateOut(BaseModel):
    """A figure expected before labels come, with its 95 % interval."""

    value: float
    low: float
    high: float


class ObservationOut(DriftOut):
    """One closed window."""

    labelled: int
    metrics: dict[str, float]
    estimated: dict[str, EstimateOut]
    findings: list[FindingOut]


class EventOut(BaseModel):
    """One line of a timeline."""

    at: datetime
    kind: str
    by: str
    text: str


class IncidentOut(BaseModel):
    """What is or was wrong."""

    id: str
    model: str
    kind: str
    severity: str
    opened: datetime
    resolved: datetime | None
    acknowledged_by: str | None
    because: str
    version: str
    subjects: list[str]
    timeline: list[EventOut]


class ContestOut(BaseModel):
    """How a candidate did beside production."""

    accepted: bool
    metric: dict[str, float | None]
    because: list[str]
    rows: int
    metrics: dict[str, dict[str, float]]
    against: str | None
    checks: list[Check]
    differences: list[Difference]


class DecisionOut(BaseModel):
    """What was decided after a window, why, and what came of it."""

    at: datetime
    action: str
    because: list[str]
    policy: str
    start: datetime
    end: datetime
    inputs: dict[str, float | str | bool | None]
    candidate: str | None
    verdict: ContestOut | None


class RunOut(BaseModel):
    """A training run."""

    id: str
    model: str
    kind: str
    status: str
    started: datetime
    finished: datetime | None
    because: str
    version: str | None
    error: str | None
