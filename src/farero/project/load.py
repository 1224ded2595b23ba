"""Finds, runs and checks everything that a project folder declares; reports all faults at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from farero.core.schema import Fault
from farero.errors import ConfigInvalid
from farero.project import config, faults, source, trial
from farero.project.config import Settings
from farero.project.declare import Project


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
            f"{found.root / config.FILE} and its project have {count} fault{'s' if count > 1 else ''}.",
            faults=found.faults, hint="Mend them; `farero check` lists them again.",
        )  # fmt: skip
    return Loaded(root=found.root, settings=found.settings, projects=found.projects, recipes=found.recipes)


def check(root: Path, run_trial: bool = True) -> list[Fault]:
    """Every fault of farero.toml and the projects; with `run_trial`, also of a training on a made-up sample where nothing else is wrong."""
    found = _Found(root.resolve())
    listed = list(found.faults)
    if found.settings is not None:
        listed += _secrets(found.settings, found.root)
    if run_trial:
        for model, project in found.projects.items():
            listed += trial.trial(project, found.recipes[model], found.root)
    return listed


class _Found:
    """What a folder holds, and what is wrong with it. `projects` are those without a fault."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings: Settings | None = None
        self.projects: dict[str, Project] = {}
        self.recipes: dict[str, Mapping[str, str]] = {}
        self.faults: list[Fault] = []
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

    def _read(self) -> str | None:
        path = self.root / config.FILE
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            remedy = (
                'create it with the line project = "project.py:project", or name another folder with --project; `farero new DIR` makes one'
            )
            self.faults.append(Fault(path=config.FILE, code="no-file", message=f"is not in {self.root}; {remedy}"))
        except (OSError, UnicodeDecodeError) as error:
            self.faults.append(Fault(path=config.FILE, code="no-file", message=f"cannot be read: {error}; save it as UTF-8 text"))
        return None

    def _project(self, reference: str, modules: dict[str, object]) -> None:
        file, _, name = reference.rpartition(":")
        if file not in modules:
            modules[file] = None
            modules[file] = source.run(self.root, file)
        module = modules[file]
        if module is None:
            return  # its fault is listed already
        project = source.pick(module, self.root, reference, name)  # type: ignore[arg-type]
        wrong = faults.find(project, self.root)
        if project.model in self.projects:
            message = f"another project is called {project.model!r}; give it a name of its own"
            wrong.append(Fault(path=f"{file}:{project.place.line} model", code="twice", message=message))
        self.faults += wrong
        if not wrong:
            self.projects[project.model] = project
            self.recipes[project.model] = source.recipe(self.root, reference)


def _secrets(settings: Settings, root: Path) -> list[Fault]:
    """Secrets that cannot be read here and now."""
    listed = []
    named = [("state.url", settings.state.url), ("privacy.hash_key", settings.privacy.hash_key)]
    named += [(f"channels.{channel.name}.url", channel.url) for channel in settings.channels]
    for key, secret in named:
        if isinstance(secret, config.Secret):
            try:
                secret.read(root)
            except ConfigInvalid as invalid:
                message = f"{invalid.message.rstrip('.')}; set it, or correct the name"
                listed.append(Fault(path=f"{config.FILE} {key}", code="no-secret", message=message))
    return listed
