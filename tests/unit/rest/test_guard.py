"""Every answer is guarded against foreign pages."""

from __future__ import annotations

from typing import cast

from tests.asgi import InProcess
from tests.standin import Standin, bikes

from farero.app import App
from farero.rest.api import make_api

HTTP = InProcess(make_api(cast(App, Standin(bikes()))))


def test_nothing_of_another_server_may_be_loaded_and_nobody_may_frame_a_page() -> None:
    headers = HTTP.get("/health/live").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")


def test_every_answer_carries_a_request_id_also_a_refusal() -> None:
    assert HTTP.get("/nope", headers={"X-Request-Id": "mine"}).headers["x-request-id"] == "mine"
    answer = HTTP.post("/v1/labels", content=b"x", headers={"X-Request-Id": "mine", "Content-Type": "text/plain"})
    assert answer.json()["request_id"] == "mine"
