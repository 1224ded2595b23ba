from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.benches import make_project, write_csv
from typer.testing import CliRunner, Result

from farero.adapters.inline_child import InlineChild
from farero.cli.main import app


@dataclass
class Terminal:
    """A project folder, and commands typed in it."""

    root: Path

    def run(self, *words: str, code: int = 0, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(app, [*words, "--project", str(self.root)], input=stdin)
        assert result.exit_code == code, f"{result.exit_code}: {result.output}"
        return result

    def json(self, *words: str, code: int = 0, stdin: str | None = None) -> Any:
        """The one document on stdout: anything beside it makes this fail."""
        return json.loads(self.run(*words, "--json", code=code, stdin=stdin).stdout)


def _inline(*options: object, **named: object) -> InlineChild:
    return InlineChild()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with 1.0.0 in production and 1.1.0 as a candidate, made once."""
    root = make_project(tmp_path_factory.mktemp("trained") / "points")
    write_csv(root / "data.csv", days=5)
    here = Terminal(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("farero.wiring.ChildProcess", _inline)
        here.run("train", str(root / "data.csv"), "--time", "ts", "--promote")
        here.run("train", str(root / "data.csv"), "--because", "once more")
    return root


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command writes events to its own stderr, which is closed when the runner is done with it."""
    logger = logging.getLogger("farero")
    before, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:] = before
    logger.setLevel(level)


@pytest.fixture
def terminal(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr("farero.wiring.ChildProcess", _inline)
    shutil.copytree(trained, tmp_path / "points")
    return Terminal(tmp_path / "points")


@pytest.fixture
def type_() -> Callable[..., Result]:
    """A command without a project."""

    def run(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == code, f"{result.exit_code}: {result.output}"
        return result

    return run
