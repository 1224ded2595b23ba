"""Rollouts, approvals, freezes and read-outs over HTTP, on a real installation."""

from __future__ import annotations

import pytest
from tests.asgi import InProcess
from tests.benches import DAY, T0
from tests.unit.app.test_rolling import SPLIT, app, clock  # noqa: F401 (fixtures)

from farero.adapters.manual_clock import ManualClock
from farero.app import App
from farero.core.endpoint import Endpoint
from farero.core.label import LabelRow
from farero.rest.api import make_api


@pytest.mark.row("R7", "R2")
def test_a_rollout_is_begun_approved_shown_and_stopped(app: App) -> None:  # noqa: F811
    http = InProcess(make_api(app))
    versions = "/v1/models/points/versions/1.1.0"
    moved = http.post(f"{versions}/promote", json={"by": "ana", "because": "better"})
    assert (moved.status_code, moved.json()["state"]) == (200, "staging")
    app.roll()
    (waiting,) = http.get("/v1/models/points/rollouts").json()
    assert (waiting["status"], waiting["stage"], waiting["share"]) == ("waiting", "approval", 0.0)
    assert waiting["waits_for"] == "1 of 1 approvals are missing, from anybody"
    denied = http.post(f"{versions}/approvals", json={"by": "farero", "role": "any"})
    assert (denied.status_code, denied.json()["code"]) == (403, "denied")
    said = http.post(f"{versions}/approvals", json={"by": "ben", "role": "any", "because": "seen"}).json()
    assert http.get(f"{versions}/approvals").json() == [said]
    app.roll()
    one = http.get(f"/v1/models/points/rollouts/{waiting['id']}").json()
    assert (one["stage"], one["share"], one["history"][-1]["because"]) == ("canary 20 %", 20.0, ["approved by ben (any)"])
    stopped = http.post("/v1/models/points/rollouts/stop", json={"by": "ana", "because": "not now"})
    assert (stopped.status_code, stopped.json()["status"]) == (200, "stopped")
    assert http.post("/v1/models/points/rollouts/stop", json={"because": "again"}).status_code == 404
    assert http.get("/v1/models/points/rollouts/99").status_code == 404


@pytest.mark.row("R7")
def test_a_model_is_frozen_and_let_go(app: App) -> None:  # noqa: F811
    http = InProcess(make_api(app))
    assert http.get("/v1/models/points/freeze").json() is None
    frozen = http.request("PUT", "/v1/models/points/freeze", json={"by": "ana", "because": "inventory"}).json()
    assert (frozen["by"], frozen["because"]) == ("ana", "inventory")
    assert http.get("/v1/models/points/freeze").json() == frozen
    assert http.request("DELETE", "/v1/models/points/freeze?by=ana").json() == frozen
    assert http.get("/v1/models/points/freeze").json() is None


@pytest.mark.row("R11")
def test_a_split_is_read_out(app: App, clock: ManualClock) -> None:  # noqa: F811
    http = InProcess(make_api(app))
    app.create_endpoint(Endpoint(name="ab", model="points", routes=SPLIT), by="ana", because="a test")
    clock.set(T0 + DAY / 24)
    labels = []
    for number in range(60):
        app.predict("points", [{"x": 2.0, "shape": "a"}], request_id=f"r{number}", endpoint="ab")
        labels.append(LabelRow(raw=6.0, request_id=f"r{number}", row=0, known_at=clock.now()))
    app.label("points", labels)
    clock.set(T0 + DAY / 12)
    read = http.get("/v1/endpoints/ab/readout?smallest=0.5").json()
    assert (read["metric"], read["winner"]) == ("mae", "1.1.0")
    assert sum(arm["labelled"] for arm in read["versions"]) == 60
    (pair,) = read["pairs"]
    assert pair["interval"][1] < 0
    assert pair["smallest"] == 0.5
    assert http.get("/v1/endpoints/ab/readout?smallest=0").status_code == 422
    assert http.get("/v1/endpoints/other/readout").status_code == 404
