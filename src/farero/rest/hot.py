"""The hot lane's face: a body in, the bytes of an answer out. Whatever it does not answer goes the careful way, with the same outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from farero.core.endpoint import OWN
from farero.errors import FareroError
from farero.rest.errors import answer_error
from farero.telemetry import log

if TYPE_CHECKING:
    from farero.app import App

ROUTE = "/predict"
"""What measurements call the address of predictions; with several models each has one of its own, and `model` tells them apart."""

MOST_BYTES = 128 << 10
"""Larger bodies go the careful way, in a thread: reading them would let the other connections wait."""

_encode = msgspec.json.Encoder().encode


class Shot(msgspec.Struct, gc=False):
    """An answer that may leave as soon as its frame is recorded."""

    frame: bytes
    body: bytes
    version: str
    rows: int
    copy: bytes | None = None
    """The request, where shadow versions shall score it too."""


class _Row(msgspec.Struct, gc=False):
    prediction: float | int | str
    probability: float | None
    risk_level: str | None


class _RowOfClasses(msgspec.Struct, gc=False):
    prediction: float | int | str
    probability: float | None
    risk_level: str | None
    probabilities: dict[str, float]


class _One(msgspec.Struct, gc=False):
    request_id: str
    model: str
    version: str
    prediction: float | int | str
    probability: float | None
    risk_level: str | None


class _OneOfClasses(msgspec.Struct, gc=False):
    request_id: str
    model: str
    version: str
    prediction: float | int | str
    probability: float | None
    risk_level: str | None
    probabilities: dict[str, float]


class _Many(msgspec.Struct, gc=False):
    request_id: str
    model: str
    version: str
    predictions: list[Any]


class _Scored(Protocol):
    """What a model's short way gives."""

    version: str
    values: list[float]
    probability: list[float] | None
    probabilities: list[list[float]] | None
    frame: bytes
    bare: bool


class Hot:
    """The short way to one endpoint of a model.

    Attributes:
        endpoint: what its requests are recorded under.
    """

    def __init__(self, app: App, model: str, *, max_rows: int, endpoint: str | None = None) -> None:
        """Make it. `endpoint` is its name; None = the model's own."""
        self.model = model
        self.endpoint = endpoint or OWN
        self._app = app
        self._lane = app.lane(model, max_rows, endpoint)
        project = app.project(model)
        self._classes = project.label_spec.classes
        self._medium, self._high = project.thresholds.medium_from, project.thresholds.high_from

    def answer(self, body: bytes, request_id: str) -> Shot | None:
        """The answer to a body, not yet recorded; None where the careful way must look at it. Raises nothing."""
        try:
            scored = self._lane.score(body, request_id)
            if scored is None:
                return None
            copy = body if self._lane.shadowing else None
            return Shot(scored.frame, self._body(scored, request_id), scored.version, len(scored.values), copy)
        except Exception as error:  # a bug of the short way must not cost the answer: the careful way gives it, and the log has the bug
            log("error", level="error", error=error, request_id=request_id, where="the hot lane")
            return None

    def copied(self, body: bytes, request_id: str) -> None:
        """Let shadow versions score what was answered. Never raises: the answer is out."""
        try:
            self._app.copied(self.model, body, request_id, self.endpoint)
        except Exception as error:
            log("error", level="error", error=error, request_id=request_id, where="a copy for shadow versions")

    def look(self) -> None:
        """Follow a change without waiting for a request."""
        self._lane.look()

    def _body(self, scored: _Scored, request_id: str) -> bytes:
        if not scored.bare:
            return _encode(_Many(request_id, self.model, scored.version, self._rows(scored)))
        value, shares = scored.values[0], scored.probability
        if shares is None:
            return _encode(_One(request_id, self.model, scored.version, value, None, None))
        if scored.probabilities is None:
            risk = "low" if shares[0] < self._medium else "medium" if shares[0] < self._high else "high"
            return _encode(_One(request_id, self.model, scored.version, 1 if value else 0, shares[0], risk))
        spread = dict(zip(self._classes, scored.probabilities[0], strict=True))
        return _encode(_OneOfClasses(request_id, self.model, scored.version, self._classes[int(value)], shares[0], None, spread))

    def _rows(self, scored: _Scored) -> list[_Row] | list[_RowOfClasses]:
        shares = scored.probability
        if shares is None:
            return [_Row(value, None, None) for value in scored.values]
        if scored.probabilities is None:
            medium, high = self._medium, self._high  # as core.prediction.risk_level, without a call for each row
            return [
                _Row(1 if value else 0, share, "low" if share < medium else "medium" if share < high else "high")
                for value, share in zip(scored.values, shares, strict=True)
            ]
        names = self._classes
        return [
            _RowOfClasses(names[int(value)], share, None, dict(zip(names, spread, strict=True)))
            for value, share, spread in zip(scored.values, shares, scored.probabilities, strict=True)
        ]


def refusal(error: FareroError, request_id: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of the answer where what was scored could not be recorded."""
    response = answer_error(error, request_id)
    return response.status_code, list(response.raw_headers), bytes(response.body)
