"""The routes of endpoints in process, on a real installation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.asgi import InProcess
from tests.benches import make_project, write_csv

from farero.adapters.inline_child import InlineChild
from farero.app import App
from farero.rest.api import make_api
from farero.wiring import open_app

ROW = {"x": 2.0, "shape": "a", "customer": "C-1"}
HALF = [{"version": "production", "share": 50, "name": ""}, {"version": "1.1.0", "share": 50, "name": "challenger"}]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    root = make_project(tmp_path_factory.mktemp("routing") / "points")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("farero.wiring.ChildProcess", lambda *given, **named: InlineChild())
        opened = open_app(root)
    data = write_csv(root / "data.csv", days=3)
    first = opened.train("points", data, time="ts", until=None, because="the first")
    opened.promote("points", first.number, by="test", because="the first")
    opened.train("points", data, time="ts", until=None, because="the second")
    opened.refresh()
    yield opened
    opened.close()


@pytest.fixture
def http(app: App) -> Iterator[InProcess]:
    client = InProcess(make_api(app))
    yield client
    client.request("DELETE", "/v1/endpoints/ab")
    client.request("PUT", "/v1/endpoints/points", json={})


@pytest.mark.row("S4")
def test_an_endpoint_is_created_read_replaced_changed_and_deleted(http: InProcess) -> None:
    made = http.post(
        "/v1/endpoints", json={"name": "ab", "routes": HALF, "sticky": True, "idle": "15m", "by": "ana", "because": "a contest"}
    )
    assert made.status_code == 201
    body = made.json()
    assert [(route["version"], route["share"], route["name"]) for route in body["routes"]] == [
        ("production", 50.0, "production"),
        ("1.1.0", 50.0, "challenger"),
    ]
    assert (body["model"], body["sticky"], body["idle"], body["own"]) == ("points", True, "15m", False)
    assert made.headers["etag"] == f'"{body["revision"]}"'
    assert http.get("/v1/endpoints/ab").json() == body
    changed = http.request("PATCH", "/v1/endpoints/ab", json={"idle": None}, headers={"If-Match": made.headers["etag"]}).json()
    assert (changed["idle"], changed["sticky"], changed["routes"]) == (None, True, body["routes"])
    replaced = http.request("PUT", "/v1/endpoints/ab", json={"shadow": ["1.1.0"]}).json()
    assert (replaced["sticky"], replaced["routes"], replaced["shadow"]) == (False, [], ["1.1.0"])
    assert [one["name"] for one in http.get("/v1/endpoints?model=points").json()] == ["ab", "points"]
    gone = http.request("DELETE", "/v1/endpoints/ab?by=ana&because=decided")
    assert (gone.status_code, gone.json()["revision"]) == (200, replaced["revision"])
    told = http.get("/v1/endpoints/ab/changes").json()
    assert (told[0]["by"], told[0]["because"], told[0]["endpoint"]) == ("ana", "decided", None)
    assert (told[3]["by"], told[3]["because"]) == ("ana", "a contest")
    assert http.get("/v1/endpoints/ab").status_code == 404


@pytest.mark.row("S4")
def test_what_is_wrong_is_told_and_changes_nothing(http: InProcess) -> None:
    bad = http.request("PATCH", "/v1/endpoints/points", json={"routes": [{"version": "9.9.9", "share": 30}]})
    assert bad.status_code == 422
    assert [fault["code"] for fault in bad.json()["faults"]] == ["unknown-version", "shares"]
    stale = http.request("PATCH", "/v1/endpoints/points", json={"sticky": True}, headers={"If-Match": '"77"'})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale-decision")
    own = http.request("DELETE", "/v1/endpoints/points")
    assert (own.status_code, own.json()["code"]) == (409, "illegal-move")
    assert http.post("/v1/endpoints", json={"name": "points"}).status_code == 409
    assert http.post("/v1/endpoints", json={"name": "ab", "model": "other"}).status_code == 404
    assert http.request("PATCH", "/v1/endpoints/points", json={"idle": "soon"}).json()["faults"][0]["path"] == "idle"
    assert http.request("PATCH", "/v1/endpoints/points", json={}, headers={"If-Match": "new"}).status_code == 422
    assert http.request("PATCH", "/v1/endpoints/points", json={"split": 1}).status_code == 422
    assert http.get("/v1/endpoints/points").json()["routes"] == []


@pytest.mark.row("S4")
def test_requests_to_an_endpoint_are_answered_by_its_versions_and_to_none_with_404(http: InProcess, app: App) -> None:
    http.post("/v1/endpoints", json={"name": "ab", "routes": HALF})
    answers = [http.post("/v1/endpoints/ab/predict", json=ROW, headers={"X-Request-Id": f"r{number}"}) for number in range(30)]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["version"] for answer in answers} == {"1.0.0", "1.1.0"}
    again = [http.post("/v1/endpoints/ab/predict", json=ROW, headers={"X-Request-Id": f"r{number}"}) for number in range(30)]
    assert [one.json()["version"] for one in again] == [one.json()["version"] for one in answers]
    assert http.post("/v1/endpoints/points/predict", json=ROW).json()["version"] == "1.0.0"
    missing = http.post("/v1/endpoints/none/predict", json=ROW)
    assert (missing.status_code, missing.json()["code"]) == (404, "endpoint-not-found")
    bad = http.post("/v1/endpoints/ab/predict", json={"x": "two", "shape": "a"})
    assert (bad.status_code, bad.json()["faults"][0]["path"]) == (422, "x")


@pytest.mark.row("S5")
def test_a_resting_model_answers_its_next_request(http: InProcess, app: App) -> None:
    app._pool.rest("points")
    assert http.post("/predict", json=ROW).json()["version"] == "1.0.0"
    assert not app.is_resting("points")
