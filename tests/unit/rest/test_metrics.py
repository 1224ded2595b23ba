from __future__ import annotations

import math

import pytest
from fastapi import FastAPI
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from tests.asgi import InProcess

from farero.rest.metrics import add_metrics, exposed
from farero.telemetry import METRICS, Sample, sample

COUNTS = [0.0] * 17
COUNTS[1], COUNTS[4], COUNTS[16] = 3.0, 2.0, 1.0


def text(*samples: Sample) -> str:
    return bytes(exposed(samples).body).decode()


def every_metric() -> list[Sample]:
    """One sample of each metric."""
    found = []
    for name, metric in METRICS.items():
        counts = COUNTS if metric.kind == "histogram" else ()
        found.append(sample(name, 1.5, counts=counts, **dict.fromkeys(metric.labels, "x")))
    return found


@pytest.mark.row("M8")
def test_a_counter_and_a_gauge_say_kind_help_labels_and_value() -> None:
    told = text(sample("farero_predictions_total", 7.0, model="churn", version="1.0.0"), sample("farero_requests_waiting", 3.0))
    assert "# TYPE farero_predictions_total counter\n" in told
    assert "# HELP farero_predictions_total Prediction requests answered and recorded.\n" in told
    assert 'farero_predictions_total{model="churn",version="1.0.0"} 7.0\n' in told
    assert "# TYPE farero_requests_waiting gauge\nfarero_requests_waiting 3.0\n" in told


@pytest.mark.row("M8")
def test_a_histogram_cumulates_its_buckets() -> None:
    (family,) = parse(text(sample("farero_request_seconds", 12.5, counts=COUNTS, route="/predict")))
    buckets = {float(one.labels["le"]): one.value for one in family.samples if one.name.endswith("_bucket")}
    assert [buckets[bound] for bound in (0.0001, 0.00025, 0.001, 0.0025, 10.0, math.inf)] == [0.0, 3.0, 3.0, 5.0, 5.0, 6.0]
    others = {one.name: one.value for one in family.samples if not one.name.endswith("_bucket")}
    assert others == {"farero_request_seconds_count": 6.0, "farero_request_seconds_sum": 12.5}


def test_label_values_may_hold_anything() -> None:
    odd = 'a"b\\c\nd — é'
    (family,) = parse(text(sample("farero_errors_total", 1.0, code=odd)))
    assert family.samples[0].labels == {"code": odd}


def test_samples_of_one_metric_stand_together_wherever_they_came_from() -> None:
    told = text(
        sample("farero_errors_total", 1.0, code="busy"),
        sample("farero_requests_waiting", 0.0),
        sample("farero_errors_total", 2.0, code="late"),
    )
    assert told.count("# TYPE farero_errors_total") == 1
    assert [len(family.samples) for family in parse(told)] == [2, 1]


def test_every_metric_can_be_read_back_in_both_formats() -> None:
    plain = {one.name for family in parse(text(*every_metric())) for one in family.samples}
    answer = exposed(every_metric(), accept="application/openmetrics-text; version=1.0.0")
    opened = {one.name for family in parse_openmetrics(bytes(answer.body).decode()) for one in family.samples}
    for name, metric in METRICS.items():
        shown = f"{name}_count" if metric.kind == "histogram" else name
        assert shown in plain
        assert shown in opened


def test_the_scraper_chooses_the_format() -> None:
    api = FastAPI()
    add_metrics(api, lambda: [sample("farero_uptime_seconds", 5.0)])
    http = InProcess(api)
    plain = http.get("/metrics")
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert not plain.text.endswith("# EOF\n")
    opened = http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0,text/plain;q=0.5"})
    assert opened.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert opened.text.endswith("farero_uptime_seconds 5.0\n# EOF\n")


def test_every_scrape_reads_anew() -> None:
    values = iter([1.0, 2.0])
    api = FastAPI()
    add_metrics(api, lambda: [sample("farero_loop_turns_total", next(values))])
    http = InProcess(api)
    assert [http.get("/metrics").text.splitlines()[-1] for _ in range(2)] == ["farero_loop_turns_total 1.0", "farero_loop_turns_total 2.0"]


def test_the_api_says_that_there_are_metrics() -> None:
    api = FastAPI()
    add_metrics(api, lambda: ())
    told = api.openapi()["paths"]["/metrics"]["get"]["responses"]["200"]["content"]
    assert list(told) == ["text/plain", "application/openmetrics-text"]
