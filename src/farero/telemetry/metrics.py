"""The name of every figure of the service: kind, labels, meaning and how it is put together from several processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets of a latency [s]: from a cached answer of the short way to a request that ran out of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        over: how a gauge of several processes becomes one: their sum, the greatest, or one sample for each, told apart by the last
            label, `process`. Counters and histograms are always summed, unless each process has its own.
        bounds: upper bounds of a histogram's buckets, rising; a last one without bound is added.
    """

    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    over: Literal["sum", "max", "each"] = "sum"
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of one metric. `labels` are the values of `METRICS[name].labels` in that order.

    Attributes:
        value: of a histogram the sum of what was observed.
        counts: of a histogram how many fell into each bucket, not cumulated, the one without bound last; else empty.
    """

    name: str
    labels: tuple[str, ...] = ()
    value: float
    counts: tuple[float, ...] = ()


def sample(name: str, value: float, *, counts: Sequence[float] = (), **labels: str) -> Sample:
    """A sample that is made where it is asked for, such as the number of open incidents.

    Raises:
        KeyError: there is no such metric, or a label of it is missing.

    >>> sample("farero_incidents_open", 2.0, model="churn", severity="high").labels
    ('churn', 'high')
    """
    return Sample(name=name, labels=label_values(name, labels), value=value, counts=tuple(counts))


def label_values(name: str, labels: dict[str, str], *, without: str = "") -> tuple[str, ...]:
    """The values of a metric's labels in its own order.

    Raises:
        KeyError: there is no such metric, or the labels are not exactly its own.
    """
    names = [label for label in METRICS[name].labels if label != without]
    if len(labels) != len(names):
        raise KeyError(f"{name} has the labels {names}, not {sorted(labels)}")
    return tuple([labels[label] for label in names])


def _counter(told: str, *labels: str) -> Metric:
    return Metric(kind="counter", help=told, labels=labels)


def _gauge(told: str, *labels: str, over: Literal["sum", "max"] = "sum") -> Metric:
    return Metric(kind="gauge", help=told, labels=labels, over=over)


def _own(kind: Kind, told: str) -> Metric:
    return Metric(kind=kind, help=told, labels=("process",), over="each")


METRICS: Final[dict[str, Metric]] = {
    # requests
    "farero_requests_total": _counter("Requests answered, by route and HTTP status.", "route", "code"),
    "farero_request_seconds": Metric(
        kind="histogram", help="From the whole request read to its answer handed over, by route.", labels=("route",), bounds=SECONDS
    ),
    "farero_requests_waiting": _gauge("Requests that wait for a thread of the careful lane."),
    "farero_connections_open": _gauge("Open client connections."),
    "farero_errors_total": _counter("Answers that were errors, by their code.", "code"),
    # predictions
    "farero_predictions_total": _counter("Prediction requests answered and recorded.", "model", "version"),
    "farero_prediction_rows_total": _counter("Rows predicted and recorded.", "model", "version"),
    "farero_refused_total": _counter("Prediction requests that were refused, by why; nothing of them was stored.", "model", "reason"),
    "farero_failed_requests_total": _counter("Prediction requests that the service failed: answered 429, or 500 and more.", "model"),
    "farero_fast_requests_total": _counter("Prediction requests answered by the short way.", "model"),
    "farero_careful_requests_total": _counter("Prediction requests answered by the original model.", "model"),
    "farero_prediction_failures_total": _counter(
        "Requests on which a version failed; where it is not in production, production answered in its place.", "model", "version"
    ),
    "farero_shadow_requests_total": _counter("Copies of requests that a shadow version scored.", "model", "version"),
    "farero_shadow_failures_total": _counter("Copies of requests on which a shadow version failed.", "model", "version"),
    "farero_shadow_dropped_total": _counter("Copies of requests that no shadow version scored, because too many waited.", "model"),
    "farero_cache_hits_total": _counter("Requests whose answer was remembered.", "model"),
    "farero_cache_misses_total": _counter("Requests that were looked for among the remembered ones in vain.", "model"),
    "farero_cache_entries": _gauge("Answers remembered, over all processes.", "model"),
    # models
    "farero_model_loaded": _gauge("How many processes have this version loaded and serve it.", "model", "version"),
    "farero_engine_info": _gauge("1 for the engine that answers for a version.", "model", "version", "engine", over="max"),
    # the record
    "farero_spool_waiting_bytes": _gauge("Segments of recorded predictions that are not in the prediction log yet."),
    "farero_spool_backlog_bytes": _gauge("Records of predictions that are being made safe; their answers wait for it."),
    "farero_handover_rows_total": _counter("Rows committed to the prediction log."),
    "farero_handover_failures_total": _counter("Times that recorded predictions could not be committed to the prediction log."),
    "farero_handover_lag_seconds": _gauge(
        "Since the oldest segment that is not in the prediction log was last written; 0 without one.", over="max"
    ),
    "farero_labels_total": _counter("Labels taken in.", "model"),
    # the loop
    "farero_loop_turns_total": _counter("Rounds of the loop."),
    "farero_loop_failures_total": _counter("Rounds of the loop that failed; the next one is tried all the same."),
    "farero_job_runs_total": _counter("Runs of jobs that ended, and tries that will be made again, by how they ended.", "job", "status"),
    "farero_jobs_open": _gauge("Runs of jobs that wait or are under way.", "status", over="max"),
    "farero_incidents_open": _gauge("Incidents that are not over.", "model", "severity", over="max"),
    # the installation
    "farero_build_info": _gauge("1 for the version of Farero that runs.", "version", over="max"),
    "farero_uptime_seconds": _gauge("Since the service started.", over="max"),
    "farero_worker_restarts_total": _counter("Serving processes that ended unasked and were replaced."),
    "farero_disk_free_bytes": _gauge("Free on the disk of the installation's folder.", over="max"),
    "farero_disk_total_bytes": _gauge("Size of the disk of the installation's folder.", over="max"),
    "farero_series_dropped_total": _counter("Label combinations that found no room in a process's meters and are not shown."),
    # each process
    "farero_process_resident_bytes": _own("gauge", "Memory that is in RAM, shared pages included."),
    "farero_process_unique_bytes": _own("gauge", "Memory that is in RAM and belongs to no other process."),
    "farero_process_cpu_seconds_total": _own("counter", "Processor time used; begins anew with a replaced process."),
    "farero_process_start_time_seconds": _own("gauge", "When the process started, since 1970."),
    "farero_process_threads": _own("gauge", "Threads."),
    "farero_process_open_files": _own("gauge", "Open files and sockets."),
}
