"""farero.toml: every setting, typed, with its default; unknown keys refused; all faults at once."""

from __future__ import annotations

import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from farero.core.finding import Severity
from farero.core.schema import Fault
from farero.errors import ConfigInvalid

FILE = "farero.toml"
HOME = ".farero"

T = TypeVar("T")
_REFERENCE = re.compile(r"[^:]+\.py:[^\W\d]\w*")


def _about(doc: str, *, least: float | None = None, most: float | None = None) -> Mapping[str, Any]:
    return {"doc": doc, "least": least, "most": most}


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
        if not url:
            return f"sqlite:///{root / HOME / 'state.db'}"
        relative = re.fullmatch(r"sqlite:///([^/:].*)", url)
        return f"sqlite:///{root / relative[1]}" if relative else url


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
    channels: tuple[ChannelSettings, ...] = ()
    privacy: PrivacySettings = PrivacySettings()


_TABLES: Mapping[str, type[Any]] = {
    "server": ServerSettings,
    "state": StateSettings,
    "log": LogSettings,
    "models": ModelsSettings,
    "cache": CacheSettings,
    "train": TrainSettings,
    "worker": WorkerSettings,
    "channels": ChannelSettings,
    "privacy": PrivacySettings,
}
KEYS: tuple[str, ...] = (
    "project",
    "projects",
    *(f"{table}.{setting.name}" for table, kind in _TABLES.items() for setting in fields(kind)),
)
"""Every key that farero.toml may have."""


def parse(text: str) -> tuple[Settings | None, list[Fault]]:
    """Read the text of farero.toml; None where it has faults, all of them listed with line and remedy."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        return None, [Fault(path=f"{FILE}:{line}", code="not-toml", message=f"is no TOML: {error}")]
    reader = _Reader(text)
    references = reader.references(found)
    tables: dict[str, Any] = {}
    for name, value in found.items():
        if name in ("project", "projects"):
            continue
        if name not in _TABLES:
            reader.unknown(name, name, ["project", "projects", *_TABLES])
        elif name == "channels":
            tables[name] = reader.channels(value)
        else:
            tables[name] = reader.table(_TABLES[name], name, value)
    return (None, reader.faults) if reader.faults else (Settings(references=references, **tables), [])


def references(text: str) -> tuple[str, ...]:
    """The well-formed project references of a farero.toml that may have other faults."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return ()
    listed = found.get("projects", [found.get("project")])
    texts = [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []
    return tuple(dict.fromkeys(text for text in texts if _REFERENCE.fullmatch(text)))


class _Reader:
    """Reads values one by one and collects what is wrong with them."""

    def __init__(self, text: str) -> None:
        self.faults: list[Fault] = []
        self._lines = _lines(text)

    def fault(self, key: str, code: str, message: str) -> None:
        line = self._lines.get(key) or self._lines.get(key.rpartition(".")[0]) or 1
        self.faults.append(Fault(path=f"{FILE}:{line} {key}", code=code, message=message))

    def unknown(self, key: str, name: str, known: list[str]) -> None:
        near = get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
        self.fault(key, "unknown-key", f"there is no such key; {remedy}")

    def references(self, found: Mapping[str, Any]) -> tuple[str, ...]:
        example = 'write project = "project.py:project"'
        if "project" in found and "projects" in found:
            self.fault("project", "twice", "project and projects are both there; keep one of them")
        key = "projects" if "projects" in found else "project"
        if key not in found:
            self.fault("project", "missing", f"no project is named; {example}")
            return ()
        value = found[key]
        if key == "projects" and not isinstance(value, list) or key == "project" and not isinstance(value, str):
            more = " for one project, or projects = [...] for several" if key == "project" else ""
            self.fault(key, "wrong-type", f"must be {'text' if key == 'project' else 'a list of texts'}; {example}{more}")
            return ()
        listed = value if key == "projects" else [value]
        if not listed:
            self.fault(key, "missing", 'names no project; write projects = ["project.py:project"]')
        for reference in listed:
            if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
                self.fault(key, "bad-reference", f'{reference!r} is not a file and a name; write it like "project.py:project"')
            elif listed.count(reference) > 1:
                self.fault(key, "twice", f"{reference!r} is there more than once; remove the others")
        return tuple(str(reference) for reference in listed)

    def channels(self, value: Any) -> tuple[ChannelSettings, ...]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fault("channels", "wrong-type", "must be a list of tables; head each of them with [[channels]]")
            return ()
        made: list[ChannelSettings] = []
        for index, item in enumerate(value):
            channel = self.table(ChannelSettings, f"channels[{index}]", item)
            if channel is None:
                continue
            if channel.kind == "webhook" and channel.url is None:
                self.fault(f"channels[{index}].url", "missing", 'a webhook needs its url; write url = "https://…" or { env = "NAME" }')
            if any(channel.name == other.name for other in made):
                self.fault(f"channels[{index}].name", "twice", f"another channel is called {channel.name!r}; give it a name of its own")
            made.append(channel)
        return tuple(made)

    def table(self, kind: type[T], path: str, value: Any) -> T | None:
        if not isinstance(value, dict):
            self.fault(path, "wrong-type", f"must be a table; head it with [{path}]")
            return None
        known = {setting.name: setting for setting in fields(kind)}  # type: ignore[arg-type]
        hints = get_type_hints(kind)
        before = len(self.faults)
        values: dict[str, Any] = {}
        for name, given in value.items():
            key = f"{path}.{name}"
            if name not in known:
                self.unknown(key, name, list(known))
            else:
                values[name] = self._value(key, known[name], hints[name], given)
        for name, setting in known.items():
            if setting.default is MISSING and name not in value:
                self.fault(f"{path}.{name}", "missing", f"must be there: {setting.metadata['doc']}")
        return kind(**values) if len(self.faults) == before else None

    def _value(self, key: str, setting: Field[Any], hint: Any, given: Any) -> Any:
        options: tuple[Any, ...] = get_args(hint) or (hint,)
        if all(isinstance(option, str) for option in options):
            if given not in options:
                near = get_close_matches(str(given), options, n=1)
                remedy = f"did you mean {near[0]!r}?" if near else f"write one of {', '.join(options)}"
                self.fault(key, "not-one-of", f"is {given!r}; {remedy}")
            return given
        if Secret in options and isinstance(given, dict):
            return self._secret(key, given)
        if hint in (int, float):
            return self._number(key, setting, hint, given)
        if str not in options:
            self.fault(key, "secret-in-clear", 'a secret is only named here; write { env = "NAME" } or { file = "PATH" }')
        elif not isinstance(given, str):
            self.fault(key, "wrong-type", f"must be text, not {given!r}")
        elif Secret in options and re.search(r"://[^/@]*:[^/@]+@", given):
            self.fault(key, "secret-in-clear", 'holds a password; put the whole URL into a variable and write { env = "NAME" }')
        return given

    def _number(self, key: str, setting: Field[Any], hint: type, given: Any) -> Any:
        if isinstance(given, bool) or not isinstance(given, (int, float) if hint is float else int):
            self.fault(key, "wrong-type", f"must be a {'number' if hint is float else 'whole number'}, not {given!r}")
            return given
        least, most = setting.metadata["least"], setting.metadata["most"]
        if least is not None and not given >= least or most is not None and not given <= most or given != given:
            limits = f"at least {least}" if most is None else f"from {least} to {most}"
            self.fault(key, "out-of-range", f"is {given}; it must be {limits}")
        return hint(given)

    def _secret(self, key: str, given: Mapping[str, Any]) -> Secret | None:
        if len(given) != 1 or next(iter(given)) not in ("env", "file") or not isinstance(next(iter(given.values())), str):
            self.fault(key, "bad-secret", 'must be { env = "NAME" } or { file = "PATH" }')
            return None
        return Secret(**given)


def _lines(text: str) -> dict[str, int]:
    """Where each key stands. tomllib does not say; a key is found at the start of a line, under the last header."""
    found: dict[str, int] = {}
    head, index = "", -1
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*(\[\[?)\s*([\w.-]+)\s*\]", line):
            head = header[2]
            if header[1] == "[[":
                index = index + 1 if f"{head}[0]" in found else 0
                found.setdefault(head, number)
                head = f"{head}[{index}]"
            found[head] = number
        elif key := re.match(r"\s*\"?([\w.-]+)\"?\s*=", line):
            found.setdefault(f"{head}.{key[1]}" if head else key[1], number)
    return found
