"""A retraining survives the death of its worker inside any step, the loss of its database, and a second worker, by either adapter."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.chaos.proxy import Proxy
from tests.contract.databases import empty
from tests.running import soon

from farero.app import App
from farero.core.job import JobRun
from farero.wiring import open_app

RENEWAL, TIDY = "points-retrain", "tidy"
STEPS = ["train", "judge", "refit", "promote", "notify"]
CALM_TRAININGS = 2  # the candidate, and its refit


class Zygote:
    """One process with everything imported, from which workers are forked."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.job_processes", engine], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert self._read() == "ready"

    def ask(self, do: str, root: Path, **order: Any) -> int:
        return int(self._send({"do": do, "root": str(root), **order}))

    def wait(self) -> list[int]:
        codes: list[int] = json.loads(self._send({"do": "wait"}))
        return codes

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _send(self, order: dict[str, Any]) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module", params=["thread", "dbos"])
def zygote(request: pytest.FixtureRequest) -> Iterator[Zygote]:
    made = Zygote(request.param)
    yield made
    made.close()


@pytest.fixture(params=["file", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of an empty database."""
    with empty(request.param, tmp_path) as found:
        yield found


class Mailbox:
    """A webhook that remembers the ids of the messages that it was sent."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        box = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                box.ids.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["id"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    box = Mailbox()
    yield box
    box.close()


@pytest.fixture
def root(zygote: Zygote, url: str, mail: Mailbox, tmp_path: Path) -> Iterator[Path]:
    """An installation with a day that asks for a retraining."""
    folder = tmp_path / "project"
    assert zygote.ask("setup", folder, url=url, engine=zygote.engine, webhook=mail.url) == 0
    yield folder
    (folder / "hold").unlink(missing_ok=True)
    zygote.wait()  # for what a test that failed has left


@contextmanager
def opened(root: Path) -> Iterator[App]:
    app = open_app(root)
    try:
        yield app
    finally:
        app.close()


def renewal(app: App) -> JobRun:
    (run,) = app.job_runs(job=RENEWAL)
    return run


def trainings(root: Path) -> int:
    path = root / "trainings.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


def check_once(root: Path, mail: Mailbox, *, most: int = CALM_TRAININGS + 1, attempts: int = 0) -> None:
    """Trained at most once more, promoted once, told once; what depends on it has followed."""
    with opened(root) as app:
        run = renewal(app)
        assert (run.status, run.result) == ("succeeded", "1.1.1 is in production")
        assert run.attempt <= attempts
        assert [step.name for step in run.steps] == STEPS
        assert {version.number: version.state for version in app.versions("points")} == {
            "1.0.0": "archived", "1.1.0": "archived", "1.1.1": "production",
        }  # fmt: skip
        assert [move.target for move in app.moves("points", "1.1.1")].count("production") == 1
        titles = [delivery.message.title for delivery in app.notifications(None)]
        (tidy,) = app.job_runs(job=TIDY)
    assert CALM_TRAININGS <= trainings(root) <= most
    assert titles.count("points 1.1.1 is in production") == 1
    # A receiver may be sent a message again, where its sender died before it could note the arrival; the id is the same.
    assert len({name for name in mail.ids if "1.1.1" in name}) <= 1
    assert (tidy.status, tidy.because) == ("succeeded", f"after {run.id}")


# Where the worker dies, and how often it may have trained by then: once more than a calm run, for the training that was cut off.
KILLS = [
    ("train", "before", 0), ("train", "during", 1), ("train", "after", 2), ("judge", "after", 2), ("refit", "after", 3),
    ("promote", "before", 3), ("promote", "after", 3), ("notify", "after", 3),
]  # fmt: skip


@pytest.mark.row("R13", "R4")
def test_a_worker_that_is_killed_inside_every_step_costs_no_more_than_the_step(zygote: Zygote, root: Path, mail: Mailbox) -> None:
    for step, when, trained in KILLS:
        code = zygote.ask("worker", root, kill=[step, when])
        assert code == -signal.SIGKILL, f"the worker that should die {when} {step} ended with {code}"
        with opened(root) as app:
            run = renewal(app)
        assert run.status == "running"
        assert [taken.name for taken in run.steps if taken.finished is not None] == STEPS[: STEPS.index(step)]
        assert trainings(root) <= trained, f"after the kill {when} {step}"
    assert zygote.ask("worker", root) == 0
    check_once(root, mail)
    with opened(root) as app:
        assert sum("taken over" in line.text for line in renewal(app).log) == len(KILLS)


@pytest.mark.row("R13")
def test_two_workers_on_one_database_train_once(zygote: Zygote, root: Path, mail: Mailbox) -> None:
    (root / "hold").touch()
    for _ in range(2):
        zygote.ask("start", root)
    soon(lambda: trainings(root) == 1, within_s=120, what="one of them trains")
    time.sleep(1.5)  # several turns of the other one
    assert trainings(root) == 1
    (root / "hold").unlink()
    assert zygote.wait() == [0, 0]
    check_once(root, mail, most=CALM_TRAININGS)


@pytest.mark.row("R13")
def test_a_run_that_is_cancelled_while_it_trains_ends_its_training(zygote: Zygote, root: Path) -> None:
    (root / "hold").touch()
    zygote.ask("start", root, child="process")
    soon(lambda: trainings(root) == 1, within_s=120, what="it trains")
    with opened(root) as app:
        assert app.cancel_job(renewal(app).id, by="ana").status == "running"
        soon(lambda: not renewal(app).is_open, within_s=60, what="it has stopped")
        run = renewal(app)
        (decided,) = app.decisions("points")
        assert {version.state for version in app.versions("points")} == {"production"}
    assert zygote.wait() == [0]
    assert (run.status, run.error) == ("cancelled", f"The run {run.id} was cancelled by ana.")
    assert decided.verdict is not None and decided.verdict.because == (run.error,)


@pytest.mark.row("R13")
def test_a_database_that_is_gone_in_the_middle_of_a_training_costs_nothing_once_it_is_back(
    zygote: Zygote, mail: Mailbox, tmp_path: Path
) -> None:  # fmt: skip
    root = tmp_path / "project"
    with empty("postgresql", tmp_path) as url:
        parts = urlsplit(url)
        proxy = Proxy(parts.hostname or "", parts.port or 5432)
        through = url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{proxy.port}")
        try:
            assert zygote.ask("setup", root, url=through, engine=zygote.engine, webhook=mail.url) == 0
            (root / "hold").touch()
            zygote.ask("start", root)
            soon(lambda: trainings(root) == 1, within_s=120, what="it trains")
            proxy.cut()
            (root / "hold").unlink()
            time.sleep(3.0)  # the training ends and finds nowhere to put its version
            proxy.mend()
            assert zygote.wait() == [0]
            check_once(root, mail, attempts=1)
        finally:
            proxy.close()
