"""How a job that ran apart came to a bad end, and the error that says so."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Literal, TypeAlias

from farero.errors import FareroError, TrainFailed

Ending: TypeAlias = Literal["refused", "raised", "memory", "exit", "vanished", "signal", "timeout"]

_TRACEBACK_CHARS = 6000
_OUTPUT_CHARS = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The bad end of a job.

    Attributes:
        ending: refused = Farero's own check said no · raised = an exception · memory = MemoryError · exit = sys.exit ·
            vanished = the process ended itself, for example by os._exit · signal = killed by one · timeout = killed by us.
        error: the exception's type, or the signal's name.
        message: the exception's message.
        hint: what to do next, where the one who refused knows it.
        traceback: the user's part of the traceback.
        status: exit status (exit, vanished).
    """

    ending: Ending
    error: str = ""
    message: str = ""
    hint: str | None = None
    traceback: str = ""
    status: str = ""


def from_exception(error: BaseException, skip_frames: int = 0) -> Failure:
    """What is to be told of an exception that ended a job; `skip_frames` outermost frames are ours, not the user's."""
    if isinstance(error, FareroError):
        return Failure(ending="refused", error=type(error).__name__, message=error.message, hint=error.hint)
    if isinstance(error, SystemExit):
        return Failure(ending="exit", status=str(error.code))
    trace = error.__traceback__
    for _ in range(skip_frames):
        trace = trace.tb_next if trace is not None and trace.tb_next is not None else trace
    told = traceback.TracebackException(type(error), error, trace)  # survives an exception whose __str__ raises
    ending: Ending = "memory" if isinstance(error, MemoryError) else "raised"
    return Failure(
        ending=ending, error=type(error).__qualname__, message=str(told)[:2000], traceback="".join(told.format())[-_TRACEBACK_CHARS:]
    )


def to_error(
    failure: Failure, *, what: str, timeout_s: float, memory_bytes: int, peak_bytes: int | None = None, output: str = ""
) -> TrainFailed:
    """The error for it: what happened, to what, what to do next.

    >>> print(to_error(Failure(ending="signal", error="SIGSEGV"), what="train", timeout_s=9, memory_bytes=1 << 30))
    train was killed by SIGSEGV: native code of a library crashed. Run it by itself to find the library, or try another version of it.
    """
    sentence, hint = _words(failure, what, timeout_s, memory_bytes)
    parts = [sentence]
    if failure.traceback:
        parts.append(failure.traceback.rstrip())
    tail = output[-_OUTPUT_CHARS:].strip()
    if tail and failure.ending in ("memory", "vanished", "signal", "timeout", "exit"):
        parts.append(f"The last of its output:\n{tail}")
    return TrainFailed(
        "\n".join(parts),
        hint=hint if len(parts) == 1 else f"\n{hint}" if hint else None,
        ending=failure.ending,
        error=failure.error,
        summary=sentence,
        peak_bytes=peak_bytes,
    )


def _words(failure: Failure, what: str, timeout_s: float, memory_bytes: int) -> tuple[str, str | None]:
    """The first sentence and the remedy."""
    match failure.ending:
        case "refused":
            return failure.message, failure.hint
        case "raised":
            return f"{what} raised {failure.error}: {failure.message}", None
        case "memory":
            return (
                f"{what} ran out of memory: it may use {memory_bytes >> 20} MiB.",
                "Train on fewer rows, or raise memory_mb under [train] in farero.toml.",
            )
        case "exit":
            return f"{what} called sys.exit({failure.status}).", "Return the model; raise an exception to refuse."
        case "vanished":
            return (
                f"{what} ended its process with status {failure.status} before it returned.",
                "Look for os._exit in the code or a library that ends the process; return the model instead.",
            )
        case "timeout":
            return (
                f"{what} did not end within {timeout_s:g} s and was stopped.",
                "Make it faster, or raise timeout_s under [train] in farero.toml.",
            )
        case "signal":
            return f"{what} was killed by {failure.error}: {_reason(failure.error)}.", _remedy(failure.error)


def _reason(signal: str) -> str:
    if signal == "SIGKILL":
        return "somebody killed it, or the system ran out of memory"
    if signal in ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"):
        return "native code of a library crashed"
    return "somebody ended it"


def _remedy(signal: str) -> str:
    if signal == "SIGKILL":
        return (
            "See the system's log for its out-of-memory killer; lower memory_mb under [train] to have train fail before the machine does."
        )
    if signal in ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"):
        return "Run it by itself to find the library, or try another version of it."
    return "Train again."
