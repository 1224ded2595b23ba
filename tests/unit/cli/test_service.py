"""A command goes through the service where one runs here, does its work itself where none does, and never does anything twice."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from farero.cli import service
from farero.errors import OutsideError


class Answers(BaseHTTPRequestHandler):
    """Says back what it was sent; refuses and hangs up on request."""

    def do_GET(self) -> None:
        self._say(200, {"asked": self.path})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/refuse":
            self._say(409, {"code": "illegal-move"})
        elif self.path != "/hang-up":
            self._say(200, {"asked": self.path, "body": body})

    def _say(self, status: int, body: object) -> None:
        said = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def note(project: Path, text: str) -> None:
    (project / service.ADDRESS).parent.mkdir(parents=True, exist_ok=True)
    (project / service.ADDRESS).write_text(text)


def test_a_service_is_found_while_its_process_lives(tmp_path: Path) -> None:
    assert service.address(tmp_path) is None
    note(tmp_path, json.dumps({"url": "http://127.0.0.1:1", "pid": os.getpid()}))
    assert service.address(tmp_path) == "http://127.0.0.1:1"
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    note(tmp_path, json.dumps({"url": "http://127.0.0.1:1", "pid": gone.pid}))
    assert service.address(tmp_path) is None


@pytest.mark.parametrize("text", ["", "nothing", "[]", "{}", '{"pid": "x", "url": 1}'])
def test_a_note_that_is_none_is_no_service(tmp_path: Path, text: str) -> None:
    note(tmp_path, text)
    assert service.address(tmp_path) is None


def test_what_is_answered_comes_back(url: str) -> None:
    assert service.ask(url, "/v1/models") == {"asked": "/v1/models"}
    assert service.ask(url, "/do", {"by": "ana"}) == {"asked": "/do", "body": {"by": "ana"}}


def test_a_refusal_and_a_service_that_is_gone_leave_the_work_to_the_command(url: str) -> None:
    assert service.ask(url, "/refuse", {}) is None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert service.ask(f"http://127.0.0.1:{port}", "/do", {}) is None


@pytest.mark.row("R7")
def test_what_may_have_been_done_is_not_done_again(url: str) -> None:
    with pytest.raises(OutsideError, match="was asked and has not answered"):
        service.ask(url, "/hang-up", {})
