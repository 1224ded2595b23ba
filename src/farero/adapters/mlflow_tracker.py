"""MLflow: runs with parameters, metrics and files, and a registry of models, in a database or on a server.

MLflow is imported when something is written or fetched: it takes seconds. Its telemetry is switched off before.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

from farero.errors import BadInput, TrackerUnavailable
from farero.ports import TrackedRun, TrackedVersion

RUN, VERSION, DIGEST = "farero.run", "farero.version", "farero.digest"
"""The tags by which our runs and versions are found again."""

MODEL = "model"
"""Where the files of a version lie among those of its run."""

_STATUS = {"running": "RUNNING", "finished": "FINISHED", "failed": "FAILED"}
_MOST_TEXT = 5000  # MLflow takes 5,000 characters in a tag, 6,000 in a parameter
_BATCH = 100


class MlflowTracker:
    """A tracker that is MLflow.

    Args:
        uri: `sqlite:///…`, `postgresql://…` or `http://…`.
        experiment: the name of the experiment that all runs go to; made where it is not there.
        artifacts: where files go where `uri` is a database; a server decides that itself.
        lock: a file that processes of this machine hold while they start MLflow: two that set up its tables at once would fail.
        token: what an MLflow server asks for.
        timeout_s: how long a server may take to answer [s].
    """

    def __init__(
        self, uri: str, *, experiment: str, artifacts: str, lock: Path, token: str | None = None, timeout_s: float = 10.0
    ) -> None:  # fmt: skip
        self._uri = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", uri)
        self._experiment = experiment
        self._artifacts = artifacts
        self._lock = lock
        self._settings = {
            "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
            "MLFLOW_LOGGING_LEVEL": "ERROR", "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, round(timeout_s))), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        } | ({"MLFLOW_TRACKING_TOKEN": token} if token else {})  # fmt: skip
        self._starting = threading.Lock()
        self._opened: tuple[Any, str] | None = None

    def write_run(self, run: TrackedRun) -> str:
        """As `Tracker`. Parameters that MLflow has already are left as they are: it lets none be changed."""
        with self._told():
            client, experiment = self._open()
            found = self._run(client, experiment, run.id)
            if found is None:
                tags = {RUN: run.id, "farero.model": run.model}
                found = client.create_run(experiment, start_time=_ms(run.started), tags=tags, run_name=run.name)
            own: str = found.info.run_id
            entities = importlib.import_module("mlflow.entities")
            at = _ms(run.finished or run.started)
            known = found.data.params
            parameters = {_key(name): value[:_MOST_TEXT] for name, value in run.parameters.items()}
            batches = (
                [("params", entities.Param(name, value)) for name, value in parameters.items() if name not in known]
                + [("metrics", entities.Metric(_key(name), value, at, 0)) for name, value in run.metrics.items()]
                + [("tags", entities.RunTag(_key(name), value[:_MOST_TEXT])) for name, value in run.tags.items()]
            )
            for first in range(0, len(batches), _BATCH):
                part = batches[first : first + _BATCH]
                client.log_batch(own, **{kind: [one for sort, one in part if sort == kind] for kind in ("params", "metrics", "tags")})
            self._upload(client, own, run.fill, None)
            if run.status == "running":
                client.update_run(own, status="RUNNING")
            else:
                client.set_terminated(own, _STATUS[run.status], end_time=at)
            return own

    def write_version(self, version: TrackedVersion) -> str:
        """As `Tracker`. The files go to the run that made the version, once."""
        with self._told():
            client, experiment = self._open()
            found = self._version(client, version.model, version.number, version.digest)
            if found is None:
                run = self._run(client, experiment, version.run)
                if run is None:
                    raise TrackerUnavailable(f"MLflow has no run {version.run} of {version.model} {version.number} yet.")
                self._upload(client, run.info.run_id, version.fill, MODEL)
                self._make_model(client, version.model)
                found = client.create_model_version(
                    version.model, source=f"{run.info.artifact_uri}/{MODEL}", run_id=run.info.run_id, description=version.description,
                    tags={VERSION: version.number, DIGEST: version.digest, **version.tags},
                )  # fmt: skip
            else:
                for name, value in version.tags.items():
                    if found.tags.get(name) != value:
                        client.set_model_version_tag(version.model, found.version, name, value[:_MOST_TEXT])
            return str(found.version)

    def aliases(self, model: str) -> Mapping[str, str | None]:
        """As `Tracker`."""
        with self._told():
            client, _ = self._open()
            found = self._model(client, model)
            if found is None:
                return {}
            return {alias: client.get_model_version(model, str(at)).tags.get(VERSION) for alias, at in sorted(dict(found.aliases).items())}

    def point(self, model: str, alias: str, number: str | None) -> None:
        """As `Tracker`."""
        with self._told():
            client, _ = self._open()
            if number is None:
                found = self._model(client, model)
                if found is not None and alias in dict(found.aliases):
                    client.delete_registered_model_alias(model, alias)
                return
            version = self._version(client, model, number)
            if version is None:
                raise TrackerUnavailable(f"MLflow has no {model} {number} yet.")
            client.set_registered_model_alias(model, alias, str(version.version))

    def fetch(self, uri: str, folder: Path) -> Path:
        """As `Tracker`."""
        with self._told(asked=uri):
            client, _ = self._open(experiment=False)
            source = self._source(client, uri)
            artifacts = importlib.import_module("mlflow.artifacts")
            return Path(artifacts.download_artifacts(artifact_uri=source, dst_path=str(folder), tracking_uri=self._uri))

    def _source(self, client: Any, uri: str) -> str:
        """Where the files of what is asked for lie; `runs:/…` and a model without a registry (`models:/m-…`) say it themselves."""
        named = re.fullmatch(r"models:/([^/@]+)(?:/([^/@]+)|@([^/@]+))", uri)
        if named is None:
            return uri
        name, number, alias = named.groups()
        found = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, number)
        return str(client.get_model_version_download_uri(name, str(found.version)))

    def _upload(self, client: Any, run: str, fill: Callable[[Path], None], under: str | None) -> None:
        with tempfile.TemporaryDirectory(prefix="farero-tracked-") as name:
            fill(Path(name))
            if any(Path(name).iterdir()):
                client.log_artifacts(run, name, under)

    def _run(self, client: Any, experiment: str, id: str) -> Any:
        found = client.search_runs([experiment], f"tags.`{RUN}` = '{_quoted(id)}'", max_results=1)
        return found[0] if found else None

    def _version(self, client: Any, model: str, number: str, digest: str | None = None) -> Any:
        """The newest of ours with this number; with `digest`, only one with these files."""
        wanted = f"name = '{_quoted(model)}' and tags.`{VERSION}` = '{_quoted(number)}'"
        if digest is not None:
            wanted += f" and tags.`{DIGEST}` = '{_quoted(digest)}'"
        found = client.search_model_versions(wanted, max_results=100)
        return max(found, key=lambda version: int(version.version), default=None)

    def _model(self, client: Any, name: str) -> Any:
        found = client.search_registered_models(f"name = '{_quoted(name)}'", max_results=1)
        return found[0] if found else None

    def _make_model(self, client: Any, name: str) -> None:
        if self._model(client, name) is None:
            try:
                client.create_registered_model(name)
            except Exception as error:
                if getattr(error, "error_code", "") != "RESOURCE_ALREADY_EXISTS":  # another process was first
                    raise

    def _open(self, *, experiment: bool = True) -> tuple[Any, str]:
        """The client and the experiment's id, made at the first call."""
        with self._starting:
            if self._opened is None or (experiment and not self._opened[1]):
                with _alone(self._lock) if "://" in self._uri and not self._uri.startswith("http") else nullcontext():
                    self._opened = self._start(experiment)
            return self._opened

    def _start(self, experiment: bool) -> tuple[Any, str]:
        os.environ.update(self._settings)
        try:
            tracking = importlib.import_module("mlflow.tracking")
        except ImportError as error:
            raise TrackerUnavailable(
                "MLflow is not installed.", hint="Install it with: pip install 'farero[mlflow]'", retryable=False
            ) from error
        client = tracking.MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)
        if not experiment:
            return client, ""
        found = client.get_experiment_by_name(self._experiment)
        if found is not None:
            return client, str(found.experiment_id)
        try:
            place = None if self._uri.startswith("http") else self._artifacts
            return client, str(client.create_experiment(self._experiment, artifact_location=place))
        except Exception as error:
            again = client.get_experiment_by_name(self._experiment)
            if again is None:
                raise error from None
            return client, str(again.experiment_id)  # another process was first

    @contextmanager
    def _told(self, asked: str | None = None) -> Iterator[None]:
        try:
            yield
        except (TrackerUnavailable, BadInput):
            raise
        except Exception as error:  # MLflow raises its own errors, those of requests, SQLAlchemy, boto3, and bare ones
            code = getattr(error, "error_code", "")
            said = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            if asked is not None and code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"):
                raise BadInput(f"MLflow has no {asked}: {said}", hint="Look at the model's versions and runs in MLflow.") from error
            raise TrackerUnavailable(
                f"MLflow at {without_password(self._uri)} failed: {type(error).__name__}: {said}", hint="It is tried again later."
            ) from error


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """While no other process of this machine is in here."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _key(name: str) -> str:
    """A name of the letters that MLflow takes."""
    return re.sub(r"[^\w\-. /]", "_", name)[:250]


def _quoted(text: str) -> str:
    """Inside a filter's quotes; MLflow knows no escape for them, and no name of ours has one."""
    return text.replace("'", "")


def without_password(uri: str) -> str:
    """The address as it may be shown."""
    return re.sub(r"://[^/@]*@", "://…@", uri)
