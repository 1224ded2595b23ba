"""The routes on a stand-in for the application: what they ask for, and what they answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from tests.asgi import InProcess
from tests.standin import Standin, bikes, late
from tests.unit.core.test_estimated import window
from tests.unit.core.test_explain import FIELDS, side
from tests.unit.core.test_explained import report

from farero.app import App
from farero.core.estimated import EstimateReport, backtested, caveat
from farero.core.explain import explain
from farero.core.explained import DropReport
from farero.rest.api import make_api

JANUARY, FEBRUARY = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)


class Asked(Standin):
    """Answers with one report, whatever is asked, and keeps what was."""

    def __init__(self) -> None:
        super().__init__(late(), bikes())
        self.asked: list[dict[str, Any]] = []

    def estimate(self, model: str, **options: Any) -> EstimateReport:
        self.project(model)
        self.asked.append(options)
        windows, whole = backtested([window(0, 10, 11), window(1, 10, None)], "mae", {})
        return EstimateReport(
            model=model, metric="mae", higher_is_better=False, caveat=caveat("mae"), versions=(), windows=windows, backtest=whole
        )

    def explain_drop(self, model: str, **options: Any) -> DropReport:
        self.project(model)
        self.asked.append(options)
        return report(explanation=explain(FIELDS, side(1, rows=500), side(2, shift=1.0, rows=500)))


@pytest.fixture
def app() -> Asked:
    return Asked()


@pytest.fixture
def http(app: Asked) -> InProcess:
    return InProcess(make_api(cast(App, app)))


@pytest.mark.row("M6")
def test_estimates_are_answered_with_their_backtest_and_their_caveat(http: InProcess, app: Asked) -> None:
    body = http.get("/v1/models/bikes/estimate?from=2024-01-01T00:00:00Z&to=2024-02-01T00:00:00Z&version=1.0.0").json()
    assert "concept drift" in body["caveat"]
    assert [one["estimated"]["mae"]["value"] for one in body["windows"]] == [10, 10]
    assert body["windows"][0]["start"] == "2024-01-01T00:00:00Z"
    assert (body["windows"][0]["backtest"], body["windows"][1]["backtest"]["bias"]) == (None, 1.0)
    assert app.asked == [{"start": JANUARY, "end": FEBRUARY, "version": "1.0.0"}]


@pytest.mark.row("M7")
def test_an_explanation_is_answered_with_parts_that_add_up(http: InProcess, app: Asked) -> None:
    query = "against_from=2024-01-01T00:00:00Z&against_to=2024-02-01T00:00:00Z&by=a&by=b"
    body = http.get(f"/v1/models/bikes/explain-drop?{query}").json()
    found = body["explanation"]
    assert found["known_inputs"]["value"] + found["new_inputs"]["value"] + found["relation"]["value"] == pytest.approx(
        found["total"]["value"]
    )
    assert found["features"][0]["feature"] == "a"
    assert app.asked == [{"start": None, "end": None, "against": (JANUARY, FEBRUARY), "by": ["a", "b"], "version": None}]


def test_half_a_span_is_refused_and_an_unknown_model_not_found(http: InProcess) -> None:
    answer = http.get("/v1/models/bikes/explain-drop?against_from=2024-01-01T00:00:00Z")
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-input")
    assert http.get("/v1/models/nobody/estimate").status_code == 404
    assert http.get("/v1/models/bikes/estimate?since=2024-01-01T00:00:00Z").status_code == 422


def test_both_routes_are_described_with_their_fields(http: InProcess) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    for route in ("estimate", "explain-drop"):
        found = paths[f"/v1/models/{{model}}/{route}"]["get"]["responses"]
        assert found["200"]["content"]["application/json"]["schema"]["$ref"]
        assert {"404", "422"} <= set(found)
