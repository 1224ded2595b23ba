"""What the service tells about itself: events, one JSON line each, and metrics."""

from farero.telemetry.events import EVENTS
from farero.telemetry.lines import (
    LOG_FILE,
    JsonLines,
    Level,
    PlainLines,
    answering,
    log,
    log_to_file,
    log_to_stream,
    request_id,
    stop_logging,
)
from farero.telemetry.metrics import METRICS, Metric, Sample, sample
from farero.telemetry.predictions import PredictionLines

__all__ = [
    "EVENTS", "LOG_FILE", "Level", "log", "answering", "request_id",
    "log_to_file", "log_to_stream", "stop_logging", "JsonLines", "PlainLines", "PredictionLines",
    "METRICS", "Metric", "Sample", "sample",
]  # fmt: skip
