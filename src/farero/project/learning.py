"""What a project file says of learning: what `train` gets and gives, and what there is to predict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from farero.project.calls import Place, caller, forgive

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """What `train` gets.

    Attributes:
        X: the features in the declared order, in the form in which a served row reaches the model.
        y: the label: 0 and 1, class names, or numbers.
        seed: for every source of randomness, so that a training can be repeated.
        until: nothing in the data was unknown at this moment.
        params: those of the candidate that is trained, `fa.Candidate(params=...)`; empty for one that has none.
    """

    X: pd.DataFrame
    y: pd.Series[Any]
    seed: int
    until: datetime
    params: Mapping[str, bool | int | float | str] = field(default_factory=dict)


class Regressor(Protocol):
    """Anything with `predict`."""

    def predict(self, rows: Any, /) -> Any:
        """One number a row."""
        ...


class Classifier(Protocol):
    """Anything with `predict` and `predict_proba`."""

    def predict(self, rows: Any, /) -> Any:
        """One class a row."""
        ...

    def predict_proba(self, rows: Any, /) -> Any:
        """A probability for each class (n, k)."""
        ...


@dataclass(frozen=True, slots=True)
class Binary:
    """Yes or no. 1, true and "yes" count as yes. `arrives_within`: how long the truth takes.

    `positive` names another text for yes, `negative` one for no: with both, any other text is refused; without `negative`, it counts as no.
    """

    name: str
    arrives_within: str = field(kw_only=True)
    positive: str | None = field(default=None, kw_only=True)
    negative: str | None = field(default=None, kw_only=True)
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Number:
    """A quantity. `arrives_within`: how long the truth takes, such as "1h" or "30d"."""

    name: str
    arrives_within: str = field(kw_only=True)
    unit: str | None = field(default=None, kw_only=True)
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


class Classes:
    """One of several classes, two or more. `arrives_within`: how long the truth takes, such as "1h" or "30d"."""

    def __init__(self, name: str, *classes: str, arrives_within: str) -> None:
        self.name = name
        self.classes = classes
        self.arrives_within = arrives_within
        self.place = caller()


Label: TypeAlias = Binary | Number | Classes


for _kind in (Binary, Number, Classes):
    forgive(_kind)
