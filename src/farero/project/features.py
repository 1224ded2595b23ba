"""The features of a model, as a project file writes them: a class with one line each. Light: no library is loaded here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias, cast

from farero.project.calls import Place, caller, forgiving

Missing: TypeAlias = Literal["refused", "allowed"]
New: TypeAlias = Literal["refuse", "allow"]
PersonalRule: TypeAlias = Literal["drop", "hash", "bucket"]


class Features:
    """The features of a model: a subclass with one line each, in the order in which the model sees them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a line of a `Features` class says; its name is the attribute's."""

    kind: Literal["number", "choice", "flag", "date", "personal"]
    unit: str | None = None
    min: float | None = None
    max: float | None = None
    missing: str = "refused"
    levels: tuple[str, ...] = ()
    new: str = "refuse"
    rule: str | None = None
    public: bool = False
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)


@forgiving
def number(
    *, unit: str | None = None, min: float | None = None, max: float | None = None, missing: Missing = "refused", public: bool = False
) -> float:
    """A finite number. The model sees float64, NaN where it is missing.

    Args:
        unit: for people, such as "month" or "EUR".
        min: least allowed value; max: largest.
        missing: "allowed" lets null and absent values through.
        public: it holds no personal data, although its name sounds like it.
    """
    return cast(float, Declared(kind="number", unit=unit, min=min, max=max, missing=missing, public=public))


@forgiving
def choice(*levels: str, missing: Missing = "refused", new: New = "refuse", public: bool = False) -> str:
    """One of several texts. The model sees a category with exactly these levels.

    Args:
        new: "allow" lets other texts through; the model sees them as missing, monitoring sees them as new.
        public: it holds no personal data, although its name sounds like it.
    """
    return cast(str, Declared(kind="choice", levels=levels, missing=missing, new=new, public=public))


@forgiving
def flag(*, missing: Missing = "refused") -> bool:
    """True or false. The model sees bool; where missing values are allowed float64: 1, 0 or NaN."""
    return cast(bool, Declared(kind="flag", missing=missing))


@forgiving
def date(*, missing: Missing = "refused", public: bool = False) -> datetime:
    """A moment, with its zone. The model sees datetime64 in UTC."""
    return cast(datetime, Declared(kind="date", missing=missing, public=public))


@forgiving
def personal(rule: PersonalRule, /) -> str:
    """Personal data that clients may send along: never seen by the model, never stored in clear.

    Args:
        rule: "drop" forgets it, "hash" keeps a keyed hash, "bucket" keeps one of 64 groups.
    """
    return cast(str, Declared(kind="personal", rule=rule, missing="allowed"))


def declared(features: type[Features]) -> dict[str, object]:
    """Every public attribute of a features class by name, base classes first; those that are no `Declared` are mistakes."""
    found: dict[str, object] = {}
    for base in reversed(features.__mro__):
        if base in (object, Features):
            continue
        for name in vars(base).get("__annotations__", {}):
            found.setdefault(name, None)
        found.update({name: value for name, value in vars(base).items() if not name.startswith("__")})
    return found
