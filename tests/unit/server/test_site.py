"""One application answers for both faces, within the limits of the settings."""

from __future__ import annotations

from typing import Any, cast

import pytest
from tests.asgi import InProcess
from tests.standin import Standin, lived

from farero.app import App
from farero.core.health import Check
from farero.project.settings import ServerSettings, Settings
from farero.server.site import make_site

ROW = {"season": "spring", "hr": 3, "workingday": True, "weathersit": "mist", "temp": 3, "hum": 4}


def site(app: Standin, *checks: Check, **limits: Any) -> InProcess:
    app.settings = Settings(references=(), server=ServerSettings(**limits))  # type: ignore[assignment]
    app.metrics = app.meters.samples  # type: ignore[attr-defined]
    return InProcess(make_site(cast(App, app), checks=lambda: checks))


@pytest.fixture
def app() -> Standin:
    return lived(8)


@pytest.mark.row("S1")
def test_predictions_rest_and_console_have_one_address(app: Standin) -> None:
    http = site(app)
    assert http.post("/v1/models/bikes/predict", json={"rows": [ROW]}).status_code == 200
    assert http.get("/v1/models").status_code == 200
    page = http.get("/console/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    metrics = http.get("/metrics").text
    assert 'farero_requests_total{code="200",route="/predict"} 1.0' in metrics


@pytest.mark.row("S3")
def test_further_checks_make_health_worse_and_are_told(app: Standin) -> None:
    bad = Check(name="worker", status="degraded", detail="The keeper is silent since 20 s.")
    told = site(app, bad).get("/health").json()
    assert {"name": "worker", "status": "degraded", "detail": "The keeper is silent since 20 s."} in told["checks"]
    assert "The keeper is silent" not in site(app).get("/health").text


@pytest.mark.row("S2")
def test_the_limits_are_those_of_the_settings(app: Standin) -> None:
    http = site(app, max_rows=2, max_body_bytes=1024)
    faults = http.post("/v1/models/bikes/predict", json={"rows": [ROW] * 3}).json()["faults"]
    assert [fault["code"] for fault in faults] == ["too-many-rows"]
    assert http.post("/v1/models/bikes/predict", content=b" " * 1025).status_code == 413
