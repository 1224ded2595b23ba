"""The name of every event, and the one way to log: a JSON object a line."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, Literal, TextIO, TypeAlias

from farero.errors import FareroError, ProjectError

Level: TypeAlias = Literal["debug", "info", "warning", "error"]

EVENTS: Final[dict[str, str]] = {
    "server.started": "the server answers",
    "server.stopping": "no new requests are taken, those under way are finished",
    "server.stopped": "everything is closed",
    "model_loaded": "a version serves",
    "model_unloaded": "a version made room in memory; its next request loads it again",
    "model.refused": "a version could not be loaded; the one before it goes on serving",
    "prediction": "a request was answered and recorded",
    "prediction.refused": "a request did not fit the schema; nothing was stored",
    "error": "something failed that nobody asked for",
    "record.handed-over": "segments were committed to the prediction log",
    "record.waiting": "segments could not be committed to the prediction log; they stay, and what needs no newest rows goes on",
    "record.corrupt": "a segment holds bytes that were not written; it was moved aside",
    "label.stored": "labels came in",
    "profile.built": "a window was summarised",
    "monitor.finished": "a window was compared with its reference",
    "drift_alert": "the inputs of a window drifted",
    "incident.opened": "something is wrong that was not before",
    "incident.escalated": "an incident became graver",
    "incident.acknowledged": "somebody looks after an incident",
    "incident.resolved": "an incident is over",
    "decide.finished": "it was decided whether to retrain",
    "retrain.started": "a training began",
    "retrain.finished": "a training gave a candidate",
    "retrain.failed": "a training gave nothing",
    "validate.finished": "a candidate was judged beside production",
    "promote.finished": "a version moved: staged, promoted, rejected, put back or deleted",
    "notify.delivered": "a message reached its channel",
    "notify.failed": "a message did not reach its channel",
    "worker.tick": "the worker did its round",
}

LOG_FILE: Final = Path(".farero") / "farero.log"
"""Where an installation logs, below its folder."""

request_id: ContextVar[str | None] = ContextVar("farero_request_id", default=None)
"""The request that is being answered; every line logged meanwhile carries it."""

_LEVELS: Final[dict[Level, int]] = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
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
        _logger.log(number, event, extra={"farero_fields": told})


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
    return _attach(_SharedFile(path, maxBytes=max_bytes, backupCount=kept, encoding="utf-8"), level, JsonLines())


def stop_logging(handler: logging.Handler) -> None:
    """Write no more lines through this handler."""
    _logger.removeHandler(handler)
    handler.close()


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, request_id where there is one, then the event's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for a record, also for one that came from another library."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if (request := request_id.get()) is not None:
            line["request_id"] = request
        line.update(getattr(record, "farero_fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class PlainLines(logging.Formatter):
    """One line for people: time, level, event and its fields, tracebacks left out: the log file has them."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for a record."""
        fields = getattr(record, "farero_fields", {})
        words = [f"{name}={value}" for name, value in fields.items() if name != "traceback"]
        return " ".join(
            [f"{datetime.fromtimestamp(record.created, UTC):%H:%M:%SZ} {record.levelname.lower()}", record.getMessage(), *words]
        )


class _SharedFile(RotatingFileHandler):
    """A rotated file that several processes write: whoever finds it full renames it, the others follow to the new one."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 (the name that logging calls)
        """Whether the file of this name, not one that was renamed meanwhile, is full."""
        self._follow()
        return bool(super().shouldRollover(record))

    def doRollover(self) -> None:  # noqa: N802 (the name that logging calls)
        """Rename the full file, unless another process has done so while this one waited for its turn."""
        if self.stream is None:
            return
        held = os.dup(self.stream.fileno())  # the lock belongs to the open file, and must outlast the stream, which is closed on the way
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            if not self._follow():
                super().doRollover()
        finally:
            os.close(held)

    def _follow(self) -> bool:
        """Open the file anew where its name leads to another one by now; says whether it did."""
        if self.stream is None:
            return False
        mine = os.fstat(self.stream.fileno())
        try:
            named = Path(self.baseFilename).stat()
        except FileNotFoundError:
            pass
        else:
            if (named.st_dev, named.st_ino) == (mine.st_dev, mine.st_ino):
                return False
        self.stream.close()
        self.stream = self._open()
        return True


def _attach(handler: logging.Handler, level: Level, formatter: logging.Formatter) -> logging.Handler:
    handler.setFormatter(formatter)
    handler.setLevel(_LEVELS[level])
    _logger.addHandler(handler)
    _logger.setLevel(min(_LEVELS[level], _logger.level or _LEVELS[level]))
    _logger.propagate = False
    return handler
