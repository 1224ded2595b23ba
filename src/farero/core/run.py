"""One training run: what started it, when, and how it ended."""

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
