from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from farero.cli import demo
from farero.cli.main import app
from farero.core.rollout import Rollout, RolloutRule, Stage

AT = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def service() -> Iterator[tuple[tuple[str, int], list[tuple[str, dict[str, Any]]]]]:
    """A service that answers everything, and what it was told."""
    told: list[tuple[str, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.append((self.path, body))
            answer = json.dumps({"request_id": f"r{len(told)}"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield (str(server.server_address[0]), int(server.server_address[1])), told
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_example_without_times_has_no_demo(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["demo", "--example", "churn", "--json", "--dir", str(tmp_path)])
    assert found.exit_code == 2
    error = json.loads(found.stdout)["error"]
    assert (error["code"], error["hint"]) == ("bad-input", "There are: bikes, flights, energy.")


def test_the_truth_is_told_of_the_very_rows_that_were_asked_about(
    service: tuple[tuple[str, int], list[tuple[str, dict[str, Any]]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "LABELS_A_REQUEST", demo.ROWS_A_REQUEST)
    address, told = service
    enough = threading.Event()
    threading.Timer(30, enough.set)
    with demo.Traffic(address, [{"x": place} for place in range(50)], [place * 10 for place in range(50)]):
        while len([path for path, _ in told if path == "/v1/labels"]) < 3 and not enough.wait(0.01):
            pass
    asked = {f"r{number}": body["rows"] for number, (path, body) in enumerate(told, 1) if path == "/predict"}
    labels = [label for path, body in told if path == "/v1/labels" for label in body["labels"]]
    assert len(labels) >= 3 * demo.ROWS_A_REQUEST
    assert [label["label"] for label in labels] == [asked[label["request_id"]][label["row"]]["x"] * 10 for label in labels]


@pytest.mark.parametrize(("status", "told"), [("promoted", "is in production (9 s)."), ("stopped", "stopped (9 s).")])
def test_what_became_of_a_version_is_told_in_words(status: Any, told: str) -> None:
    rollout = Rollout(
        model="bikes", number="1.1.0", against="1.0.0", by="demo", because="", rule=RolloutRule(), status=status, started=AT,
        stage=Stage(kind="production", since=AT), finished=AT + timedelta(seconds=9),
    )  # fmt: skip
    assert demo._fate(rollout) == told
