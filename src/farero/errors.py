"""Every error Farero raises. Faces translate them; nothing here knows HTTP or exit codes.

FareroError                code (stable, kebab), hint, context
  CallerError              the caller can mend it
    ConfigInvalid          farero.toml or the project file; lists all faults
    SchemaMismatch         rows do not fit the declared features; lists all faults
    BadInput               a file, argument or body that cannot be read as what it should be
    NotFound               ModelNotFound  VersionNotFound  EndpointNotFound  IncidentNotFound
    Conflict               StaleDecision  LeaseHeld  IllegalMove
    Denied
  ProjectError             the user's own code failed; __cause__ kept where there is one
    TrainFailed  PredictFailed
  OutsideError             another system failed; retryable: bool
    StoreUnavailable  LogUnavailable  ModelsUnavailable  NotifyFailed  TrackerUnavailable
  Overloaded               more is asked than can be done; try again
  TookTooLong              it was given up after its time limit; try again
  NotReady                 no production version yet
  Corrupt                  stored data is not what we wrote; stop, never guess
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


def counted(count: int, noun: str) -> str:
    """A number with its noun, as messages say it.

    >>> counted(1, "fault"), counted(2, "fault")
    ('1 fault', '2 faults')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class FareroError(Exception):
    """Something went wrong in Farero."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str | None = None, *, hint: str | None = None, **context: object) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.hint = hint
        self.context = context
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class CallerError(FareroError):
    """The request cannot be carried out as it was made."""

    code = "caller-error"


class FaultList(CallerError):
    """Several faults were found; all of them are listed."""

    code = "faults"

    def __init__(self, message: str | None = None, *, faults: Sequence[object] = (), hint: str | None = None, **context: object) -> None:
        super().__init__(message, hint=hint, **context)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  {fault}" for fault in self.faults)])


class ConfigInvalid(FaultList):
    """The configuration or the project file has faults."""

    code = "config-invalid"


class SchemaMismatch(FaultList):
    """The rows do not fit the declared features."""

    code = "schema-mismatch"


class BadInput(FaultList):
    """The input cannot be read."""

    code = "bad-input"


class NotFound(CallerError):
    """There is no such thing."""

    code = "not-found"


class ModelNotFound(NotFound):
    """There is no model of that name in this installation."""

    code = "model-not-found"


class VersionNotFound(NotFound):
    """There is no such version of this model."""

    code = "version-not-found"


class EndpointNotFound(NotFound):
    """There is no such endpoint."""

    code = "endpoint-not-found"


class IncidentNotFound(NotFound):
    """There is no such incident."""

    code = "incident-not-found"


class Conflict(CallerError):
    """Somebody else changed this at the same time."""

    code = "conflict"


class StaleDecision(Conflict):
    """The decision was made on a state that has changed since."""

    code = "stale-decision"


class LeaseHeld(Conflict):
    """Another process is doing this right now."""

    code = "lease-held"


class IllegalMove(Conflict):
    """A version cannot move from where it is to there."""

    code = "illegal-move"


class Denied(CallerError):
    """This is not allowed."""

    code = "denied"


class ProjectError(FareroError):
    """The project's own code failed."""

    code = "project-error"


class TrainFailed(ProjectError):
    """The project's train function failed."""

    code = "train-failed"


class PredictFailed(ProjectError):
    """The model failed to answer."""

    code = "predict-failed"


class OutsideError(FareroError):
    """Another system failed."""

    code = "outside-error"

    def __init__(self, message: str | None = None, *, retryable: bool = True, hint: str | None = None, **context: object) -> None:
        super().__init__(message, hint=hint, **context)
        self.retryable = retryable


class StoreUnavailable(OutsideError):
    """The state database does not answer."""

    code = "store-unavailable"


class LogUnavailable(OutsideError):
    """The prediction log cannot be written or read."""

    code = "log-unavailable"


class ModelsUnavailable(OutsideError):
    """The store of model files cannot be written or read."""

    code = "models-unavailable"


class NotifyFailed(OutsideError):
    """A notification was not delivered."""

    code = "notify-failed"


class TrackerUnavailable(OutsideError):
    """The tracking server or its database does not answer, or does not take what it is told."""

    code = "tracker-unavailable"


class NotReady(FareroError):
    """No production version is loaded."""

    code = "not-ready"


class Overloaded(FareroError):
    """Too many requests wait already."""

    code = "too-many-requests"


class TookTooLong(FareroError):
    """The request was given up after its time limit."""

    code = "took-too-long"


class Corrupt(FareroError):
    """Stored data is not what was written."""

    code = "corrupt"
