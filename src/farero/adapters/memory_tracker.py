"""A tracker in memory, for tests: what MLflow would have, and a server that can be down."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from farero.errors import BadInput, TrackerUnavailable
from farero.ports import TrackedRun, TrackedVersion


class MemoryTracker:
    """Keeps what it is told.

    Attributes:
        runs: by our id; versions: by model and our number; files: what `fill` made, by run id or "model/number".
        pointed: alias -> our number, or None where somebody else's version stands there, by model.
        down: what every call raises, while it is set.
        written: how many times something was written.
    """

    def __init__(self) -> None:
        self.runs: dict[str, TrackedRun] = {}
        self.versions: dict[tuple[str, str], TrackedVersion] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.pointed: dict[str, dict[str, str | None]] = {}
        self.down: TrackerUnavailable | None = None
        self.written = 0

    def write_run(self, run: TrackedRun) -> str:
        """Keep it."""
        self._up()
        self.written += 1
        self.runs[run.id] = run
        self._keep(run.id, run)
        return f"run-{list(self.runs).index(run.id) + 1}"

    def write_version(self, version: TrackedVersion) -> str:
        """Keep it; the run that made it must be there."""
        self._up()
        if version.run not in self.runs:
            raise TrackerUnavailable(f"The tracker has no run {version.run}.")
        self.written += 1
        if (version.model, version.number) not in self.versions:
            self._keep(f"{version.model}/{version.number}", version)
        self.versions[version.model, version.number] = version
        return str([number for model, number in self.versions if model == version.model].index(version.number) + 1)

    def aliases(self, model: str) -> Mapping[str, str | None]:
        """Where they point."""
        self._up()
        return dict(self.pointed.get(model, {}))

    def point(self, model: str, alias: str, number: str | None) -> None:
        """Let it point there."""
        self._up()
        if number is None:
            self.pointed.get(model, {}).pop(alias, None)
            return
        if (model, number) not in self.versions:
            raise TrackerUnavailable(f"The tracker has no {model} {number}.")
        self.pointed.setdefault(model, {})[alias] = number

    def fetch(self, uri: str, folder: Path) -> Path:
        """`models:/name/3` is the third version that was written, `models:/name@alias` the one that the alias points to."""
        self._up()
        named, at, alias = uri.removeprefix("models:/").partition("@")
        model, place = (named, "0") if at else named.rsplit("/", 1)
        numbers = [number for known, number in self.versions if known == model]
        number = self.pointed.get(model, {}).get(alias) if at else dict(enumerate(numbers, 1)).get(int(place))
        if number is None:
            raise BadInput(f"The tracker has no {uri}.", hint="Look at the versions there.")
        target = folder / "model"
        for name, content in self.files[f"{model}/{number}"].items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)
        return target

    def _keep(self, name: str, thing: TrackedRun | TrackedVersion) -> None:
        folder = Path(tempfile.mkdtemp(prefix="farero-tracked-"))
        try:
            thing.fill(folder)
            found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
            self.files[name] = {**self.files.get(name, {}), **found}
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _up(self) -> None:
        if self.down is not None:
            raise self.down
