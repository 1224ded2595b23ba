"""What of a row may be kept: personal fields are dropped, hashed or bucketed before anything is stored."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from farero.core.schema import NEW_CODE, Field, Rows, Schema
from farero.errors import ConfigInvalid
from farero.ports import LogKind, LogShape

BUCKETS: Final = 64
"""Coarse enough that a bucket names nobody, fine enough to compare groups."""

_KINDS: Final[Mapping[str, LogKind]] = {"number": "number", "choice": "text", "flag": "flag", "date": "date", "personal": "text"}


def log_shape(schema: Schema, *, text_prediction: bool) -> LogShape:
    """The shape of a model's prediction log: every feature, and every personal field that is not dropped."""
    kept = [field for field in schema.fields if field.kind != "personal" or field.privacy != "drop"]
    return LogShape(inputs={field.name: _KINDS[field.kind] for field in kept}, text_prediction=text_prediction)


class Protector:
    """Turns checked rows into the plain values that a record keeps.

    Hashes are HMAC-SHA-256 with the installation's key, and differ between fields: without the key nobody can find a
    person by hashing a list of addresses, and a value in two fields cannot be joined.
    """

    def __init__(self, key: bytes, schema: Schema) -> None:
        if len(key) < 16:
            raise ConfigInvalid(
                f"The privacy key has {len(key)} bytes; hashes made with it could be guessed.",
                hint="Use at least 16 random bytes (32 are better) in [privacy] hash_key.",
            )
        self._key = key
        self._schema = schema

    def protect(self, rows: Rows) -> Mapping[str, list[Any]]:
        """Each kept field's values: float | text | bool | ISO text | None, a list of `rows.count`."""
        kept = {field.name: _plain(field, rows) for field in self._schema.features}
        nobody = (None,) * rows.count
        return {**kept, **self.disguised({field.name: rows.personal.get(field.name, nobody) for field in self._schema.personal})}

    def disguised(self, personal: Mapping[str, Sequence[str | None]]) -> dict[str, list[Any]]:
        """What is kept of the personal fields: hashes and buckets, and nothing of those that are dropped."""
        return {
            field.name: [self._disguised(field, value) for value in personal[field.name]]
            for field in self._schema.personal
            if field.privacy != "drop"
        }

    def keys(self, rows: Rows) -> list[str | None] | None:
        """The entity keys, or None where the project declares none."""
        return list(rows.keys) if self._schema.key is not None and rows.keys else None

    def _disguised(self, field: Field, value: str | None) -> str | None:
        if value is None:
            return None
        digest = hmac.digest(self._key, f"{field.name}\x00{value}".encode("utf-8", "surrogatepass"), sha256)
        if field.privacy == "bucket":
            return f"b{int.from_bytes(digest[:8]) % BUCKETS:02d}"
        return digest.hex()[:32]


def _plain(field: Field, rows: Rows) -> list[Any]:
    values: NDArray[Any] = rows.columns[field.name]
    if field.kind == "number":
        return [None if value != value else value for value in values.tolist()]  # only NaN differs from itself
    if field.kind == "flag":
        return [None if value < 0 else bool(value) for value in values.tolist()]
    if field.kind == "date":
        texts = np.datetime_as_string(values.astype("datetime64[us]"), unit="us", timezone="UTC").tolist()
        return [None if text == "NaT" else text for text in texts]
    new = rows.new_values.get(field.name)
    return [
        field.levels[code] if code >= 0 else (new[index] if code == NEW_CODE and new is not None else None)
        for index, code in enumerate(values.tolist())
    ]
