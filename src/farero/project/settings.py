"""Every setting of farero.toml with its type, its default and what it is for."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from farero.core.finding import Severity
from farero.core.job import Missed, Verb
from farero.errors import ConfigInvalid

FILE = "farero.toml"
HOME = ".farero"


def _about(doc: str, *, least: float | None = None, most: float | None = None) -> Mapping[str, Any]:
    return {"doc": doc, "least": least, "most": most}


def _absolute(url: str, root: Path) -> str:
    relative = re.fullmatch(r"sqlite:///([^/:].*)", url)
    return f"sqlite:///{root / relative[1]}" if relative else url


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret by name: of an environment variable, or of a file relative to farero.toml."""

    env: str | None = None
    file: str | None = None

    def read(self, root: Path) -> str:
        """The secret itself.

        Raises:
            ConfigInvalid: the variable is not set, or the file cannot be read.
        """
        if self.env is not None:
            if not os.environ.get(self.env):
                raise ConfigInvalid(f"The environment variable {self.env} is not set, and {FILE} takes a secret from it.")
            return os.environ[self.env]
        path = root / str(self.file)
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigInvalid(f"The secret in {path} cannot be read: {error}.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """[server]"""

    host: str = field(default="127.0.0.1", metadata=_about("Address to listen on."))
    port: int = field(default=8002, metadata=_about("Port to listen on; 0 takes a free one.", least=0, most=65535))
    max_body_bytes: int = field(default=5 << 20, metadata=_about("Largest body that is read [B].", least=1024))
    max_rows: int = field(default=10_000, metadata=_about("Most rows in one request.", least=1))
    timeout_s: float = field(
        default=30.0, metadata=_about("Longest that a request for predictions may take [s]; then it is answered 503.", least=0.01)
    )
    max_waiting: int = field(
        default=64, metadata=_about("Requests that may wait for a model in one worker process; further ones are answered 429.", least=1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSettings:
    """[state]"""

    url: str | Secret = field(default="", metadata=_about("SQLAlchemy URL of the state database; empty = SQLite in .farero/state.db."))

    def resolved(self, root: Path) -> str:
        """The URL, with the path of a SQLite file made absolute."""
        url = self.url.read(root) if isinstance(self.url, Secret) else self.url
        return _absolute(url, root) if url else f"sqlite:///{root / HOME / 'state.db'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """[log]"""

    record: Literal["write", "fsync"] = field(
        default="write",
        metadata=_about("When a prediction counts as recorded: write = the kernel has it; fsync = the disk has it."),
    )
    unlogged: Literal["refuse", "answer"] = field(
        default="refuse",
        metadata=_about("What becomes of a prediction that cannot be recorded: refuse = 503; answer = it is given all the same."),
    )
    handover_s: float = field(
        default=2.0, metadata=_about("Pause between two hand-overs of recorded predictions to the Delta table [s].", least=0.1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsSettings:
    """[models]"""

    load: Literal["start", "demand"] = field(
        default="start",
        metadata=_about("When a version in production comes into memory: start = with the server; demand = with its first request."),
    )
    max_loaded: int = field(
        default=0, metadata=_about("Models in memory at a time; the one unused for longest makes room. 0 = no limit.", least=0)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """[cache]"""

    entries: int = field(
        default=0,
        metadata=_about(
            "Answers kept in each worker process for rows that come again; 0 = none. For models that always answer the same.", least=0
        ),
    )
    ttl_s: float = field(default=300.0, metadata=_about("How long a kept answer counts [s].", least=0.001))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """[train]"""

    timeout_s: float = field(default=3600.0, metadata=_about("Wall-clock limit of train [s].", least=1))
    memory_mb: int = field(default=4096, metadata=_about("Memory that train may take beyond the start [MiB].", least=64))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """[worker]"""

    tick_s: float = field(default=5.0, metadata=_about("Pause between two turns of the loop [s].", least=0.1))
    jobs: Literal["thread", "dbos"] = field(
        default="thread",
        metadata=_about("What carries jobs out: thread = a thread of the keeper; dbos = DBOS, with `pip install 'farero[jobs]'`."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """[[jobs]]"""

    name: str = field(metadata=_about("What lists call the job."))
    verb: Verb = field(default="retrain", metadata=_about("retrain = train, judge and promote; compact = merge small files of the log."))
    model: str = field(default="", metadata=_about("The model; empty = the only one."))
    schedule: str = field(default="", metadata=_about('Cron ("0 2 * * *") or Quartz ("0 0 2 ? * MON-FRI"); empty = by hand, or `after`.'))
    timezone: str = field(default="UTC", metadata=_about('The zone of the schedule, such as "Europe/Madrid".'))
    after: str = field(default="", metadata=_about("Names of jobs, with commas: it runs once each of them has succeeded anew."))
    timeout_s: float = field(default=6 * 3600.0, metadata=_about("A run that takes longer is stopped [s].", least=1))
    retries: int = field(default=3, metadata=_about("Further tries after a failure that another try may mend.", least=0))
    missed: Missed = field(
        default="once",
        metadata=_about("A moment at which nothing ran: once = one run on the next start; skip = a line in the history."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingSettings:
    """[tracking]"""

    uri: str | Secret = field(
        default="",
        metadata=_about("The MLflow that gets a copy of runs and versions: sqlite:///…, postgresql://… or http://…; empty = none."),
    )
    experiment: str = field(default="farero", metadata=_about("The MLflow experiment that runs go to."))
    artifacts: str = field(
        default="", metadata=_about("Where files go where `uri` is a database; empty = .farero/mlflow. An MLflow server decides itself.")
    )
    token: Secret | None = field(default=None, metadata=_about("What an MLflow server asks for, by name."))
    timeout_s: float = field(default=10.0, metadata=_about("How long an MLflow server may take to answer [s].", least=1))

    def resolved(self, root: Path) -> str:
        """The URI, with the path of a SQLite file made absolute; empty where nothing is tracked.

        Raises:
            ConfigInvalid: it is no address of a database or a server, or its secret cannot be read.
        """
        uri = self.uri.read(root) if isinstance(self.uri, Secret) else self.uri
        if uri and not re.match(r"(sqlite|postgres(ql)?|mysql|mssql|https?|databricks)(\+\w+)?://", uri):
            hint = 'Write "sqlite:///mlflow.db", "postgresql://…" or "http://…".'
            raise ConfigInvalid(f"tracking.uri in {FILE} names no database and no server.", hint=hint)
        return _absolute(uri, root)

    def files(self, root: Path) -> str:
        """Where files go."""
        place = self.artifacts or str(root / HOME / "mlflow")
        return place if "://" in place else (root / place).as_uri()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """[[channels]]"""

    name: str = field(metadata=_about("What deliveries call the channel."))
    kind: Literal["console", "webhook"] = field(
        default="console", metadata=_about("console = a JSON line in the log; webhook = an HTTP POST.")
    )
    url: str | Secret | None = field(default=None, metadata=_about("Where a webhook is."))
    min_severity: Severity = field(default="low", metadata=_about("Least severity that is sent."))

    def resolved_url(self, root: Path) -> str:
        """The webhook's URL.

        Raises:
            ConfigInvalid: there is none, or its secret cannot be read.
        """
        if self.url is None:
            raise ConfigInvalid(f"The channel {self.name!r} is a webhook without url.", hint=f'Add url = "https://…" to it in {FILE}.')
        return self.url.read(root) if isinstance(self.url, Secret) else self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySettings:
    """[privacy]"""

    hash_key: Secret | None = field(
        default=None, metadata=_about("Key for hashed and bucketed personal fields; without it one is made in .farero/secret.")
    )

    def key(self, root: Path) -> bytes:
        """The key; made, readable by the owner only, where none is named and none was made before."""
        if self.hash_key is not None:
            return self.hash_key.read(root).encode()
        path = root / HOME / "secret"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            made = path.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
            made.touch(mode=0o600)
            made.write_text(secrets.token_hex(32), encoding="ascii")
            # Two processes may start at once: the first link wins, both use what lies there then.
            with suppress(FileExistsError):
                path.hardlink_to(made)
            made.unlink()
        return path.read_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of farero.toml. `references` are the projects: `file.py:name`."""

    references: tuple[str, ...]
    server: ServerSettings = ServerSettings()
    state: StateSettings = StateSettings()
    log: LogSettings = LogSettings()
    models: ModelsSettings = ModelsSettings()
    cache: CacheSettings = CacheSettings()
    train: TrainSettings = TrainSettings()
    worker: WorkerSettings = WorkerSettings()
    tracking: TrackingSettings = TrackingSettings()
    channels: tuple[ChannelSettings, ...] = ()
    jobs: tuple[JobSettings, ...] = ()
    privacy: PrivacySettings = PrivacySettings()
