"""The smoke test: a staged version is asked through the real way of a request, before anybody else's request can reach it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from farero.core.label import LabelSpec
from farero.core.rollout import Smoke
from farero.core.schema import Columns, Field, Schema
from farero.core.version import Version
from farero.project.trial import sample

ROWS = 50
PATIENCE_S = 10.0
"""How long the service may take until it knows the address that the version is asked at [s]."""

_PAUSE_S = 0.2
_UNKNOWN = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The way of a request to the service.

    Attributes:
        how: in words, such as "over HTTP".
        post: posts a body to an address; the status and the body of the answer. Raises OSError where nobody answers.
    """

    how: str
    post: Callable[[str, bytes], tuple[int, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTest:
    """Asks versions of one model. `endpoint`: the address that goes to the staged version alone."""

    schema: Schema
    label: LabelSpec
    endpoint: str

    def run(self, version: Version, door: Door) -> Smoke:
        """Ask about made-up rows of every kind that the features allow, one by one and all at once."""
        columns, _ = sample(self.schema, self.label, seed=0, rows=ROWS)
        rows = json_rows(self.schema, columns, ROWS)
        path = f"/v1/endpoints/{self.endpoint}/predict"
        try:
            status, body = self._once_known(door, path, {"rows": rows[:1]})
            fault = _fault(status, body, version, 1)
            for asked in (rows[1:2], rows):
                if fault is None:
                    fault = _fault(*door.post(path, _bytes({"rows": asked})), version, len(asked))
        except OSError as failure:
            return Smoke(passed=False, because=f"the service does not answer: {failure}")
        if fault is not None:
            return Smoke(passed=False, because=fault)
        return Smoke(passed=True, because=f"{ROWS} made-up rows were answered {door.how}")

    def _once_known(self, door: Door, path: str, given: Mapping[str, object]) -> tuple[int, bytes]:
        """The first answer, asked for again until the process that gives it knows the address."""
        until = time.monotonic() + PATIENCE_S
        while True:
            status, body = door.post(path, _bytes(given))
            if status != _UNKNOWN or time.monotonic() > until:
                return status, body
            time.sleep(_PAUSE_S)


def json_rows(schema: Schema, columns: Columns, count: int) -> list[dict[str, Any]]:
    """Checked columns as rows that a client would send."""
    values = {field.name: _plain(field, columns[field.name]) for field in schema.features}
    key = {schema.key: "smoke-test"} if schema.key is not None and schema.key not in values else {}
    return [{**key, **{name: of[at] for name, of in values.items()}} for at in range(count)]


def _plain(field: Field, values: np.ndarray[Any, Any]) -> list[Any]:
    if field.kind == "number":
        return [None if math.isnan(value) else value for value in values.tolist()]
    if field.kind == "date":
        return [None if np.isnat(value) else f"{np.datetime_as_string(value, unit='us')}Z" for value in values]
    if field.kind == "flag":
        return [None if code < 0 else bool(code) for code in values.tolist()]
    return [None if code < 0 else field.levels[code] for code in values.tolist()]


def _fault(status: int, body: bytes, version: Version, count: int) -> str | None:
    """What is wrong with an answer; None where nothing is."""
    try:
        told = json.loads(body)
    except ValueError:
        return f"the answer ({status}) is no JSON"
    if status != 200:
        return f"{status}: {told.get('detail', told) if isinstance(told, dict) else told}"
    if told.get("version") != version.number:
        return f"{told.get('version')} answered in place of {version.number}; the log says why"
    answers = told.get("predictions", [])
    if len(answers) != count:
        return f"{len(answers)} answers to {count} rows"
    broken = sum(1 for one in answers if isinstance(one["prediction"], float) and not math.isfinite(one["prediction"]))
    return f"{broken} of {count} answers are no numbers" if broken else None


def _bytes(given: Mapping[str, object]) -> bytes:
    return json.dumps(given).encode()
