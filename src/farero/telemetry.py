"""The name of every event and metric, and the one way to log: a JSON object a line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, Literal, TextIO, TypeAlias

Level: TypeAlias = Literal["debug", "info", "warning", "error"]

EVENTS: Final[dict[str, str]] = {
    "server.started": "the server answers",
    "server.stopping": "no new requests are taken, those under way are finished",
    "server.stopped": "everything is closed",
    "model.loaded": "a version serves",
    "model.refused": "a version could not be loaded; the one before it goes on serving",
    "prediction": "a request was answered and recorded",
    "prediction.refused": "a request did not fit the schema; nothing was stored",
    "error": "something failed that nobody asked for",
    "record.handed-over": "segments were committed to the prediction log",
    "record.corrupt": "a segment holds bytes that were not written; it was moved aside",
    "label.stored": "labels came in",
    "profile.built": "a window was summarised",
    "monitor.finished": "a window was compared with its reference",
    "drift_alert": "the inputs of a window drifted",
    "incident.opened": "something is wrong that was not before",
    "incident.escalated": "an incident became graver",
    "incident.resolved": "an incident is over",
    "decide.finished": "it was decided whether to retrain",
    "retrain.started": "a training began",
    "retrain.finished": "a training gave a candidate",
    "retrain.failed": "a training gave nothing",
    "validate.finished": "a candidate was judged beside production",
    "promote.finished": "a version moved",
    "notify.delivered": "a message reached its channel",
    "notify.failed": "a message did not reach its channel",
    "worker.tick": "the worker did its round",
}

METRICS: Final[dict[str, str]] = {
    "farero_predictions_total": "rows predicted, by model and version",
    "farero_requests_total": "requests, by path and status",
    "farero_request_seconds": "time to answer a request [s]",
    "farero_backlog_bytes": "recorded predictions that wait for the hand-over [B]",
    "farero_model_loaded": "1 where a production version serves, by model and version",
    "farero_metric": "served metric of the last closed window, by model and metric",
    "farero_drift_alarm": "1 where the last closed window drifted, by model",
    "farero_incidents_open": "open incidents, by model and severity",
    "farero_uptime_seconds": "time since the start [s]",
}

request_id: ContextVar[str | None] = ContextVar("farero_request_id", default=None)
"""The request that is being answered; every line logged meanwhile carries it."""

_LEVELS: Final[dict[Level, int]] = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_logger = logging.getLogger("farero")
_logger.addHandler(logging.NullHandler())


def log(event: str, *, level: Level = "info", **fields: object) -> None:
    """Log one event of `EVENTS`. Never pass inputs of a prediction: they may be personal.

    Raises:
        KeyError: the event has no entry in `EVENTS`.
    """
    EVENTS[event]
    number = _LEVELS[level]
    if _logger.isEnabledFor(number):
        _logger.log(number, event, extra={"farero_fields": fields})


@contextmanager
def answering(request: str) -> Iterator[None]:
    """While it lasts, every logged line of this thread or task carries this request id."""
    token = request_id.set(request)
    try:
        yield
    finally:
        request_id.reset(token)


def log_to_stream(stream: TextIO, *, level: Level = "info") -> logging.Handler:
    """Write lines to a stream from now on; `stop_logging` undoes it."""
    return _attach(logging.StreamHandler(stream), level)


def log_to_file(path: Path, *, level: Level = "info", max_bytes: int = 10 << 20, kept: int = 5) -> logging.Handler:
    """Write lines to a file from now on; a full one is renamed to `.1`, the `kept` newest stay. `stop_logging` undoes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return _attach(RotatingFileHandler(path, maxBytes=max_bytes, backupCount=kept, encoding="utf-8"), level)


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


def _attach(handler: logging.Handler, level: Level) -> logging.Handler:
    handler.setFormatter(JsonLines())
    handler.setLevel(_LEVELS[level])
    _logger.addHandler(handler)
    _logger.setLevel(min(_LEVELS[level], _logger.level or _LEVELS[level]))
    _logger.propagate = False
    return handler
