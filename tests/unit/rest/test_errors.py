"""Every error has a status, and says what a caller can use."""

from __future__ import annotations

import inspect
import json

import pytest

from farero import errors
from farero.core.schema import Fault
from farero.rest.errors import CutShort, HeadTooLarge, NotHttp, TooLarge, answer_error, status_of

EXPECTED = {
    errors.SchemaMismatch: 422, errors.BadInput: 422, TooLarge: 413, errors.ModelNotFound: 404, errors.VersionNotFound: 404,
    errors.IncidentNotFound: 404, errors.StaleDecision: 409, errors.LeaseHeld: 409, errors.IllegalMove: 409, errors.Denied: 403,
    errors.NotReady: 503, errors.StoreUnavailable: 503, errors.LogUnavailable: 503, errors.ModelsUnavailable: 503,
    errors.TrainFailed: 500, errors.PredictFailed: 500, errors.Corrupt: 500, CutShort: 422, NotHttp: 400, HeadTooLarge: 431,
}  # fmt: skip


@pytest.mark.parametrize(("kind", "status"), EXPECTED.items(), ids=lambda value: getattr(value, "__name__", str(value)))
def test_an_error_has_the_status_that_is_promised(kind: type[errors.FareroError], status: int) -> None:
    assert status_of(kind()) == status


def test_every_error_of_the_tree_has_a_status() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.FareroError)]
    assert all(400 <= status_of(kind()) < 600 for kind in kinds)


@pytest.mark.row("S2")
def test_a_problem_lists_every_fault_with_its_path() -> None:
    faults = [
        Fault(path="rows[0].hr", code="above-max", message="too large"),
        Fault(path="rows[3].temp", code="missing", message="is missing"),
    ]
    answer = answer_error(errors.SchemaMismatch("2 faults", faults=faults), "r-1")
    body = json.loads(bytes(answer.body))
    assert answer.status_code == 422
    assert answer.media_type == "application/problem+json"
    assert [fault["path"] for fault in body["faults"]] == ["rows[0].hr", "rows[3].temp"]
    assert (body["code"], body["request_id"]) == ("schema-mismatch", "r-1")


@pytest.mark.parametrize("error", [errors.NotReady(), errors.LogUnavailable()])
def test_what_may_pass_by_itself_says_when_to_try_again(error: errors.FareroError) -> None:
    assert answer_error(error, "r").headers["retry-after"] == "2"


def test_what_will_not_pass_by_itself_does_not() -> None:
    assert "retry-after" not in answer_error(errors.StoreUnavailable(retryable=False), "r").headers


def test_a_bug_is_answered_without_its_details() -> None:
    answer = answer_error(KeyError("secret"), "r-9")
    assert answer.status_code == 500
    assert b"secret" not in bytes(answer.body)
    assert b"r-9" in bytes(answer.body)
