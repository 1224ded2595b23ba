"""A real installation behind a real socket: trained, promoted, asked, told the truth, and fed bad input of every kind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from farero.core.example import example_row
from farero.project.examples import EXAMPLES, copy
from farero.wiring import open_app


class Server:
    """One `farero up` of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.process = subprocess.Popen(
            [sys.executable, "-m", "farero", "up", "--project", str(root), "--port", "0"],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self.process.stderr is not None
        seen: list[str] = []
        for line in self.process.stderr:
            seen.append(line)
            if found := re.search(r"Farero is up: (http://[\d.]+:\d+)", line):
                self.url = found[1]
                return
        raise AssertionError("the server ended before it was up:\n" + "".join(seen))

    def stop(self) -> int:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
        assert self.process.stderr is not None
        self.process.stderr.read()
        self.process.stderr.close()
        return self.process.wait(timeout=10)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rest") / "churn"
    copy("churn", folder)
    app = open_app(folder)
    try:
        version = app.train("churn", folder / EXAMPLES["churn"].data, time=None, until=None, because="")
        app.promote("churn", version.number, by="test", because="the first")
    finally:
        app.close()
    return folder


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[Server]:
    running = Server(root)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def row(root: Path) -> dict[str, object]:
    app = open_app(root)
    try:
        return example_row(app.project("churn").schema)
    finally:
        app.close()


def counted(http: httpx.Client) -> int:
    """Predictions so far, once the processes have told: they publish four times a second."""
    time.sleep(0.4)
    return int(http.get("/health").json()["predictions"])


@pytest.mark.row("S1", "S3", "L5")
def test_a_prediction_is_answered_recorded_and_finds_its_label(server: Server, row: dict[str, object]) -> None:
    with httpx.Client(base_url=server.url, timeout=30) as http:
        before = counted(http)
        answer = http.post("/predict", json={"rows": [row, row]}, headers={"X-Request-Id": "first"}).json()
        assert (answer["request_id"], answer["model"], answer["version"]) == ("first", "churn", "1.0.0")
        assert {p["risk_level"] for p in answer["predictions"]} <= {"low", "medium", "high"}
        assert all(0 <= p["probability"] <= 1 for p in answer["predictions"])
        labels = [{"request_id": "first", "row": 0, "label": "Yes"}, {"request_id": "nobody", "label": "No"}]
        receipt = http.post("/v1/labels", json={"labels": labels})
        assert receipt.json()["stored"] == 1
        assert len(receipt.json()["unknown"]) == 1
        assert counted(http) == before + 2


@pytest.mark.row("S1")
def test_a_bare_row_gets_a_bare_answer(server: Server, row: dict[str, object]) -> None:
    answer = httpx.post(f"{server.url}/predict", json=row, timeout=30).json()
    assert set(answer) == {"request_id", "model", "version", "prediction", "probability", "risk_level"}


def bodies(row: dict[str, object]) -> dict[str, tuple[bytes, int]]:
    """Every kind of bad input, and the status it deserves."""
    text = json.dumps(row)
    number = next(name for name, value in row.items() if isinstance(value, int | float) and not isinstance(value, bool))
    choice = next(name for name, value in row.items() if isinstance(value, str))

    def with_value(name: str, raw: str) -> bytes:
        return json.dumps(row | {name: "@@"}).replace('"@@"', raw).encode()

    return {
        "nothing": (b"", 422),
        "broken json": (text.encode()[:-1], 422),
        "invalid utf-8": (with_value(choice, '"\xff"').decode().encode("latin-1"), 422),
        "nan": (with_value(number, "NaN"), 422),
        "infinity": (with_value(number, "-Infinity"), 422),
        "too large a number": (with_value(number, "1e999"), 422),
        "an integer beyond any float": (with_value(number, "9" * 400), 422),
        "text for a number": (with_value(number, '"12"'), 422),
        "true for a number": (with_value(number, "true"), 422),
        "a list for a number": (with_value(number, "[1]"), 422),
        "an unknown category": (with_value(choice, '"no such level"'), 422),
        "a lone surrogate": (with_value(choice, '"\\ud800"'), 422),
        "a nul": (with_value(choice, '"\\u0000"'), 422),
        "an extra field": (json.dumps(row | {"surprise": 1}).encode(), 422),
        "a missing field": (json.dumps({k: v for k, v in row.items() if k != choice}).encode(), 422),
        "no rows": (b'{"rows": []}', 422),
        "an empty row": (b'{"rows": [{}]}', 422),
        "a row that is none": (b'{"rows": [1, null, "x", []]}', 422),
        "a list": (f"[{text}]".encode(), 422),
        "a number": (b"7", 422),
        "deep nesting": (b'{"rows":' + b"[" * 50_000, 422),
        "deep but whole nesting": (with_value(number, "[" * 500 + "]" * 500), 422),
        "too many rows": (b'{"rows": [' + b",".join([b"{}"] * 10_001) + b"]}", 422),
        "ten megabytes": (b'{"rows": "' + b"x" * (10 << 20) + b'"}', 413),
    }


KINDS = list(bodies({"a": 1, "b": "c"}))


@pytest.mark.row("S2")
@pytest.mark.parametrize("kind", KINDS)
def test_bad_input_is_refused_with_a_clear_problem_and_nothing_is_stored(server: Server, row: dict[str, object], kind: str) -> None:
    body, status = bodies(row)[kind]
    with httpx.Client(base_url=server.url, timeout=60) as http:
        before = counted(http)
        answer = http.post("/predict", content=body, headers={"Content-Type": "application/json"})
        problem = answer.json()
        assert answer.status_code == status, problem
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["detail"]
        assert problem["request_id"] == answer.headers["x-request-id"]
        assert problem["faults"] or status == 413
        assert counted(http) == before


@pytest.mark.row("S2")
def test_every_fault_of_a_large_request_is_listed_by_path(server: Server, row: dict[str, object]) -> None:
    choice = next(name for name, value in row.items() if isinstance(value, str))
    rows = [row, row | {choice: "bad"}, row, row | {"extra": 1}]
    faults = httpx.post(f"{server.url}/predict", json={"rows": rows}, timeout=30).json()["faults"]
    assert {fault["path"] for fault in faults} == {f"rows[1].{choice}", "rows[3].extra"}


@pytest.mark.row("S2", "R1")
def test_a_promotion_is_served_without_a_restart_and_a_changed_file_never(root: Path, row: dict[str, object], tmp_path: Path) -> None:
    second = tmp_path / "copy"
    copy("churn", second)
    server = Server(second)
    try:
        with httpx.Client(base_url=server.url, timeout=30) as http:
            assert http.post("/predict", json=row).status_code == 503
            assert http.get("/health").status_code == 503
            assert http.get("/health/live").status_code == 200
            assert http.get("/health/ready").status_code == 503
            app = open_app(second)
            try:
                version = app.train("churn", second / EXAMPLES["churn"].data, time=None, until=None, because="")
            finally:
                app.close()
            promoted = http.post(f"/v1/models/churn/versions/{version.number}/promote", json={"by": "ana", "because": "the first"})
            assert promoted.json()["state"] == "production"
            assert http.post("/predict", json=row).json()["version"] == version.number
            assert http.get("/health/ready").status_code == 200
            history = http.get(f"/v1/models/churn/versions/{version.number}").json()["moves"]
            assert (history[-1]["by"], history[-1]["because"]) == ("ana", "the first")
    finally:
        assert server.stop() == 0


@pytest.mark.row("S3")
def test_a_taken_port_ends_the_command_with_75_and_says_why(server: Server, root: Path) -> None:
    port = server.url.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "farero", "up", "--project", str(root), "--port", port]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 75
    assert "Cannot listen" in " ".join(ended.stderr.split())
