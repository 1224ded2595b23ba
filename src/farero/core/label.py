"""What a model predicts, and how a raw label becomes a number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

LabelKind: TypeAlias = Literal["binary", "number", "classes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSpec:
    """The declared label of a model.

    Encoded labels are float64: binary 0.0/1.0, number as it is, classes the index into `classes`.
    """

    name: str
    kind: LabelKind
    arrives_within: timedelta
    classes: tuple[str, ...] = ()
    positive: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRow:
    """One label as it came in: for a request (and its row), or for an entity key at a time."""

    raw: object
    known_at: datetime
    request_id: str | None = None
    row: int = 0
    key: str | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelReceipt:
    """What became of a batch of labels. The lists hold the paths (`labels[3]`) of the rows concerned, with reasons."""

    stored: int
    duplicates: int
    contradictions: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
