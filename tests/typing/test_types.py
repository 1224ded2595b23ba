"""What a type checker finds in a project file before Farero ever runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RIGHT, WRONG = HERE / "planted" / "right.py", HERE / "planted" / "wrong.py"
PLANTED = {number for number, line in enumerate(WRONG.read_text().splitlines(), 1) if line.endswith("# wrong")}


# scikit-learn ships no types: to mypy, what its `fit` returns is Any.
_STRICT = ["--strict", "--ignore-missing-imports", "--no-warn-return-any", "--cache-dir", os.devnull, "--config-file", os.devnull]


def _mypy(path: Path) -> set[int]:
    command = [sys.executable, "-m", "mypy", *_STRICT, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "MYPYPATH": "src"})
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = re.findall(rf"^(.*?):(\d+): error: .*$", done.stdout, flags=re.MULTILINE)
    return {int(line) for file, line in found if Path(file).name == path.name}


def _pyright(path: Path) -> set[int]:
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {item["range"]["start"]["line"] + 1 for item in found if item["severity"] == "error"}


@pytest.mark.parametrize("checker", [_mypy, _pyright])
def test_a_project_as_the_documents_show_it_has_no_fault(checker: Callable[[Path], set[int]]) -> None:
    assert checker(RIGHT) == set()


@pytest.mark.parametrize("checker", [_mypy, _pyright])
def test_every_planted_mistake_is_found_and_nothing_else(checker: Callable[[Path], set[int]]) -> None:
    assert checker(WRONG) == PLANTED


def test_farero_ships_its_types() -> None:
    assert (ROOT / "src" / "farero" / "py.typed").exists()
