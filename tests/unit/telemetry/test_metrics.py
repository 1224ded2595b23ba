from __future__ import annotations

import re

import pytest

from farero.telemetry import METRICS, sample
from farero.telemetry.metrics import label_values


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_named_as_prometheus_wants(name: str) -> None:
    metric = METRICS[name]
    assert re.fullmatch(r"farero_[a-z][a-z_]*[a-z]", name)
    assert name.endswith("_total") == (metric.kind == "counter")
    assert (metric.kind == "histogram") == bool(metric.bounds)
    assert list(metric.bounds) == sorted(set(metric.bounds))
    assert metric.help.endswith(".")
    assert not set(metric.labels) & {"le", "quantile", "name", "value", "counts"}


@pytest.mark.parametrize("name", METRICS)
def test_what_each_process_has_carries_the_process_as_its_last_label(name: str) -> None:
    metric = METRICS[name]
    assert (metric.over == "each") == ("process" in metric.labels)
    assert metric.labels[-1:] == ("process",) or metric.over != "each"


def test_a_sample_puts_its_labels_in_the_order_of_the_metric() -> None:
    assert sample("farero_engine_info", 1.0, engine="compiled", version="1.0.0", model="churn").labels == ("churn", "1.0.0", "compiled")


@pytest.mark.parametrize("labels", [{}, {"model": "a"}, {"model": "a", "severity": "b", "more": "c"}, {"model": "a", "gravity": "b"}])
def test_labels_that_the_metric_does_not_have_are_a_mistake(labels: dict[str, str]) -> None:
    with pytest.raises(KeyError):
        sample("farero_incidents_open", 1.0, **labels)


def test_a_metric_that_is_not_on_the_list_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        sample("farero_incident_open", 1.0)


def test_a_process_does_not_name_itself() -> None:
    assert label_values("farero_process_threads", {}, without="process") == ()
