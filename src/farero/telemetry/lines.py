"""The one way to log: a JSON object a line."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TextIO, TypeAlias

from farero.errors import FareroError, ProjectError
from farero.telemetry.events import EVENTS
from farero.telemetry.shared_file import SharedFile

Level: TypeAlias = Literal["debug", "info", "warning", "error"]

LOG_FILE: Final = Path(".farero") / "farero.log"
"""Where an installation logs, below its folder."""

request_id: ContextVar[str | None] = ContextVar("farero_request_id", default=None)
"""The request that is being answered; every line logged meanwhile carries it."""

_LEVELS: Final[dict[Level, int]] = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_encode = json.JSONEncoder(default=str, ensure_ascii=False).encode  # made once: json.dumps would make one for every line
_logger = logging.getLogger("farero")
_logger.addHandler(logging.NullHandler())


def log(event: str, *, level: Level = "info", error: BaseException | None = None, **fields: object) -> None:
    """Log one event of `EVENTS`. Never pass inputs of a prediction: they may be personal.

    Args:
        error: what was raised. Its type and where it happened are logged; its words only where they are Farero's own, because those of
            another library may quote the value that it stumbled over.

    Raises:
        KeyError: the event has no entry in `EVENTS`.
    """
    EVENTS[event]
    number = _LEVELS[level]
    if _logger.isEnabledFor(number):
        told = fields if error is None else {**fields, **_told(error)}
        # Not through _logger.log, which walks the stack for the place in this file that called it: a third of the time of a line.
        record = logging.LogRecord(_logger.name, number, __file__, 0, event, None, None)
        record.farero_fields = told
        _logger.handle(record)


def _told(error: BaseException) -> dict[str, object]:
    frames = "".join(traceback.format_tb(error.__traceback__))
    told: dict[str, object] = {"error": type(error).__name__, "traceback": frames}
    if isinstance(error, FareroError):
        told["code"] = error.code
        if not isinstance(error, ProjectError):  # its message quotes what the project's own code said, which may quote its input
            told["detail"] = error.message
    if error.__cause__ is not None:
        told["cause"] = type(error.__cause__).__name__
    return told


@contextmanager
def answering(request: str) -> Iterator[None]:
    """While it lasts, every logged line of this thread or task carries this request id."""
    token = request_id.set(request)
    try:
        yield
    finally:
        request_id.reset(token)


def log_to_stream(stream: TextIO, *, level: Level = "info", plain: bool = False) -> logging.Handler:
    """Write lines to a stream from now on, `plain` ones for people to read; `stop_logging` undoes it."""
    return _attach(logging.StreamHandler(stream), level, PlainLines() if plain else JsonLines())


def log_to_file(path: Path, *, level: Level = "info", max_bytes: int = 10 << 20, kept: int = 5) -> logging.Handler:
    """Write lines to a file from now on; a full one is renamed to `.1`, the `kept` newest stay. `stop_logging` undoes it.

    Several processes may write the same file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return _attach(SharedFile(path, max_bytes=max_bytes, kept=kept), level, JsonLines())


def stop_logging(handler: logging.Handler) -> None:
    """Write no more lines through this handler."""
    _logger.removeHandler(handler)
    handler.close()


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, request_id where there is one, then the event's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for a record, also for one that came from another library."""
        line: dict[str, object] = {
            "time": moment(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if (request := request_id.get()) is not None:
            line["request_id"] = request
        line.update(getattr(record, "farero_fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _encode(line)


def moment(seconds: float) -> str:
    """The time of a line, to the millisecond; `seconds` are since 1970.

    >>> moment(1700000000.5)
    '2023-11-14T22:13:20.500Z'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class PlainLines(logging.Formatter):
    """One line for people: time, level, event and its fields, tracebacks left out: the log file has them."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for a record."""
        fields = getattr(record, "farero_fields", {})
        words = [f"{name}={value}" for name, value in fields.items() if name != "traceback"]
        return " ".join(
            [f"{datetime.fromtimestamp(record.created, UTC):%H:%M:%SZ} {record.levelname.lower()}", record.getMessage(), *words]
        )


def _attach(handler: logging.Handler, level: Level, formatter: logging.Formatter) -> logging.Handler:
    handler.setFormatter(formatter)
    handler.setLevel(_LEVELS[level])
    _logger.addHandler(handler)
    _logger.setLevel(min(_LEVELS[level], _logger.level or _LEVELS[level]))
    _logger.propagate = False
    return handler
