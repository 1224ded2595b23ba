from __future__ import annotations

from collections.abc import Iterator

import pytest

from farero import errors
from farero.cli.exits import CRASH, exit_code

CODES = {
    "CallerError": 2, "FaultList": 2, "ConfigInvalid": 2, "SchemaMismatch": 2, "BadInput": 2, "NotFound": 3, "ModelNotFound": 3,
    "VersionNotFound": 3, "IncidentNotFound": 3, "EndpointNotFound": 3,
    "Conflict": 4, "StaleDecision": 4, "LeaseHeld": 4, "IllegalMove": 4, "Denied": 5,
    "ProjectError": 6, "TrainFailed": 6, "PredictFailed": 6, "OutsideError": 75, "StoreUnavailable": 75, "LogUnavailable": 75,
    "ModelsUnavailable": 75, "NotifyFailed": 75, "TrackerUnavailable": 75, "NotReady": 75, "Overloaded": 75,
    "TookTooLong": 75, "Corrupt": 70, "FareroError": 70,
}  # fmt: skip


def kinds(kind: type[errors.FareroError] = errors.FareroError) -> Iterator[type[errors.FareroError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


ALL = [kind for kind in kinds() if kind.__module__ == "farero.errors"]


@pytest.mark.parametrize("kind", ALL, ids=[kind.__name__ for kind in ALL])
def test_every_error_has_its_exit_code(kind: type[errors.FareroError]) -> None:
    assert exit_code(kind("something")) == CODES[kind.__name__]


def test_an_error_of_a_plugin_ends_like_its_nearest_kind_and_a_stranger_like_a_bug() -> None:
    class Stranger(errors.FareroError):
        """Of no kind."""

    class Late(errors.NotFound):
        """A kind of its own."""

    assert (exit_code(Stranger()), exit_code(Late())) == (CRASH, 3)
