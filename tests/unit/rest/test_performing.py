"""The route on a stand-in for the application: what it asks for, and what it answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from tests.asgi import InProcess
from tests.benches import DAY, T0
from tests.standin import Standin, bikes, late
from tests.unit.flow.test_appraise import filled

from farero.app import App
from farero.core.appraisal import Appraisal
from farero.rest.api import make_api


class Asked(Standin):
    """Answers with one report, whatever is asked, and keeps what was."""

    def __init__(self) -> None:
        super().__init__(late(), bikes())
        self.asked: list[dict[str, Any]] = []

    def performance(self, model: str, **options: Any) -> Appraisal:
        self.project(model)
        self.asked.append(options)
        return filled("binary", 12).report(T0 + 60 * DAY, by=["plan"])


@pytest.fixture
def app() -> Asked:
    return Asked()


@pytest.fixture
def http(app: Asked) -> InProcess:
    return InProcess(make_api(cast(App, app)))


@pytest.mark.row("M5")
def test_the_report_is_answered_as_json(http: InProcess, app: Asked) -> None:
    answer = http.get("/v1/models/flights/performance")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["metric"], body["labelled"], body["level"]) == ("roc_auc", 960, 0.95)
    assert [one["name"] for one in body["metrics"]][:2] == ["accuracy", "precision"]
    assert body["metrics"][0]["low"] < body["metrics"][0]["value"] < body["metrics"][0]["high"]
    assert [segment["name"] for segment in body["by"][0]["segments"]] == ["a", "b"]
    assert body["calibration"]["bins"][0]["rows"] > 0
    assert app.asked == [{"start": None, "end": None, "by": None, "version": None}]


def test_what_is_asked_for_reaches_the_application(http: InProcess, app: Asked) -> None:
    query = "from=2024-01-01T00:00:00Z&to=2024-02-01T00:00:00Z&by=plan&by=age&version=1.0.0"
    assert http.get(f"/v1/models/flights/performance?{query}").status_code == 200
    assert app.asked == [
        {"start": datetime(2024, 1, 1, tzinfo=UTC), "end": datetime(2024, 2, 1, tzinfo=UTC), "by": ["plan", "age"], "version": "1.0.0"}
    ]


@pytest.mark.parametrize("query", ["from=yesterday", "from=2024-01-01", "since=2024-01-01T00:00:00Z", "to=0001-01-01T00:00:00Z"])
def test_a_time_without_a_zone_and_a_misspelt_parameter_are_refused(http: InProcess, app: Asked, query: str) -> None:
    assert http.get(f"/v1/models/flights/performance?{query}").status_code == 422
    assert app.asked == []


def test_a_model_that_is_none_is_404(http: InProcess) -> None:
    assert http.get("/v1/models/moon/performance").json()["code"] == "model-not-found"
