"""A virtual environment for each peer, made on the first run, and a fitted model for each scikit-learn that they have."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
SAME = ("scikit-learn", "numpy", "pandas", "joblib")
"""What a model file depends on: every peer that allows it has the versions that Farero runs with."""
MADE_FROM = "made-from.txt"


class CannotInstall(Exception):
    """A peer cannot be installed here; the message says why."""


def python_of(venvs: Path, name: str | None) -> Path:
    """The Python of a peer's environment, installed if need be; None is this one.

    Raises:
        CannotInstall: the installer failed.
    """
    if name is None:
        return Path(sys.executable)
    python = venvs / name / "bin" / "python"
    wanted = (HERE / "peers" / f"{name}.txt").read_text().split()
    same = [f"{package}=={metadata.version(package)}" for package in SAME]
    made = venvs / name / MADE_FROM
    if made.exists() and made.read_text().split() in ([*wanted, *same], wanted):
        return python
    if not python.exists():
        _uv("venv", "--quiet", "--python", sys.executable, str(venvs / name))
    print(f"installing {name} ({', '.join(wanted)})", file=sys.stderr)
    for packages in ([*wanted, *same], [*wanted, "scikit-learn", "pandas", "joblib"]):
        try:
            _uv("pip", "install", "--quiet", "--python", str(python), *packages)
        except CannotInstall as failure:
            refused = failure
            continue
        made.write_text("\n".join(packages if same[0] in packages else wanted))
        return python
    raise refused


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run([uv if uv.exists() else "uv", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotInstall(done.stderr.strip()[-400:])


@cache
def version(python: Path, package: str) -> str:
    """A package's version in an environment."""
    command = [python, "-c", f"from importlib import metadata; print(metadata.version({package!r}))"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "?"


def fitted(folder: Path, python: Path) -> Path:
    """The folder with both models, fitted by an environment's own scikit-learn; the same for all with the same versions."""
    name = "-".join(["fitted", *(version(python, package) for package in ("scikit-learn", "numpy"))])
    if not all((folder / name / model / "rows.json").exists() for model in ("forest", "logistic")):
        subprocess.run([python, HERE / "fitted.py", folder / name], check=True)
    return folder / name


def sent(folder: Path) -> tuple[list[str], list[list[object]], list[float]]:
    """Column names, rows to send, and scikit-learn's own probabilities for them."""
    read = json.loads((folder / "rows.json").read_text())
    return read["columns"], read["rows"], read["answers"]
