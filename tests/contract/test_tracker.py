"""Every tracker keeps the promises of `ports.Tracker`: the fake, and MLflow on a database, behind a server, and where nobody answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.contract import databases, trackers

from farero.adapters.memory_tracker import MemoryTracker
from farero.adapters.mlflow_tracker import MlflowTracker, without_password
from farero.errors import BadInput, TrackerUnavailable
from farero.ports import TrackedRun, TrackedVersion, Tracker

AT = datetime(2026, 1, 1, tzinfo=UTC)
pytestmark = [
    # MLflow's own; nothing that we call.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def filled(**files: str) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        for name, text in files.items():
            (folder / name).write_text(text)

    return fill


def run(name: str) -> TrackedRun:
    return TrackedRun(
        id=name, name=name, model="points", status="finished", started=AT, finished=AT + timedelta(minutes=1),
        parameters={"model.class": "Line", "odd & name": "x" * 9000}, metrics={"mae": 1.5, "a%b": 0.0},
        tags={"farero.because": "y" * 9000}, fill=filled(report="told"),
    )  # fmt: skip


def version(model: str, number: str, of: str) -> TrackedVersion:
    return TrackedVersion(
        model=model, number=number, digest=number * 8, run=of, description="d", tags={"farero.state": "candidate"},
        fill=filled(MLmodel=f"flavors: {{farero: {{version: {number}}}}}"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An MLflow on SQLite, set up by two processes that began at once: its migrations take seconds, so they are made once."""
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder}/mlflow.db"
    told = "from pathlib import Path; from tests.contract import trackers; import sys; "
    told += "print(dict(trackers.mlflow(sys.argv[1], Path(sys.argv[2])).aliases('nothing')))"
    both = [subprocess.Popen([sys.executable, "-c", told, uri, str(folder)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(process.communicate()[0].strip(), process.returncode) for process in both] == [("{}", 0), ("{}", 0)]
    return uri


@pytest.fixture(scope="module", params=["memory", "sqlite", "server", "postgresql"])
def tracker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    folder = tmp_path_factory.mktemp("tracker")
    if request.param == "memory":
        yield MemoryTracker()
    elif request.param == "sqlite":
        yield trackers.mlflow(request.getfixturevalue("database"), folder)
    elif request.param == "server":
        with trackers.served(request.getfixturevalue("database"), folder) as uri:
            # The database is the other test's as well: an experiment of its own keeps their runs apart.
            yield MlflowTracker(uri, experiment="served", artifacts="", lock=folder / "lock")
    else:
        with databases.empty("postgresql", folder) as uri:
            yield trackers.mlflow(uri, folder)


@pytest.fixture
def model(tracker: Tracker) -> str:
    """A registered model that no other test has."""
    return f"points-{type(tracker).__name__.lower()}-{id(tracker)}"


@pytest.mark.row("R9")
def test_what_is_written_twice_is_there_once(tracker: Tracker, model: str) -> None:
    first = tracker.write_run(replace(run(f"{model}/once"), status="running", finished=None))
    assert tracker.write_run(run(f"{model}/once")) == first
    number = tracker.write_version(version(model, "1.0.0", f"{model}/once"))
    assert tracker.write_version(replace(version(model, "1.0.0", f"{model}/once"), tags={"farero.state": "production"})) == number


@pytest.mark.row("R9")
def test_aliases_point_to_versions_or_to_nothing(tracker: Tracker, model: str) -> None:
    model += "-aliases"
    assert tracker.aliases(model) == {}
    tracker.point(model, "staging", None)
    tracker.write_run(run(f"{model}/run"))
    for number in ("1.0.0", "1.1.0"):
        tracker.write_version(version(model, number, f"{model}/run"))
    tracker.point(model, "production", "1.0.0")
    tracker.point(model, "staging", "1.1.0")
    assert tracker.aliases(model) == {"production": "1.0.0", "staging": "1.1.0"}
    tracker.point(model, "production", "1.1.0")
    tracker.point(model, "staging", None)
    assert tracker.aliases(model) == {"production": "1.1.0"}
    with pytest.raises(TrackerUnavailable, match=r"no .* 9\.9\.9"):
        tracker.point(model, "production", "9.9.9")


def test_a_version_waits_for_its_run(tracker: Tracker, model: str) -> None:
    with pytest.raises(TrackerUnavailable, match="run"):
        tracker.write_version(version(model, "3.0.0", "nobody wrote this run"))


@pytest.mark.row("R9")
def test_a_version_is_fetched_as_it_was_written(tracker: Tracker, model: str, tmp_path: Path) -> None:
    model += "-fetched"
    tracker.write_run(run(f"{model}/run"))
    number = tracker.write_version(version(model, "1.0.0", f"{model}/run"))
    tracker.point(model, "production", "1.0.0")
    for place, uri in enumerate((f"models:/{model}/{number}", f"models:/{model}@production")):
        target = tmp_path / str(place)
        target.mkdir()
        assert (tracker.fetch(uri, target) / "MLmodel").read_text() == "flavors: {farero: {version: 1.0.0}}"
    with pytest.raises(BadInput, match="has no"):
        tracker.fetch(f"models:/{model}/99", tmp_path)
    with pytest.raises(BadInput, match="has no"):
        tracker.fetch("models:/nobody-made-this/1", tmp_path)


@pytest.mark.row("R9")
def test_mlflow_has_the_figures_of_a_run(database: str, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    made = trackers.mlflow(database, tmp_path).write_run(run("figures"))
    client = MlflowClient(tracking_uri=database)
    found = client.get_run(made)
    assert (found.info.status, found.info.start_time, found.info.end_time) == ("FINISHED", 1767225600000, 1767225660000)
    assert found.data.metrics == {"mae": 1.5, "a_b": 0.0}
    assert found.data.params["model.class"] == "Line"
    assert len(found.data.params["odd _ name"]) == len(found.data.tags["farero.because"]) == 5000
    assert [file.path for file in client.list_artifacts(made)] == ["report"]


@pytest.mark.row("R9")
def test_an_alias_on_somebody_elses_version_is_nobody_of_ours(database: str, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=database, registry_uri=database)
    client.create_registered_model("theirs")
    client.create_model_version("theirs", source=(tmp_path / "m").as_uri())
    client.set_registered_model_alias("theirs", "production", "1")
    assert trackers.mlflow(database, tmp_path).aliases("theirs") == {"production": None}


@pytest.mark.row("R9")
def test_a_server_that_is_gone_is_told_in_a_moment_and_without_its_password(tmp_path: Path) -> None:
    gone = MlflowTracker("http://ana:secret@127.0.0.1:9", experiment="e", artifacts="", lock=tmp_path / "lock", timeout_s=1)
    with pytest.raises(TrackerUnavailable) as failed:
        gone.write_run(run("gone"))
    assert "MLflow at http://…@127.0.0.1:9 failed" in failed.value.message
    assert "secret" not in without_password("postgresql://ana:secret@db/mlflow")
