"""The one table from errors to HTTP, and the problem documents that carry them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import msgspec
from starlette.responses import Response

from farero import errors
from farero.core.schema import Fault
from farero.telemetry import log

RETRY_AFTER_S = 2

# The first row whose class fits decides, so the special ones stand above the general ones.
STATUS: tuple[tuple[type[errors.FareroError], int], ...] = (
    (errors.SchemaMismatch, 422),
    (errors.BadInput, 422),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.Denied, 403),
    (errors.ConfigInvalid, 500),
    (errors.CallerError, 400),
    (errors.NotReady, 503),
    (errors.Overloaded, 429),
    (errors.TookTooLong, 503),
    (errors.OutsideError, 503),
    (errors.ProjectError, 500),
    (errors.Corrupt, 500),
    (errors.FareroError, 500),
)

# What is over soon by itself.
_PASSING = (errors.NotReady, errors.Overloaded, errors.TookTooLong)

TITLES: Mapping[int, str] = {
    400: "The request cannot be carried out as it was made",
    403: "Not allowed",
    404: "Not found",
    405: "This address does not know that method",
    409: "In conflict with the present state",
    413: "The body is too large",
    415: "The body is not in a form that is read here",
    422: "The input has faults",
    429: "Too many requests",
    431: "The head is too large",
    500: "Something failed inside",
    503: "Not available right now",
}


class FaultJson(TypedDict):
    """One fault as it is sent."""

    path: str
    code: str
    message: str


class TooLarge(errors.BadInput):
    """The body is larger than this server reads."""

    code = "body-too-large"


class CutShort(errors.BadInput):
    """The request ended before its body did."""

    code = "body-cut-short"


class NotHttp(errors.CallerError):
    """What came is not HTTP/1.1 that can be read in one way only; the connection is closed."""

    code = "not-http"


class HeadTooLarge(NotHttp):
    """The address and the headers are larger than this server reads; the connection is closed."""

    code = "head-too-large"


def status_of(error: errors.FareroError) -> int:
    """The HTTP status of an error of ours.

    >>> status_of(errors.VersionNotFound()), status_of(errors.StaleDecision()), status_of(TooLarge())
    (404, 409, 413)
    """
    if isinstance(error, TooLarge):
        return 413
    if isinstance(error, HeadTooLarge):
        return 431
    return next(status for kind, status in STATUS if isinstance(error, kind))


def problem(
    status: int, code: str, detail: str, request_id: str, *, faults: Sequence[FaultJson] = (), retry_after_s: int | None = None
) -> Response:
    """An `application/problem+json` answer (RFC 9457) with the members that `interface.md` promises."""
    body = {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
        "faults": list(faults),
        "request_id": request_id,
    }
    headers = {"X-Request-Id": request_id, "Cache-Control": "no-store"}
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/problem+json", headers=headers)


def answer_error(error: Exception, request_id: str) -> Response:
    """The answer to any error. One that is not ours is a bug: logged whole, and told to the caller only by its request id."""
    if not isinstance(error, errors.FareroError):
        log("error", level="error", error=error, request_id=request_id)
        detail = "An unexpected error happened; the server's log has it under this request id."
        return problem(500, "internal-error", detail, request_id)
    status = status_of(error)
    if status >= 500:
        log("error", level="error", error=error, request_id=request_id)
    retry = isinstance(error, _PASSING) or (isinstance(error, errors.OutsideError) and error.retryable)
    wait = RETRY_AFTER_S if retry else None
    detail = f"{error.message} {error.hint}" if error.hint else error.message
    return problem(status, error.code, detail, request_id, faults=faults_of(error), retry_after_s=wait)


def faults_of(error: errors.FareroError) -> list[FaultJson]:
    """Every fault the error lists, as it is sent."""
    if not isinstance(error, errors.FaultList):
        return []
    return [
        FaultJson(path=fault.path, code=fault.code, message=fault.message)
        if isinstance(fault, Fault)
        else FaultJson(path="", code=error.code, message=str(fault))
        for fault in error.faults
    ]
