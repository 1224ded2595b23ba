"""farero.toml: read as typed settings; unknown keys refused; all faults at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from typing import Any, TypeVar, get_args, get_type_hints

from farero.core.schema import Fault
from farero.project.jobs import own_faults
from farero.project.settings import (
    FILE,
    CacheSettings,
    ChannelSettings,
    JobSettings,
    LogSettings,
    ModelsSettings,
    PrivacySettings,
    Secret,
    ServerSettings,
    Settings,
    StateSettings,
    TrackingSettings,
    TrainSettings,
    WorkerSettings,
)

T = TypeVar("T")
_REFERENCE = re.compile(r"[^:]+\.py:[^\W\d]\w*")

_TABLES: Mapping[str, type[Any]] = {
    "server": ServerSettings,
    "state": StateSettings,
    "log": LogSettings,
    "models": ModelsSettings,
    "cache": CacheSettings,
    "train": TrainSettings,
    "worker": WorkerSettings,
    "tracking": TrackingSettings,
    "channels": ChannelSettings,
    "jobs": JobSettings,
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
        elif name == "jobs":
            tables[name] = reader.jobs(value)
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

    def jobs(self, value: Any) -> tuple[JobSettings, ...]:
        made: list[JobSettings] = []
        places: list[int] = []
        for index, item in enumerate(self._listed("jobs", value)):
            job = self.table(JobSettings, f"jobs[{index}]", item)
            if job is not None:
                made.append(job)
                places.append(index)
        for which, key, code, message in own_faults(made):
            self.fault(f"jobs[{places[which]}].{key}", code, message)
        return tuple(made)

    def _listed(self, name: str, value: Any) -> list[Any]:
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return value
        self.fault(name, "wrong-type", f"must be a list of tables; head each of them with [[{name}]]")
        return []

    def channels(self, value: Any) -> tuple[ChannelSettings, ...]:
        made: list[ChannelSettings] = []
        for index, item in enumerate(self._listed("channels", value)):
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
