"""A version of a model and its life: candidate -> staging -> production -> archived."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

State: TypeAlias = Literal["candidate", "staging", "production", "archived", "rejected"]

# A rollback takes an archived version back to production; a rejected one can be tried again by force.
LEGAL_MOVES: Mapping[State, tuple[State, ...]] = {
    "candidate": ("staging", "rejected", "archived"),
    "staging": ("production", "candidate", "rejected", "archived"),
    "production": ("archived",),
    "archived": ("staging", "production"),
    "rejected": ("staging", "archived"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One trained model. `digest` names its folder of files; `trained_until` is the latest moment it knows of."""

    model: str
    number: str
    state: State
    digest: str
    size_bytes: int
    created_at: datetime
    trained_until: datetime | None
    trained_rows: int
    data_fingerprint: str
    schema_digest: str
    origin: str
    because: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    git_commit: str | None = None

    @property
    def learnt_at(self) -> datetime | None:
        """When it learnt: labels that came later it has not seen, however early their predictions were. None where it is not known."""
        return datetime.fromisoformat(self.tags["learnt_at"]) if "learnt_at" in self.tags else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One step in a version's life: who moved it, when and why."""

    model: str
    number: str
    source: State | None
    target: State
    at: datetime
    by: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two versions side by side.

    Attributes:
        metrics: name -> (of a, of b); None where one was not measured on it.
        same_data: both learnt from exactly the same rows, by fingerprint.
        libraries: name -> (of a, of b), only those that differ; None = not installed.
    """

    a: Version
    b: Version
    metrics: Mapping[str, tuple[float | None, float | None]]
    same_data: bool
    same_features: bool
    libraries: Mapping[str, tuple[str | None, str | None]]


def compare_versions(a: Version, b: Version) -> Compared:
    """What two versions of a model have in common and what not."""
    libraries = {name: (a.environment.get(name), b.environment.get(name)) for name in sorted({*a.environment, *b.environment})}
    return Compared(
        a=a,
        b=b,
        metrics={name: (a.metrics.get(name), b.metrics.get(name)) for name in dict.fromkeys([*a.metrics, *b.metrics])},
        same_data=a.data_fingerprint == b.data_fingerprint,
        same_features=a.schema_digest == b.schema_digest,
        libraries={name: pair for name, pair in libraries.items() if pair[0] != pair[1]},
    )


def is_legal(source: State, target: State) -> bool:
    """Whether a version may move so.

    >>> is_legal("candidate", "staging"), is_legal("candidate", "production")
    (True, False)
    """
    return target in LEGAL_MOVES[source]


def next_number(existing: list[str], *, schema_changed: bool) -> str:
    """The semantic version of the next one: 1.0.0, then the next minor, or the next major when the features changed.

    >>> next_number([], schema_changed=False), next_number(["1.0.0", "1.9.0", "1.10.0"], schema_changed=False)
    ('1.0.0', '1.11.0')
    >>> next_number(["1.3.0"], schema_changed=True)
    '2.0.0'
    """
    if not existing:
        return "1.0.0"
    major, minor, _ = max(tuple(int(part) for part in number.split(".")) for number in existing)
    return f"{major + 1}.0.0" if schema_changed else f"{major}.{minor + 1}.0"


def refit_number(judged: str) -> str:
    """The number of the version that learnt by the judged one's recipe from the held-out rows as well: the next patch.

    >>> refit_number("1.4.0")
    '1.4.1'
    """
    major, minor, patch = (int(part) for part in judged.split("."))
    return f"{major}.{minor}.{patch + 1}"


def last_good(served: list[str], unusable: Container[str] = ()) -> str | None:
    """The version to roll back to: the one before the present one, not counting those that were rolled back from.

    Args:
        served: numbers in the order in which they went into production, the present one last.
        unusable: numbers to pass over: deleted, or their files are damaged.

    >>> last_good(["1.0.0", "1.1.0"]), last_good(["1.0.0", "1.1.0", "1.2.0", "1.1.0"])
    ('1.0.0', '1.0.0')
    >>> last_good(["1.0.0", "1.1.0", "1.0.0"]) is None
    True
    >>> last_good(["1.0.0", "1.1.0", "1.2.0"], unusable={"1.1.0"})
    '1.0.0'
    """
    good: list[str] = []
    for number in served:
        good = good[: good.index(number)] if number in good else good
        good.append(number)
    return next((number for number in reversed(good[:-1]) if number not in unusable), None)
