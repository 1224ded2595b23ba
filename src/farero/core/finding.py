"""One thing that monitoring found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["low", "medium", "high", "critical"]
FindingKind: TypeAlias = Literal[
    "DATA_DRIFT",
    "PREDICTION_DRIFT",
    "LABEL_DRIFT",
    "DATA_QUALITY",
    "PERFORMANCE_DEGRADATION",
    "LABELS_LATE",
    "CANARY_ROLLED_BACK",
    "SLO_BURN",
]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found, in what (a feature, a metric), how large it is and where the limit stood."""

    kind: FindingKind
    subject: str
    severity: Severity
    value: float
    limit: float
    because: str


def worst(severities: list[Severity]) -> Severity:
    """The gravest of them.

    >>> worst(["low", "high", "medium"])
    'high'
    """
    return max(severities, key=SEVERITIES.index)
