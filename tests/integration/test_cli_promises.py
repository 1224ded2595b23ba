"""What the command line promises beyond the first steps: versions side by side, deletion, notes, a drift page, several workers, a log."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.asgi import InProcess
from tests.benches import T0, Installation, day, make_project
from tests.benches import install as install_bench
from typer.testing import CliRunner

from farero import telemetry
from farero.cli.main import app as cli
from farero.core.finding import Finding
from farero.core.gate import Verdict
from farero.core.window import Window
from farero.errors import PredictFailed, SchemaMismatch, StaleDecision
from farero.server import make_site
from farero.store import incidents, versions
from farero.wiring import open_app

PROJECT = '''
"""A line through the origin; one value makes it fail."""
import farero as fa


class Point(fa.Features):
    x: float = fa.number(min=0, max=1000)
    shape: str = fa.choice("a", "b")
    email: str = fa.personal("drop")
    card: str = fa.personal("hash")
    city: str = fa.personal("bucket")


class Line:
    def __init__(self, slope):
        self.slope = slope

    def predict(self, X):
        if (X["x"] == 77.125).any():
            raise ValueError(f"cannot use {X.to_dict()}")
        return X["x"].to_numpy() * self.slope


def train(data: fa.TrainingSet) -> fa.Regressor:
    x = data.X["x"].to_numpy()
    return Line(float(x @ data.y.to_numpy() / (x @ x)))


project = fa.Project(model="points", features=Point, train=train, label=fa.Number("y", arrives_within="1d"), key="customer")
'''
SECRETS = {"email": "ada@example.org", "card": "4111-1111-1111-1111", "city": "Reykjavik-Vesturbaer"}


def farero(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli, list(arguments))
    assert done.exit_code == code, f"{arguments}: exit {done.exit_code}\n{done.output}\n{done.exception}"
    return done.stdout


def as_json(*arguments: str, code: int = 0) -> Any:
    return json.loads(farero(*arguments, "--json", code=code))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with 1.0.0 in production and 1.1.0 trained on other data."""
    root = tmp_path_factory.mktemp("points")
    (root / "farero.toml").write_text('project = "project.py:project"\n')
    (root / "project.py").write_text(PROJECT)
    for slope in (2, 3):
        rows = [f"{x},a,e,c,t,{slope * x}" for x in range(1, 61)]
        (root / f"slope{slope}.csv").write_text("\n".join(["x,shape,email,card,city,y", *rows]) + "\n")
        promote = ["--promote"] if slope == 2 else []
        farero("train", str(root / f"slope{slope}.csv"), *promote, "--because", f"slope {slope}", "--project", str(root))
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "points")
    return tmp_path / "points"


def lines(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / telemetry.LOG_FILE).read_text().splitlines()]


@pytest.mark.row("R3")
def test_two_versions_are_shown_side_by_side(root: Path) -> None:
    found = as_json("versions", "compare", "1.0.0", "1.1.0", "--project", str(root))
    assert (found["a"]["number"], found["b"]["number"]) == ("1.0.0", "1.1.0")
    assert (found["a"]["trained_rows"], found["a"]["because"], found["b"]["because"]) == (60, "slope 2", "slope 3")
    assert (found["same_data"], found["same_features"], found["libraries"]) == (False, True, {})
    assert found["metrics"]["mae"] == [found["a"]["metrics"]["mae"], found["b"]["metrics"]["mae"]]
    text = farero("versions", "compare", "1.0.0", "1.0.0", "--project", str(root))
    assert "the same" in text
    assert "same libraries" in text
    farero("versions", "compare", "1.0.0", "9.0.0", "--project", str(root), code=3)


@pytest.mark.row("R3")
def test_a_version_is_deleted_with_its_files_but_never_the_one_in_production(root: Path) -> None:
    digests = {version["number"]: version["digest"] for version in as_json("versions", "list", "--project", str(root))}
    farero("versions", "delete", "1.0.0", "--because", "tidy", "--project", str(root), code=4)
    farero("versions", "delete", "1.1.0", "--project", str(root), code=2)
    farero("versions", "delete", "1.1.0", "--because", " ", "--project", str(root), code=4)
    assert as_json("versions", "delete", "1.1.0", "--because", "tidy", "--project", str(root))["number"] == "1.1.0"
    assert [version["number"] for version in as_json("versions", "list", "--project", str(root))] == ["1.0.0"]
    kept = {folder.name for folder in (root / ".farero" / "models").iterdir()}
    assert digests["1.0.0"] in kept
    assert digests["1.1.0"] not in kept
    farero("versions", "show", "1.1.0", "--project", str(root), code=3)


@pytest.mark.row("R3")
def test_files_that_another_version_uses_stay_when_one_is_deleted(root: Path) -> None:
    opened = open_app(root)
    try:
        twin = replace(opened.version("points", "1.1.0"), number="1.2.0", origin="twin")
        with opened._store.write() as conn:
            versions.add(conn, twin)
        opened.delete("points", "1.1.0", by="test", because="tidy")
        opened.verify("points", "1.2.0")
    finally:
        opened.close()


def test_a_version_whose_rows_wait_for_the_loop_is_not_deleted(root: Path) -> None:
    (root / "rows.jsonl").write_text(json.dumps({"x": 5, "shape": "a", **SECRETS}) + "\n")
    farero("predict", str(root / "rows.jsonl"), "--project", str(root))
    farero("promote", "1.1.0", "--project", str(root))
    assert "window" in as_json("versions", "delete", "1.0.0", "--because", "tidy", "--project", str(root), code=4)["error"]["detail"]


@pytest.mark.row("A2")
def test_a_note_is_kept_in_the_timeline_and_not_in_the_log(root: Path) -> None:
    opened = open_app(root)
    try:
        finding = Finding(kind="DATA_DRIFT", subject="x", severity="high", value=1.0, limit=0.0, because="x moved")
        window = Window(start=T0, end=day(0).end)
        (incident,) = opened._loops["points"].alert.update(window, "1.0.0", [finding])
    finally:
        opened.close()
    noted = as_json("incidents", "note", incident.id, "asked Ada about it", "--project", str(root))
    assert [(event["kind"], event["text"]) for event in noted["timeline"]][-1] == ("noted", "asked Ada about it")
    farero("incidents", "note", incident.id, " ", "--project", str(root), code=2)
    farero("incidents", "note", "nothing", "text", "--project", str(root), code=3)
    farero("incidents", "ack", incident.id, "--note", "Ada again", "--project", str(root))
    assert [line["event"] for line in lines(root) if "incident" in line["event"]] == ["incident.acknowledged"]
    assert "Ada" not in (root / telemetry.LOG_FILE).read_text()
    opened = open_app(root)
    with opened._store.read() as conn:
        assert incidents.get(conn, incident.id).acknowledged_by is not None
    opened.close()


@pytest.mark.row("M4")
def test_drift_writes_a_page_that_needs_nothing_else(root: Path) -> None:
    page = root / "drift.html"
    (root / "moved.csv").write_text((root / "slope2.csv").read_text().replace(",a,", ",b,"))
    farero("drift", str(root / "slope2.csv"), str(root / "moved.csv"), "--html", str(page), code=1)
    text = page.read_text()
    assert "Drift found" in text
    assert "moved.csv beside slope2.csv" in text
    assert text.count("<svg") == 6
    farero("drift", str(root / "slope2.csv"), str(root / "slope3.csv"), "--html", str(root / "no" / "x.html"), code=2)


def test_new_names_the_command_that_shows_the_example(tmp_path: Path) -> None:
    assert "farero train customers.csv" in farero("new", str(tmp_path / "churn"), "--example", "churn")
    assert "farero replay hours.parquet --time ts" in farero("new", str(tmp_path / "bikes"), "--example", "bikes")


@pytest.mark.row("R1")
def test_a_promotion_decided_on_a_stale_state_is_refused(root: Path) -> None:
    opened = open_app(root)
    try:
        promote = opened._loops["points"].promote
        won = Verdict(accepted=True, metric={"current": None, "candidate": None}, because=("better",), against="0.9.0")
        with pytest.raises(StaleDecision, match=r"1\.0\.0 is in production by now, not 0\.9\.0"):
            promote.apply(opened.version("points", "1.1.0"), won, by="test")
        assert opened.version("points", "1.0.0").state == "production"
        assert promote.apply(opened.version("points", "1.1.0"), replace(won, against="1.0.0"), by="test").state == "production"
        opened.rollback("points", by="test", because="it was a mistake")
        assert promote.apply(opened.version("points", "1.1.0"), replace(won, against="1.0.0"), by="test").state == "archived"
        assert opened.version("points", "1.0.0").state == "production", "a verdict that was carried out once does not undo a rollback"
    finally:
        opened.close()


@pytest.mark.row("L3", "L4")
def test_every_event_is_logged_and_nothing_personal_is(root: Path, trained: Path) -> None:
    row = {"x": 5, "shape": "a", **SECRETS}
    handler = telemetry.log_to_file(root / telemetry.LOG_FILE)
    opened = open_app(root)
    try:
        opened.refresh()
        site = InProcess(make_site(opened))
        answer = site.post("/predict", json=row)
        assert answer.status_code == 200
        for wrong in (
            {**row, "email": 5},
            {**row, "x": SECRETS["email"]},
            {**row, SECRETS["card"]: SECRETS["city"]},
            {"rows": [SECRETS["email"]]},
        ):
            assert site.post("/predict", json=wrong).status_code == 422
        assert site.post("/predict", json={**row, "x": 77.125}).status_code == 500
        with pytest.raises(SchemaMismatch):
            opened.predict("points", [{**row, "shape": SECRETS["city"]}])
        with pytest.raises(PredictFailed):
            opened.predict("points", [{**row, "x": 77.125}])
        opened.tick()
        opened.promote("points", "1.1.0", by="test", because="asked by ada@example.org")
        (root / "labels.jsonl").write_text(json.dumps({"request_id": answer.json()["request_id"], "label": 10.0}) + "\n")
        opened.label_file("points", root / "labels.jsonl")
    finally:
        opened.close()
        telemetry.stop_logging(handler)
    events = [line["event"] for line in lines(root)]
    named = "model_loaded prediction prediction.refused error record.handed-over promote.finished label.stored"
    assert set(named.split()) <= set(events)
    (predicted,) = [line for line in lines(root) if line["event"] == "prediction"]
    assert (predicted["request_id"], predicted["rows"], predicted["version"]) == (answer.json()["request_id"], 1, "1.0.0")
    failed = next(line for line in lines(root) if line["event"] == "error")
    assert (failed["level"], failed["code"], failed["cause"]) == ("error", "predict-failed", "ValueError")
    text = (root / telemetry.LOG_FILE).read_text()
    for secret in (*SECRETS.values(), "77.125"):
        assert secret not in text, f"{secret} is in: {next(line for line in text.splitlines() if secret in line)}"
    training = [line["event"] for line in lines(trained) if "retrain" in line["event"]]
    assert training == ["retrain.started", "retrain.finished"] * 2


@pytest.mark.row("L3")
def test_the_loop_logs_its_steps_and_an_alarm_with_its_severity(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from farero.project.load import load

    handler = telemetry.log_to_file(tmp_path / "log")
    try:
        here: Installation = install_bench(load(make_project(tmp_path / "project")), tmp_path)
        here.start()
        finding = Finding(kind="DATA_QUALITY", subject="x", severity="high", value=1.0, limit=0.0, because="all of x is missing")
        here.bench.loop.alert.update(day(1), "1.0.0", [finding])
    finally:
        telemetry.stop_logging(handler)
    found = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    (opened,) = [line for line in found if line["event"] == "incident.opened"]
    assert (opened["level"], opened["severity"], opened["kind"]) == ("warning", "high", "DATA_QUALITY")
    assert {"retrain.started", "retrain.finished", "promote.finished", "model_loaded"} <= {line["event"] for line in found}
    assert capfd.readouterr().err == ""


@pytest.mark.row("L3")
def test_several_processes_share_one_log_and_lose_no_line(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from farero import telemetry\n"
        "telemetry.log_to_file(Path(sys.argv[1]), max_bytes=4000, kept=100)\n"
        "for number in range(300): telemetry.log('prediction', writer=sys.argv[2], number=number)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "log"), str(writer)]) for writer in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    found = [json.loads(line) for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    assert len(found) == 900
    assert {(line["writer"], line["number"]) for line in found} == {(str(writer), number) for writer in range(3) for number in range(300)}
    assert len(list(tmp_path.iterdir())) > 5


@pytest.mark.row("S1")
def test_up_answers_with_several_workers_and_stderr_is_for_people(root: Path) -> None:
    command = [sys.executable, "-m", "farero", "up", "--project", str(root), "--port", "0", "--workers", "2"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert server.stderr is not None
    try:
        address = None
        while address is None:
            address = re.search(r"Farero is up: (http://[\d.]+:\d+)", server.stderr.readline())
        with httpx.Client(base_url=address[1], timeout=30) as http:
            assert http.post("/predict", json={"x": 5, "shape": "a", **SECRETS}).json()["prediction"] == pytest.approx(10.0)
            assert http.post("/predict", json={"x": -5, "shape": "a", **SECRETS}).status_code == 422
        os.kill(server.pid, signal.SIGTERM)
        told = server.stderr.read()
        assert server.wait(15) == 0
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
        server.stderr.close()
    assert re.search(r"\d\d:\d\d:\d\dZ warning prediction.refused model=points rows=1 faults=1", told)
    assert "{" not in told
    started = next(line for line in lines(root) if line["event"] == "server.started")
    assert started["workers"] == 2
