"""Candidates that must never serve, and trainings that come to a bad end: each is refused or fails with a record that says why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import psutil
import pytest
from tests.benches import ALWAYS, LOST, T0, WON, FailingChild, Installation, install

from farero.adapters.child_process import ChildProcess
from farero.core.gate import Verdict
from farero.core.masking import Mask
from farero.core.run import Run, RunNotes
from farero.core.version import Version
from farero.project.load import load
from farero.serving.stored import Labelled
from farero.store import runs, verdicts
from farero.wiring import WARM

PROJECT = '''
import os
import signal
import sys
import time

import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import farero as fa


class Point(fa.Features):
    x: float = fa.number(min=0, max=1000)
    shape: str = fa.choice("a", "b")


class Around:
    """A fitted model with something done to its answers."""

    def __init__(self, model, do):
        self.model, self.do = model, do

    def predict(self, X):
        return self.do(X, self.model.predict(X[["x"]]))


class Learnt:
    """Knows the labels of the rows that it learnt from by heart, and nothing else."""

    def __init__(self, x, y):
        self.known = dict(zip(x.tolist(), y.tolist()))

    def predict(self, X):
        return np.array([self.known.get(x, 0.0) for x in X["x"]])


def slowly(X, answers):
    time.sleep(1.0)
    return answers


def train(data: fa.TrainingSet) -> fa.Regressor:
    how = os.environ.get("HOW", "well")
    if how == "print":
        print("connecting with", os.environ["STORE_PASSWORD"], flush=True)
        print("postgresql://ana:letmein@host/db", file=sys.stderr)
    if how == "fork" and os.fork() == 0:
        os.setsid()
        with open(os.environ["LEFT"], "w") as file:
            file.write(str(os.getpid()))
        time.sleep(1000)
    if how == "killed":
        print("epoch 1", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    model = LinearRegression().fit(data.X[["x"]], data.y)
    if how == "constant":
        return Around(DummyRegressor(strategy="constant", constant=16.0).fit(data.X[["x"]], data.y), lambda X, answers: answers)
    if how == "nan":
        return Around(model, lambda X, answers: np.where(X["x"] > 14, np.nan, answers))
    if how == "slow":
        return Around(model, slowly)
    if how == "leak":
        return Learnt(data.X["x"], data.y)
    return Around(model, lambda X, answers: answers)


project = fa.Project(
    model="points", features=Point, key="customer", train=train, label=fa.Number("y", arrives_within="1d"),
    monitors=[fa.Performance("mae")], policy=fa.Policy(cooldown="1d", min_rows=10, gate=fa.Gate("mae", min_rows=10)),
)
'''
SECRET = "correct-horse-battery"

pytestmark = [pytest.mark.row("R6"), pytest.mark.row("R2")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bad") / "points"
    root.mkdir()
    (root / "farero.toml").write_text('project = "project.py:project"\n')
    (root / "project.py").write_text(PROJECT)
    return root


@pytest.fixture(scope="module")
def process() -> Iterator[ChildProcess]:
    child = ChildProcess(WARM, hide=Mask.of([SECRET]))
    yield child
    child.close()


@pytest.fixture
def here(project: Path, tmp_path: Path, process: ChildProcess) -> Installation:
    """Version 1.0.0 answers 2x; engines are timed as they are where a service runs."""
    made = install(load(project), tmp_path, ALWAYS)
    loop = made.loop
    child = FailingChild(inner=process)  # type: ignore[arg-type]
    retrain = replace(loop.retrain, child=child)
    live = replace(loop, retrain=retrain, validate=replace(loop.validate, stopwatch=perf_counter))
    made = Installation(bench=replace(made.bench, loop=live), child=child)
    made.start()
    return made


def run_of(here: Installation) -> tuple[Run, RunNotes]:
    with here.bench.store.read() as conn:
        return runs.get(conn, runs.all(conn)[0].id)


def failed(verdict: Verdict | None) -> list[str]:
    assert verdict is not None and not verdict.accepted
    assert verdict.because == tuple(check.because for check in verdict.checks if check.passed is False)
    return [check.name for check in verdict.checks if check.passed is False]


def test_a_good_candidate_passes_everything_that_a_bad_one_is_stopped_by(here: Installation) -> None:
    turn = here.day(0, WON)
    assert turn.verdict is not None and turn.verdict.accepted, turn.verdict
    asked = {check.name: check.passed for check in turn.verdict.checks}
    assert asked == dict.fromkeys(
        ["rows", "answers", "gain", "losses", "files", "trained rows", "distribution", "known rows", "size", "scan", "pace"], True
    )
    with here.bench.store.read() as conn:
        stored = verdicts.newest(conn, "points", "1.1.0")
    assert stored is not None and stored[1] == turn.verdict
    assert turn.verdict.differences[0].better is not None and turn.verdict.differences[0].better > 0.99


@pytest.mark.parametrize(
    ("how", "day", "check", "words"),
    [
        ("nan", WON, "answers", "answered with NaN or infinity"),
        ("constant", WON, "distribution", "to every row, and production does not"),
        ("slow", WON, "pace", "too slow: 1 row in"),
        ("leak", WON, "gain", "a gain of -"),
        ("well", LOST, "gain", "a gain of -"),
    ],
)
def test_a_bad_candidate_is_rejected_and_production_stays(
    here: Installation, monkeypatch: pytest.MonkeyPatch, how: str, day: list[float], check: str, words: str
) -> None:
    monkeypatch.setenv("HOW", how)
    # The rows that a candidate for NaN is judged by are larger than any that it learnt from.
    turn = here.day(0, day, shift=10.0 if how == "nan" else 0.0)
    assert failed(turn.verdict) == [check], turn
    assert turn.verdict is not None and words in turn.verdict.because[0], turn.verdict.because
    assert here.states() == {"1.0.0": "production", "1.1.0": "rejected"}
    assert here.moves()[-1].because == "; ".join(turn.verdict.because)


def candidate(here: Installation, rows: Labelled) -> Version:
    return here.loop.retrain.first(rows, until=T0, origin="train/second", because="asked for", tags={}).version


def test_a_candidate_that_learnt_from_three_rows_is_rejected(here: Installation) -> None:
    made = candidate(here, here.base(4.0, rows=3))
    verdict = here.loop.validate.judge(made, here.loop.decide.production(), here.base(4.0))
    assert failed(verdict) == ["trained rows"]
    assert verdict.because == ("it learnt from 3 rows; fewer than 10 are no training",)


def test_a_candidate_whose_file_was_tampered_with_is_rejected_and_never_loaded(here: Installation) -> None:
    made = candidate(here, here.base(4.0))
    path = here.loop.retrain.files.open(made.digest) / "model.pkl"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"x", b"y", 1))
    verdict = here.loop.validate.judge(made, here.loop.decide.production(), here.base(4.0))
    assert failed(verdict) == ["files"] and "model.pkl" in verdict.because[0]


@pytest.mark.row("R5")
def test_secrets_that_a_training_prints_are_not_in_its_record(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOW", "print")
    monkeypatch.setenv("STORE_PASSWORD", SECRET)
    assert here.day(0, WON).failed is None
    run, notes = run_of(here)
    assert run.status == "succeeded"
    assert notes.output.splitlines()[:2] == ["connecting with ***", "postgresql://ana:***@host/db"]


@pytest.mark.row("R5")
def test_what_a_training_forks_ends_with_it(here: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOW", "fork")
    monkeypatch.setenv("LEFT", str(tmp_path / "left.pid"))
    assert here.day(0, WON).failed is None
    left = int((tmp_path / "left.pid").read_text())
    assert not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE


@pytest.mark.row("R5")
def test_a_training_that_the_system_kills_says_so_and_leaves_production_as_it_was(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOW", "killed")
    turn = here.day(0, WON)
    assert turn.failed is not None and "train was killed by SIGKILL: somebody killed it, or the system ran out of memory" in turn.failed
    run, notes = run_of(here)
    assert (run.status, run.version) == ("failed", None) and run.error is not None and "SIGKILL" in run.error
    assert [(step.name, step.finished) for step in notes.steps] == [("train", None)]
    assert notes.output == "epoch 1\n"
    assert here.states() == {"1.0.0": "production"}
    monkeypatch.delenv("HOW")
    assert os.environ.get("HOW") is None and here.day(1, WON).candidate is not None, "the next turn goes on as if nothing had been"
