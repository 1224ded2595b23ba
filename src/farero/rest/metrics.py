"""`GET /metrics`: what the service tells Prometheus, in the format that the scraper asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from farero.telemetry import METRICS, Sample


def add_metrics(api: FastAPI, read: Callable[[], Sequence[Sample]]) -> None:
    """Serve what `read` gives; it is asked at every scrape, in a thread, because reading what each process uses takes milliseconds."""

    kinds = {"text/plain": {"schema": {"type": "string"}}, "application/openmetrics-text": {"schema": {"type": "string"}}}
    answers: dict[int | str, dict[str, Any]] = {200: {"description": "One line a value, of all processes", "content": kinds}}

    @api.get("/metrics", response_class=Response, responses=answers, tags=["service"], summary="What Prometheus scrapes")
    def read_metrics(request: Request) -> Response:
        return exposed(read(), accept=request.headers.get("accept", ""))


def exposed(samples: Iterable[Sample], *, accept: str = "") -> Response:
    """The samples as OpenMetrics where `accept` asks for it, else as Prometheus text."""
    encode, media_type = choose_encoder(accept)
    # As a header: Response would add a second charset to a media type that has parameters already.
    headers = {"Content-Type": media_type, "Cache-Control": "no-store", "Vary": "Accept"}
    return Response(encode(_Given(samples)), headers=headers)


class _Given(Collector):
    """Samples that were read already, as Prometheus's library wants them: by metric."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = sorted(samples, key=lambda sample: sample.name)

    def collect(self) -> Iterator[Family]:
        """Each metric that has a value."""
        for name, samples in groupby(self._samples, key=lambda sample: sample.name):
            yield _family(name, samples)


def _family(name: str, samples: Iterable[Sample]) -> Family:
    metric = METRICS[name]
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(name, metric.help, labels=metric.labels)
        bounds = [*map(floatToGoString, metric.bounds), "+Inf"]
        for sample in samples:
            buckets = list(zip(bounds, accumulate(sample.counts), strict=True))
            histogram.add_metric(sample.labels, buckets, sample.value)
        return histogram
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(name, metric.help, labels=metric.labels)
    for sample in samples:
        family.add_metric(sample.labels, sample.value)
    return family
