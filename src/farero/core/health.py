"""How an installation is doing, as `/health` and the console say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["healthy", "degraded", "unhealthy"]
STATUSES: tuple[Status, ...] = ("healthy", "degraded", "unhealthy")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHealth:
    """One model.

    Attributes:
        version: the one in production.
        loaded: whether this process can answer with it.
        engine: original or compiled; None where none is loaded. `engine_detail` says which kernel answers, or why the original does.
        predictions: its recorded rows.
    """

    model: str
    status: Status
    version: str | None
    loaded: bool
    engine: str | None
    predictions: int
    because: str = ""
    engine_detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at, such as the state database or the prediction log. `detail` says what was seen."""

    name: str
    status: Status
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The whole installation: as bad as the worst of its models and checks. `version` is Farero's own."""

    status: Status
    version: str
    uptime_s: float
    models: tuple[ModelHealth, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def predictions(self) -> int:
        """Recorded rows of all models."""
        return sum(model.predictions for model in self.models)


def worst_status(statuses: Sequence[Status]) -> Status:
    """The gravest of them; nothing to complain about is healthy.

    >>> worst_status(["healthy", "unhealthy", "degraded"]), worst_status([])
    ('unhealthy', 'healthy')
    """
    return STATUSES[max((STATUSES.index(status) for status in statuses), default=0)]
