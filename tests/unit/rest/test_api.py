"""The REST face in process, on a stand-in for the application."""

from __future__ import annotations

from typing import cast

import pytest
from tests.asgi import InProcess
from tests.standin import Standin, bikes, fresh, lived

from farero.app import App
from farero.core.health import Check
from farero.core.label import LabelReceipt
from farero.errors import LogUnavailable, PredictFailed
from farero.rest.api import make_api

ROW = {"season": "spring", "hr": 3, "workingday": True, "weathersit": "mist", "temp": 3, "hum": 4}


@pytest.fixture
def app() -> Standin:
    return lived(20)


@pytest.fixture
def http(app: Standin) -> InProcess:
    return InProcess(make_api(cast(App, app), max_body_bytes=4096, max_rows=5))


@pytest.mark.row("S1")
def test_the_root_names_service_version_and_links_and_sends_browsers_to_the_console(http: InProcess) -> None:
    body = http.get("/").json()
    assert (body["service"], body["links"]["docs"]) == ("farero", "/docs")
    moved = http.get("/", headers={"Accept": "text/html,*/*"})
    assert (moved.status_code, moved.headers["location"]) == (302, "/console")


@pytest.mark.row("S1")
def test_a_prediction_carries_version_and_the_request_id_of_the_caller(http: InProcess) -> None:
    answer = http.post("/v1/models/flights/predict", json={"rows": [ROW, ROW]}, headers={"X-Request-Id": "abc"})
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "abc"
    assert answer.json()["version"] == "1.0.0"
    assert answer.json()["predictions"] == [{"prediction": 1, "probability": 0.8, "risk_level": "high"}] * 2


@pytest.mark.row("S2")
def test_every_fault_of_every_row_is_listed_and_nothing_is_recorded(http: InProcess, app: Standin) -> None:
    answer = http.post("/v1/models/flights/predict", json={"rows": [ROW, {**ROW, "hr": 99, "season": "monsoon", "extra": 1}]})
    assert answer.status_code == 422
    assert sorted(fault["path"] for fault in answer.json()["faults"]) == ["rows[1].extra", "rows[1].hr", "rows[1].season"]
    assert app.recorded == 0


@pytest.mark.row("S2")
def test_a_model_without_a_version_answers_503_and_says_why(http: InProcess) -> None:
    answer = http.post("/v1/models/churn/predict", json=ROW)
    assert (answer.status_code, answer.json()["code"]) == (503, "not-ready")
    assert answer.headers["retry-after"]


def test_with_several_models_the_short_path_asks_for_one(http: InProcess) -> None:
    assert http.post("/predict", json=ROW).status_code == 422


def test_a_body_over_the_limit_is_413_on_every_route(http: InProcess) -> None:
    big = b" " * 5000
    assert http.post("/v1/models/flights/predict", content=big).status_code == 413
    assert http.post("/v1/labels", content=big, headers={"Content-Type": "application/json"}).status_code == 413


def test_an_answer_that_could_not_be_recorded_is_not_given(http: InProcess, app: Standin) -> None:
    app.fails_with = LogUnavailable("The disk is full.")
    answer = http.post("/v1/models/flights/predict", json=ROW)
    assert (answer.status_code, answer.json()["code"]) == (503, "log-unavailable")


def test_a_failing_model_is_500_with_its_code_and_a_bug_without_details(http: InProcess, app: Standin) -> None:
    app.fails_with = PredictFailed()
    assert http.post("/v1/models/flights/predict", json=ROW).json()["code"] == "predict-failed"
    app.fails_with = ZeroDivisionError("a-secret")
    answer = http.post("/v1/models/flights/predict", json=ROW)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert "a-secret" not in answer.text


@pytest.mark.row("S3")
def test_health_liveness_and_readiness_are_apart(http: InProcess) -> None:
    health = http.get("/health")
    assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
    assert {model["model"]: model["loaded"] for model in health.json()["models"]} == {"bikes": True, "flights": True, "churn": False}
    assert http.get("/health/live").status_code == 200
    assert http.get("/health/ready").status_code == 503


@pytest.mark.row("S3")
def test_a_failing_worker_degrades_health() -> None:
    app = lived(20)
    del app._projects["churn"]
    app.trouble = []
    api = make_api(cast(App, app), checks=lambda: (Check(name="worker", status="degraded", detail="no turn"),))
    answer = InProcess(api).get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"][-1]["name"] == "worker"


@pytest.mark.row("L5")
def test_labels_give_a_receipt_and_an_unknown_request_is_reported(http: InProcess) -> None:
    labels = [{"request_id": "a", "label": 3}, {"request_id": "unknown", "label": 4}]
    answer = http.post("/v1/labels", json={"model": "bikes", "labels": labels})
    assert answer.status_code == 202
    assert answer.json()["stored"] == 1
    assert answer.json()["unknown"] == ["labels[1]: no prediction has the request id unknown"]


@pytest.mark.parametrize("body", [{}, {"labels": []}, {"labels": [{}]}, {"labels": [{"label": {}, "request_id": "a"}]}, [1], "text"])
def test_labels_of_the_wrong_shape_are_422_with_paths(http: InProcess, body: object) -> None:
    answer = http.post("/v1/labels", json=body)
    assert answer.status_code == 422
    assert answer.json()["faults"]


@pytest.mark.parametrize("content", [b"{", b'{"labels": [NaN]}', b'"\xff"', b"[" * 4000])
def test_management_refuses_broken_json_as_predictions_do(http: InProcess, content: bytes) -> None:
    answer = http.post("/v1/labels", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-input")


@pytest.mark.row("L5")
def test_a_fault_of_a_label_has_its_path_once(http: InProcess, app: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    receipt = LabelReceipt(stored=0, duplicates=0, contradictions=(), unknown=(), invalid=("labels[0]: is 'a: b', not a number",))
    monkeypatch.setattr(app, "label", lambda model, rows: receipt)
    answer = http.post("/v1/labels", json={"model": "bikes", "request_id": "a", "label": "a: b"})
    assert answer.json()["faults"] == [{"path": "labels[0]", "code": "invalid-label", "message": "is 'a: b', not a number"}]


@pytest.mark.row("S2")
@pytest.mark.parametrize(("query", "path"), [("limit=-1", "limit"), ("last=-1", "query.last"), ("last=5&page=2", "page")])
def test_a_parameter_that_is_unknown_or_out_of_range_is_422(http: InProcess, query: str, path: str) -> None:
    answer = http.get(f"/v1/models/bikes/decisions?{query}")
    assert (answer.status_code, [fault["path"] for fault in answer.json()["faults"]]) == (422, [path])


def test_one_fault_is_counted_as_one(http: InProcess) -> None:
    told = http.post("/v1/models/flights/predict", json={"rows": [{**ROW, "hr": 99}]}).json()["detail"]
    assert told.startswith("1 fault in 1 row;")
    assert http.post("/v1/labels", json={"labels": []}).json()["detail"] == "1 fault in the request."


def test_a_form_of_a_foreign_page_cannot_promote(http: InProcess) -> None:
    answer = http.post("/v1/models/bikes/versions/1.0.0/promote", content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


@pytest.mark.row("S3")
def test_which_engine_answers_and_why_is_told_by_health_and_by_the_version_that_serves(http: InProcess) -> None:
    told = {"engine": "original", "engine_detail": "PCA is not among the steps that are compiled."}
    (model,) = (one for one in http.get("/health").json()["models"] if one["model"] == "bikes")
    assert {name: model[name] for name in told} == told
    versions = http.get("/v1/models/bikes/versions").json()
    shown = {one["state"]: http.get(f"/v1/models/bikes/versions/{one['number']}").json() for one in versions}
    assert {name: shown["production"][name] for name in told} == told
    others = [one for state, one in shown.items() if state != "production"]
    assert others and all(one["engine"] is None and one["engine_detail"] is None for one in others)


@pytest.mark.row("R1")
def test_versions_are_listed_shown_and_promoted(http: InProcess) -> None:
    assert http.get("/v1/models/bikes/versions").json()[0]["state"] == "production"
    shown = http.get("/v1/models/bikes/versions/1.0.0").json()
    assert [move["target"] for move in shown["moves"]] == ["candidate", "staging", "production"]
    assert http.post("/v1/models/bikes/versions/1.1.0/promote", json={"by": "ana", "because": "better"}).status_code == 200
    assert http.get("/v1/models/bikes/versions/9.9.9").status_code == 404


@pytest.mark.parametrize("what", ["observations", "drift", "decisions", "incidents", "runs", "versions"])
def test_what_is_known_of_a_model_is_a_list_and_of_an_unknown_model_404(http: InProcess, what: str) -> None:
    assert len(http.get(f"/v1/models/bikes/{what}").json()) > 0
    assert http.get(f"/v1/models/nope/{what}").status_code == 404


def test_incidents_can_be_looked_after(http: InProcess) -> None:
    assert http.post("/v1/incidents/inc-3/ack", json={"by": "ana"}).json()["acknowledged_by"] == "ana"
    assert http.post("/v1/incidents/none/ack").status_code == 404
    assert http.post("/v1/incidents/inc-3/accept", json={"by": "ana", "note": "moved"}).json()["resolved"]


def test_unknown_routes_and_methods_are_problems_too(http: InProcess) -> None:
    assert http.get("/nope").json()["code"] == "no-such-route"
    assert http.request("PUT", "/v1/labels", json={}).json()["code"] == "method-not-allowed"


@pytest.mark.row("S1")
def test_the_description_covers_every_route_and_needs_no_other_server(http: InProcess) -> None:
    document = http.get("/openapi.json").json()
    assert {"/v1/models/bikes/predict", "/v1/labels", "/health"} <= set(document["paths"])
    page = http.get("/docs").text
    assert "//" not in page.replace("<!doctype", "")
    for path in ("/docs/swagger/swagger-ui.css", "/docs/swagger/swagger-ui-bundle.js", "/docs/static/docs.js"):
        assert path in page
        assert http.get(path).status_code == 200


def test_with_one_model_the_description_has_the_short_path() -> None:
    document = InProcess(make_api(cast(App, Standin(bikes())))).get("/openapi.json").json()
    assert "/predict" in document["paths"]


def test_with_one_model_the_short_path_answers() -> None:
    http = InProcess(make_api(cast(App, Standin(fresh()))))
    assert http.post("/predict", json=ROW).status_code == 503
