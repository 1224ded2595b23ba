"""Finds, runs and checks everything that a project folder declares; reports all faults at once."""

from __future__ import annotations

import faulthandler
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from farero.core.schema import Fault
from farero.errors import ConfigInvalid
from farero.project import config, faults, jobs, rehearsal, source
from farero.project.declare import Project
from farero.project.settings import FILE, Secret, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A project folder without faults. `recipes` say for each model how a child process finds its project."""

    root: Path
    settings: Settings
    projects: Mapping[str, Project]
    recipes: Mapping[str, Mapping[str, str]]

    def recipe(self, model: str) -> Mapping[str, str]:
        """How a child process finds the project of this model."""
        return self.recipes[model]


def load(root: Path) -> Loaded:
    """Everything that farero.toml in `root` declares.

    Raises:
        ConfigInvalid: there are faults; lists all of them.
    """
    found = _Found(root.resolve())
    if found.faults or found.settings is None:
        count = len(found.faults)
        raise ConfigInvalid(
            f"{found.root / FILE} and its project have {count} fault{'s' if count > 1 else ''}.",
            faults=found.faults, hint="Mend them; `farero check` lists them again.",
        )  # fmt: skip
    return Loaded(root=found.root, settings=found.settings, projects=found.projects, recipes=found.recipes)


def settings_of(root: Path) -> Settings:
    """What farero.toml in `root` says, without running any project.

    Raises:
        ConfigInvalid: it has faults, or there is none; lists all, those of the projects too.
    """
    try:
        settings, _ = config.parse((root / FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        settings = None
    return settings if settings is not None else load(root).settings


def check(root: Path, run_trial: bool = True) -> list[Fault]:
    """Every fault of farero.toml and the projects; with `run_trial`, also of a training on a made-up sample where nothing else is wrong."""
    root = root.resolve()
    seen = rehearsal.look(root)
    listed = list(seen.faults)
    try:
        settings, _ = config.parse((root / FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return listed  # said already
    if settings is not None:
        listed += _secrets(settings, root)
    if run_trial:
        memory_mb = settings.train.memory_mb if settings else rehearsal.TRIAL_MEMORY_MB
        for sound in seen.trials:
            listed += rehearsal.trial(sound["recipe"], root, sound["at"], memory_mb=memory_mb)
    return listed


def look_process() -> None:
    """What the process of `rehearsal.look` does: run the project files, and keep on file what was found so far and what is being run."""
    root, folder, timeout_s = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    stack = (folder / "stack.txt").open("w")
    faulthandler.dump_traceback_later(timeout_s / 2, file=stack)  # early enough that it is on file when the time is up
    rehearsal.limit_output()

    def keep(found: _Found, running: str | None) -> None:
        faults = [{"path": fault.path, "code": fault.code, "message": fault.message} for fault in found.faults]
        trials = [{"recipe": dict(found.recipes[model]), "at": _place(project, root)} for model, project in found.projects.items()]
        partial = folder / "seen.part"
        partial.write_text(json.dumps({"faults": faults, "trials": trials, "running": running}), encoding="utf-8")
        partial.replace(folder / "seen.json")

    keep(_Found(root, keep), None)
    faulthandler.cancel_dump_traceback_later()


def _place(project: Project, root: Path) -> str:
    """Where train stands."""
    code = getattr(project.train, "__code__", None)
    file, line = (Path(code.co_filename), f":{code.co_firstlineno}") if code else (Path(project.place.file), "")
    return f"{file.relative_to(root) if file.is_relative_to(root) else file}{line} train"


class _Found:
    """What a folder holds, and what is wrong with it. `projects` are those without a fault. Tells `keep` which file it is about to run."""

    def __init__(self, root: Path, keep: Callable[[_Found, str], None] | None = None) -> None:
        self.root = root
        self.settings: Settings | None = None
        self.projects: dict[str, Project] = {}
        self.recipes: dict[str, Mapping[str, str]] = {}
        self.faults: list[Fault] = []
        self._keep = keep
        self._broken: set[str] = set()  # files with wrong calls, which are listed already
        text = self._read()
        if text is None:
            return
        self.settings, self.faults = config.parse(text)
        modules: dict[str, object] = {}
        for reference in config.references(text):
            try:
                self._project(reference, modules)
            except ConfigInvalid as invalid:
                self.faults += [fault for fault in invalid.faults if isinstance(fault, Fault) and fault not in self.faults]
        if self.settings is not None and not self.faults:
            self.faults += jobs.faults(self.settings, self.projects)

    def _read(self) -> str | None:
        path = self.root / FILE
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            remedy = (
                'create it with the line project = "project.py:project", or name another folder with --project; `farero new DIR` makes one'
            )
            self.faults.append(Fault(path=FILE, code="no-file", message=f"is not in {self.root}; {remedy}"))
        except (OSError, UnicodeDecodeError) as error:
            self.faults.append(Fault(path=FILE, code="no-file", message=f"cannot be read: {error}; save it as UTF-8 text"))
        return None

    def _project(self, reference: str, modules: dict[str, object]) -> None:
        file, _, name = reference.rpartition(":")
        if file not in modules:
            modules[file] = None
            modules[file] = self._run(file)
        module = modules[file]
        if module is None:
            return  # its fault is listed already
        project = source.pick(module, self.root, reference, name)  # type: ignore[arg-type]
        wrong = faults.find(project, self.root)
        if isinstance(project.model, str) and project.model in self.projects:
            message = f"another project is called {project.model!r}; give it a name of its own"
            wrong.append(Fault(path=f"{file}:{project.place.line} model", code="twice", message=message))
        self.faults += wrong
        if not wrong and file not in self._broken:
            self.projects[project.model] = project
            self.recipes[project.model] = source.recipe(self.root, reference)

    def _run(self, file: str) -> ModuleType:
        if self._keep is not None:
            self._keep(self, file)
        wrong: list[Fault] = []
        try:
            return source.run(self.root, file, wrong)
        finally:
            if wrong:
                self._broken.add(file)
                self.faults += [fault for fault in dict.fromkeys(wrong) if fault not in self.faults]


def _secrets(settings: Settings, root: Path) -> list[Fault]:
    """Secrets that cannot be read here and now."""
    listed = []
    named = [("state.url", settings.state.url), ("privacy.hash_key", settings.privacy.hash_key)]
    named += [("tracking.uri", settings.tracking.uri), ("tracking.token", settings.tracking.token)]
    named += [(f"channels.{channel.name}.url", channel.url) for channel in settings.channels]
    for key, secret in named:
        if isinstance(secret, Secret):
            try:
                secret.read(root)
            except ConfigInvalid as invalid:
                message = f"{invalid.message.rstrip('.')}; set it, or correct the name"
                listed.append(Fault(path=f"{FILE} {key}", code="no-secret", message=message))
    return listed
