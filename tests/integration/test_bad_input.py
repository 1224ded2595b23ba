"""Bad input through every face: a clear answer, never a failure inside, and nothing stored."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy

PROJECT = '''
"""A small model: y from x and kind."""
import farero as fa
from sklearn.linear_model import LinearRegression


class Point(fa.Features):
    x: float = fa.number(min=0, max=10)
    kind: str = fa.choice("a", "b")
    mail: str = fa.personal("hash")


class Fitted:
    def __init__(self, model):
        self.model = model

    def predict(self, X):
        return self.model.predict(X[["x"]].to_numpy())


def train(data: fa.TrainingSet) -> fa.Regressor:
    return Fitted(LinearRegression().fit(data.X[["x"]].to_numpy(), data.y))


project = fa.Project(model="small", features=Point, train=train, key="id", label=fa.Number("y", arrives_within="1h"))
'''
NAME = f"farero_bad_input_{os.getpid()}"
CLEAR = "bob.clear@corp.example"


def farero(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "farero", *words, "--project", str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def database() -> str | None:
    """The URL of a PostgreSQL database made for this module, if a server answers."""
    from tests.contract.databases import SERVER, postgres_absent

    if postgres_absent():
        return None
    engine = sqlalchemy.create_engine(SERVER, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {NAME}")
    engine.dispose()
    return SERVER.rsplit("/", 1)[0] + f"/{NAME}"


def drop() -> None:
    from tests.contract.databases import SERVER

    engine = sqlalchemy.create_engine(SERVER, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.exec_driver_sql(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with version 1.0.0 in production, its state in SQLite or PostgreSQL."""
    from farero.wiring import open_app

    root = tmp_path_factory.mktemp("small")
    state = ""
    if request.param == "postgresql":
        url = database()
        if url is None:
            pytest.skip("no PostgreSQL server answers")
        state = f'[state]\nurl = "{url}"\n'
    (root / "farero.toml").write_text('project = "project.py:project"\n' + state)
    (root / "project.py").write_text(PROJECT)
    rows = [f"{x},{x / 10},{'ab'[x % 2]},{CLEAR},{2 * x / 10 + 1}" for x in range(100)]
    (root / "data.csv").write_text("id,x,kind,mail,y\n" + "\n".join(rows) + "\n")
    app = open_app(root)
    try:
        version = app.train("small", root / "data.csv", time=None, until=None, because="the first")
        app.promote("small", version.number, by="test", because="the first")
    finally:
        app.close()
    yield root
    if request.param == "postgresql":
        drop()


@contextlib.contextmanager
def serving(root: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "farero", "up", "--project", str(root), "--port", "0"]
    with (root / "up.err").open("w") as errors:
        process = subprocess.Popen(command, stderr=errors, stdout=subprocess.DEVNULL)
    try:
        while True:
            if found := re.search(r"Farero is up: (http://[\d.]+:\d+)", (root / "up.err").read_text()):
                yield found[1]
                break
            assert process.poll() is None, (root / "up.err").read_text()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    with serving(root) as url:
        yield url


ROW = {"id": "A-1", "x": 1.0, "kind": "a", "mail": CLEAR}

LABELS = {
    "a row number no database holds": ('{"request_id": "q", "row": 9223372036854775808, "label": 1}', "labels[0].row"),
    "a row number beyond 32 bits": ('{"request_id": "q", "row": 2147483648, "label": 1}', "labels[0].row"),
    "a row number below zero": ('{"request_id": "q", "row": -1, "label": 1}', "labels[0].row"),
    "NUL in the request": ('{"request_id": "a\\u0000b", "label": 1}', "labels[0].request_id"),
    "NUL in the key": ('{"key": "a\\u0000b", "time": "2026-01-01T00:00:00Z", "label": 1}', "labels[0].key"),
    "a time before the first in UTC": ('{"key": "k", "time": "0001-01-01T00:00:00+14:00", "label": 1}', "labels[0].time"),
    "a time after the last in UTC": ('{"key": "k", "time": "9999-12-31T23:59:59-14:00", "label": 1}', "labels[0].time"),
    "known when no clock reaches": ('{"request_id": "q", "known_at": "9999-12-31T23:59:59-14:00", "label": 1}', "labels[0].known_at"),
    "a time without a zone": ('{"key": "k", "time": "2026-01-01T00:00:00", "label": 1}', "labels[0].time"),
    "an infinite label": ('{"request_id": "q", "label": "inf"}', "labels[0]"),
    "no label": ('{"request_id": "q", "label": null}', "labels[0]"),
}


@pytest.mark.row("L5", "S2")
@pytest.mark.parametrize("kind", LABELS)
def test_a_label_that_cannot_be_stored_is_refused_by_path(url: str, kind: str) -> None:
    label, path = LABELS[kind]
    answer = httpx.post(f"{url}/v1/labels", content=f'{{"labels": [{label}]}}', headers={"Content-Type": "application/json"}, timeout=30)
    assert answer.status_code == 422, answer.text
    assert [fault["path"] for fault in answer.json()["faults"]] == [path]


@pytest.mark.row("L5")
def test_labels_for_unknown_requests_wait_and_contradictions_change_nothing(url: str) -> None:
    with httpx.Client(base_url=url, timeout=30) as http:
        waiting = http.post("/v1/labels", json={"labels": [{"request_id": "nowhere", "label": 3}]})
        assert (waiting.status_code, len(waiting.json()["unknown"])) == (202, 1)
        made = http.post("/predict", json=ROW).json()["request_id"]
        results = [http.post("/v1/labels", json={"request_id": made, "label": label}).json() for label in (3, 3, 4)]
    assert [result["stored"] for result in results] == [1, 0, 0]
    assert results[1]["duplicates"] == 1
    assert "the stored one stays" in results[2]["contradictions"][0]


@pytest.mark.row("S2")
@pytest.mark.parametrize("path", ["/v1/models/small/versions/1%000", "/v1/incidents/a%00b", "/v1/models/%00", "/console/models/%00"])
def test_a_name_with_a_nul_is_the_callers_fault(url: str, path: str) -> None:
    assert 400 <= httpx.get(url + path, timeout=30).status_code < 500


@pytest.mark.row("L4", "L3")
def test_a_personal_value_is_nowhere_in_clear(root: Path, url: str) -> None:
    with httpx.Client(base_url=url, timeout=30) as http:
        assert http.post("/predict", json=ROW).status_code == 200
        assert http.post("/predict", json=ROW | {"x": CLEAR, "kind": CLEAR}).status_code == 422
        assert http.post("/predict", json=ROW | {"mail": [CLEAR]}).status_code == 422
    for file in [root / "up.err", *(path for path in (root / ".farero").rglob("*") if path.is_file())]:
        assert CLEAR.encode() not in file.read_bytes(), file


ROW_NUMBERS = ["x", "nan1", "-1", "1.5", "inf", "2147483648", "99999999999999999999999"]


@pytest.mark.row("L5")
def test_row_numbers_of_a_label_file_are_refused_together(tmp_path: Path) -> None:
    (tmp_path / "farero.toml").write_text('project = "project.py:project"\n')
    (tmp_path / "project.py").write_text(PROJECT)
    file = tmp_path / "labels.csv"
    file.write_text("request_id,row,label\nq,0,1\n" + "".join(f"q,{number},1\n" for number in ROW_NUMBERS))
    told = farero(tmp_path, "label", str(file))
    assert told.returncode == 2, told.stderr
    assert "Traceback" not in told.stderr
    assert re.findall(r"row\[(\d+)\]", told.stderr) == [str(at) for at in range(1, 1 + len(ROW_NUMBERS))]


FILES = {
    "empty": (b"", "is empty"),
    "header only": (b"x,kind,y\n", "no rows"),
    "a name twice": (b"x,x,y\n1,2,3\n", "more than one column"),
    "not UTF-8": (b"x,kind,y\n1,\xff,3\n", "not UTF-8"),
    "cells missing": (b"x,kind,y\n1,a\n", "cells"),
}


@pytest.mark.row("M11", "S2")
@pytest.mark.parametrize("kind", FILES)
def test_a_broken_table_is_refused_in_words(tmp_path: Path, kind: str) -> None:
    (tmp_path / "farero.toml").write_text('project = "project.py:project"\n')
    (tmp_path / "project.py").write_text(PROJECT)
    content, words = FILES[kind]
    file = tmp_path / "broken.csv"
    file.write_bytes(content)
    for command in (["train", str(file)], ["replay", str(file), "--time", "x"]):
        told = farero(tmp_path, *command)
        assert told.returncode == 2, told.stderr
        assert words in " ".join(told.stderr.split())
        assert "Traceback" not in told.stderr
