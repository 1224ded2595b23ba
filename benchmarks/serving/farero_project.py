"""Farero's side: a project folder that serves exactly the fitted model, its processes, and what its log holds afterwards."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from serving.processes import Server

FARERO = Path(sys.executable).with_name("farero")
COUNT = Path(__file__).with_name("logged.py")
_made: set[Path] = set()

PROJECT = '''"""The model of the serving benchmark: already fitted, so that every contender answers from the same one."""

from pathlib import Path

import joblib

import farero as fa


class Row(fa.Features):
{features}


def train(data: fa.TrainingSet) -> fa.Classifier:
    fitted: fa.Classifier = joblib.load(Path({model!r}))
    return fitted


project = fa.Project(
    model={name!r},
    features=Row,
    train=train,
    label=fa.Binary("y", positive="1", negative="0", arrives_within="1d"),
    monitors=[fa.Quality(max_missing=0.05), fa.Drift()],
    policy=fa.Policy(gate=fa.Gate("roc_auc"), window="1w"),
)
'''


def make(root: Path, model: Path) -> Path:
    """The project with its version in production. Made once a run: what an older Farero stored is nothing to measure."""
    from serving.fitted import LEVELS

    if root in _made:
        return root
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    toml(root, "write")
    columns = json.loads((model / "rows.json").read_text())["columns"]
    lines = [
        f"    {name}: str = fa.choice({', '.join(map(repr, LEVELS[name]))})" if name in LEVELS else f"    {name}: float = fa.number()"
        for name in columns
    ]
    (root / "project.py").write_text(PROJECT.format(features="\n".join(lines), model=str(model / "model.joblib"), name=model.name))
    trained = _run("train", str(model / "data.csv"), "--time", "ts", "--json", root=root)
    _run("promote", json.loads(trained)["number"], root=root)
    _made.add(root)
    return root


def toml(root: Path, record: str) -> None:
    """Say when a prediction counts as recorded."""
    (root / "farero.toml").write_text(f'project = "project.py:project"\n\n[log]\nrecord = "{record}"\n')


def workers(server: Server, root: Path) -> list[int]:
    """The processes that answer requests, as the supervisor wrote them down; none where there is no such file of this server."""
    path = root / ".farero" / "run" / "workers.json"
    for _ in range(20):
        try:
            told = json.loads(path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            told = {}
        if told.get("supervisor") in server.pids() and told.get("workers"):
            return [int(pid) for pid in told["workers"]]
        if not path.parent.exists():
            return []
        time.sleep(0.1)
    return []


def logged(root: Path) -> int:
    """Rows in the log, once everything recorded is handed over. Call it when the server has ended."""
    done = subprocess.run([sys.executable, COUNT, root], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the log could not be counted: {done.stderr[-600:]}")
    return int(done.stdout.split()[-1])


def _run(*arguments: str, root: Path) -> str:
    done = subprocess.run([FARERO, *arguments, "--project", root], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"farero {arguments[0]}: exit {done.returncode}: {done.stderr[-600:]}")
    return done.stdout
