"""The declared features of a model, and the one truth about whether rows fit them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Kind: TypeAlias = Literal["number", "choice", "flag", "date", "personal"]
Privacy: TypeAlias = Literal["drop", "hash", "bucket"]

MISSING_CODE = -1
NEW_CODE = -2

Columns: TypeAlias = Mapping[str, NDArray[Any]]
"""Checked columns by feature name, all of one length.

number: float64, NaN = missing · choice: int32 index into `Field.levels`, -1 missing, -2 a new level
flag: int8 0/1, -1 missing · date: datetime64[us] UTC, NaT = missing.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One declared field of a row."""

    name: str
    kind: Kind
    unit: str | None = None
    min: float | None = None
    max: float | None = None
    missing: bool = False
    levels: tuple[str, ...] = ()
    new_levels: bool = False
    privacy: Privacy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """All fields of a model's rows, in the declared order, and the entity key if there is one."""

    fields: tuple[Field, ...]
    key: str | None = None

    @property
    def features(self) -> tuple[Field, ...]:
        """The fields that the model sees: all but the personal ones."""
        return tuple(f for f in self.fields if f.kind != "personal")

    @property
    def personal(self) -> tuple[Field, ...]:
        """The fields that are never stored in clear and never reach the model."""
        return tuple(f for f in self.fields if f.kind == "personal")

    def digest(self) -> str:
        """SHA-256 of the declaration; two schemas with the same digest accept the same rows."""
        parts = [[f.name, f.kind, f.min, f.max, f.missing, f.levels, f.new_levels, f.privacy] for f in self.fields]
        return hashlib.sha256(json.dumps([parts, self.key]).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with an input: where, what kind (stable, kebab), and a sentence."""

    path: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows that fit the schema, by column. Personal values are here in clear: protect before storing."""

    count: int
    columns: Columns
    keys: tuple[str | None, ...] = ()
    personal: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found: the rows that fit, which of the input rows those are, and every fault.

    `fits` is (n,) bool over the input rows; `rows.count == fits.sum()`.
    """

    rows: Rows
    fits: NDArray[np.bool_]
    faults: tuple[Fault, ...]
