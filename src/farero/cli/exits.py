"""Which error ends a command with which exit code: the one table of this face."""

from __future__ import annotations

from farero import errors

ANSWER_IS_NO = 1
USAGE = 2
CRASH = 70

_CODES: tuple[tuple[type[errors.FareroError], int], ...] = (
    (errors.ConfigInvalid, 2),
    (errors.SchemaMismatch, 2),
    (errors.BadInput, 2),
    (errors.NotFound, 3),
    (errors.Conflict, 4),
    (errors.Denied, 5),
    (errors.ProjectError, 6),
    (errors.Corrupt, 70),
    (errors.OutsideError, 75),
    (errors.NotReady, 75),
    (errors.Overloaded, 75),
    (errors.TookTooLong, 75),
    (errors.CallerError, 2),
)


def exit_code(failure: errors.FareroError) -> int:
    """The exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(failure, kind)), CRASH)
