from __future__ import annotations

from typing import Any

import pytest

from farero.core.failure import Failure, from_exception, to_error
from farero.errors import ConfigInvalid, TrainFailed


def _caught(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - any exception is a test value here
        return caught


def _error(failure: Failure, **more: Any) -> TrainFailed:
    return to_error(failure, what="train", timeout_s=1.5, memory_bytes=64 << 20, **more)


def test_an_exception_is_told_by_type_message_and_traceback() -> None:
    failure = from_exception(_caught(ValueError("no rows")))
    assert (failure.ending, failure.error, failure.message) == ("raised", "ValueError", "no rows")
    assert failure.traceback.endswith("ValueError: no rows\n")
    assert "in _caught" in failure.traceback


def test_frames_of_ours_are_left_out() -> None:
    assert "in _caught" not in from_exception(_outer(), skip_frames=1).traceback
    assert "in _inner" in from_exception(_outer(), skip_frames=1).traceback


def _outer() -> BaseException:
    try:
        _inner()
    except ValueError as error:
        return error
    raise AssertionError


def _inner() -> None:
    raise ValueError("inside")


def test_more_frames_to_leave_out_than_there_are_leave_the_last() -> None:
    assert "in _inner" in from_exception(_outer(), skip_frames=50).traceback


@pytest.mark.parametrize(
    ("error", "ending"),
    [(MemoryError(), "memory"), (SystemExit(2), "exit"), (KeyboardInterrupt(), "raised"), (ConfigInvalid("no"), "refused")],
)
def test_each_kind_of_exception_is_told_apart(error: BaseException, ending: str) -> None:
    assert from_exception(_caught(error)).ending == ending


def test_an_endless_message_is_cut() -> None:
    failure = from_exception(_caught(ValueError("x" * 100_000)))
    assert len(failure.message) == 2000
    assert len(failure.traceback) <= 6000


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (Failure(ending="raised", error="KeyError", message="'a'"), "train raised KeyError: 'a'"),
        (Failure(ending="memory", error="MemoryError"), "train ran out of memory: it may use 64 MiB."),
        (Failure(ending="exit", status="1"), "train called sys.exit(1)."),
        (Failure(ending="vanished", status="7"), "train ended its process with status 7 before it returned."),
        (Failure(ending="timeout"), "train did not end within 1.5 s and was stopped."),
        (Failure(ending="signal", error="SIGKILL"), "train was killed by SIGKILL: somebody killed it, or the system ran out of memory."),
        (Failure(ending="signal", error="SIGABRT"), "train was killed by SIGABRT: native code of a library crashed."),
        (Failure(ending="signal", error="SIGTERM"), "train was killed by SIGTERM: somebody ended it."),
    ],
    ids=lambda value: value.ending if isinstance(value, Failure) else "",
)
def test_the_error_says_what_happened(failure: Failure, text: str) -> None:
    error = _error(failure)
    assert error.context["summary"] == text
    assert error.message.startswith(text)
    assert failure.ending == "raised" or error.hint, "where the traceback says nothing, a remedy must"


def test_a_refusal_keeps_its_own_words() -> None:
    error = _error(Failure(ending="refused", message="train returned None.", hint="Return the model."))
    assert str(error) == "train returned None. Return the model."


def test_the_output_is_shown_where_there_is_no_traceback() -> None:
    assert "epoch 7" in str(_error(Failure(ending="timeout"), output="epoch 7\n"))
    assert "epoch 7" not in str(_error(Failure(ending="raised", error="ValueError", traceback="…"), output="epoch 7\n"))
