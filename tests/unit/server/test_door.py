"""The way of a request: over a socket, and through the application itself."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import cast

import pytest
from tests.standin import lived

from farero.app import App
from farero.project.settings import Settings
from farero.server.door import in_process, over_http

ROW = b'{"rows": [{"season": "spring", "hr": 3, "workingday": true, "weathersit": "mist", "temp": 3, "hum": 4}]}'


class _Echo(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(self.path.encode() + b" " + body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.row("R7")
def test_a_request_goes_over_http_and_its_answer_comes_back() -> None:
    server = HTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        door = over_http("0.0.0.0", server.server_port)
        assert door.how == "over HTTP"
        assert door.post("/v1/endpoints/churn.staging/predict", b"{}") == (201, b"/v1/endpoints/churn.staging/predict {}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    with pytest.raises(OSError, match="refused"):
        door.post("/", b"")


@pytest.mark.row("R7")
def test_without_a_service_the_application_itself_answers() -> None:
    app = lived(8)
    app.settings = Settings(references=())  # type: ignore[assignment]
    app.metrics = app.meters.samples  # type: ignore[attr-defined]
    app.refresh = lambda: None  # type: ignore[attr-defined]
    status, body = in_process(cast(App, app)).post("/v1/models/bikes/predict", ROW)
    assert status == 200
    assert b'"predictions"' in body
