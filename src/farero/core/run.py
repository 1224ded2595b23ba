"""One training run: what started it, when, and how it ended; what it did and printed on the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

RunStatus: TypeAlias = Literal["running", "succeeded", "failed", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A training from its start on; `finished`, `version` and `error` are None until they are known."""

    id: str
    model: str
    kind: str
    started: datetime
    because: str
    status: RunStatus = "running"
    finished: datetime | None = None
    version: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """One thing that a run did. `finished` is None while it goes on, and for good where the run ended in it."""

    name: str
    started: datetime
    finished: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNotes:
    """What is kept of a run beyond its end.

    Attributes:
        steps: in the order in which they began.
        output: the end of what the project's own code printed, without secrets.
        left_out: characters before it that were not kept.
    """

    steps: tuple[RunStep, ...] = ()
    output: str = ""
    left_out: int = 0
