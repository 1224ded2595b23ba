"""A freeze: until it is lifted, nothing moves into a model's production by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Who froze a model, when and why."""

    model: str
    at: datetime
    by: str
    because: str

    def __str__(self) -> str:
        return f"{self.because} ({self.by}, {self.at:%Y-%m-%d %H:%M})"
