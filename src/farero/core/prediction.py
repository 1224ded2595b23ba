"""What a model answered, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

RiskLevel: TypeAlias = Literal["low", "medium", "high"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """A model's answers to n rows.

    Attributes:
        value: (n,) float64; binary 0.0/1.0, classes the class index, number the predicted value [label's unit].
        probability: (n,) float64 [0-1] of the positive class (binary) or of the predicted class (classes); None for numbers.
        probabilities: (n, k) float64 for classes only.
    """

    value: NDArray[np.float64]
    probability: NDArray[np.float64] | None = None
    probabilities: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where risk turns from low to medium and from medium to high [0-1]: low < medium_from <= medium < high_from <= high."""

    medium_from: float = 0.3
    high_from: float = 0.7


def risk_level(probability: float, thresholds: Thresholds) -> RiskLevel:
    """The level of one probability.

    >>> [risk_level(p, Thresholds()) for p in (0.29, 0.3, 0.69, 0.7)]
    ['low', 'medium', 'medium', 'high']
    """
    if probability < thresholds.medium_from:
        return "low"
    return "medium" if probability < thresholds.high_from else "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One request's predictions as they are kept: n rows, personal fields already dropped, hashed or bucketed.

    Attributes:
        inputs: each feature's and kept personal field's n plain values (float | str | bool | datetime as ISO text | None).
        prediction: n plain values as answered (float, 0/1, or class name).
        probability: n floats, or None for regression.
    """

    model: str
    version: str
    request_id: str
    endpoint: str
    time: datetime
    inputs: Mapping[str, list[Any]]
    prediction: list[Any]
    probability: list[float] | None
    keys: list[str | None] | None
    latency_us: int
    status: str = "ok"
    times: list[datetime] | None = None
    """Row times where they differ from `time`: a replayed file carries one per row."""


class Answer(Struct, frozen=True, kw_only=True):
    """One row's prediction as it is answered.

    A Struct, for one is made for every row: a frozen dataclass takes nine times as long to make (0.67 us against 0.07).

    Attributes:
        prediction: the value [label's unit], 0/1 for binary, the class name for classes.
        probability: of the positive or of the predicted class [0-1]; None for numbers.
        risk_level: by the project's thresholds; None where there is no probability of a positive class.
        probabilities: by class name, for classes only.
    """

    prediction: float | int | str
    probability: float | None = None
    risk_level: RiskLevel | None = None
    probabilities: Mapping[str, float] | None = None


class Served(Struct, frozen=True, kw_only=True):
    """The recorded answer to one request: one prediction a row, in the rows' order, all by one version."""

    request_id: str
    model: str
    version: str
    predictions: tuple[Answer, ...]
