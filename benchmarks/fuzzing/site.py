"""The service under attack: a project with every kind of field, trained, and run by `farero up` in processes of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np

from farero.server.supervisor import PEOPLE
from farero.wiring import open_app

MODEL = "churn"
PROJECT = '''
"""Every kind of field: numbers with a range and missing, choices with and without new levels, a flag, a date, personal data, a key."""
import farero as fa
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


class Customer(fa.Features):
    tenure: float = fa.number(unit="month", min=0, max=600)
    charge: float = fa.number(min=-50, max=500, missing="allowed")
    contract: str = fa.choice("monthly", "yearly", "two years")
    region: str = fa.choice("north", "south", "east", missing="allowed", new="allow")
    senior: bool = fa.flag()
    since: str = fa.date(missing="allowed")
    contact: str = fa.personal("hash")


def train(data: fa.TrainingSet) -> fa.Classifier:
    columns = ColumnTransformer([
        ("numbers", SimpleImputer(), ["tenure", "charge"]),
        ("choices", OneHotEncoder(handle_unknown="ignore"), ["contract", "region"]),
        ("flags", "passthrough", ["senior"]),
    ])
    return make_pipeline(columns, RandomForestClassifier(20, max_depth=6, random_state=data.seed)).fit(data.X, data.y)


project = fa.Project(model="churn", features=Customer, train=train, key="customer", label=fa.Binary("left", arrives_within="30d"))
'''
TOML = 'project = "project.py:project"\n[log]\nhandover_s = 2\n'
Json = dict[str, Any]


def make_project(root: Path) -> Path:
    """The folder, with version 1.0.0 in production."""
    root.mkdir(parents=True)
    (root / "farero.toml").write_text(TOML)
    (root / "project.py").write_text(PROJECT)
    rng = np.random.default_rng(7)
    lines = ["customer,tenure,charge,contract,region,senior,since,contact,left"]
    for number in range(600):
        row = plain_row(rng)
        left = int(row["tenure"] < 40) ^ int(rng.random() < 0.1)
        values = ["" if value is None else str(value).lower() if isinstance(value, bool) else str(value) for value in row.values()]
        lines.append(f"{','.join([f'c{number}', *values])},{left}")
    (root / "data.csv").write_text("\n".join(lines) + "\n")
    app = open_app(root)
    try:
        version = app.train(MODEL, root / "data.csv", time=None, until=None, because="to be attacked")
        app.promote(MODEL, version.number, by="fuzz", because="to be attacked")
    finally:
        app.close()
    return root


def plain_row(rng: np.random.Generator) -> Json:
    """One row that fits, without the key."""
    return {
        "tenure": round(float(rng.uniform(0, 100)), 2),
        "charge": None if rng.random() < 0.1 else round(float(rng.uniform(5, 120)), 2),
        "contract": str(rng.choice(["monthly", "yearly", "two years"])),
        "region": None if rng.random() < 0.1 else str(rng.choice(["north", "south", "east"])),
        "senior": bool(rng.random() < 0.5),
        "since": None if rng.random() < 0.1 else "2023-05-01T10:00:00Z",
        "contact": None,
    }


def known_answers(root: Path, count: int = 20) -> tuple[list[Json], list[Json], str]:
    """Rows, what the trained model answers to them in this process, and the request id under which that was recorded."""
    rng = np.random.default_rng(11)
    rows = [plain_row(rng) | {"customer": f"probe-{number}"} for number in range(count)]
    app = open_app(root)
    try:
        app.refresh()
        served = app.predict(MODEL, rows, request_id="known-answers")
    finally:
        app.close()
    return rows, [{"prediction": one.prediction, "probability": one.probability} for one in served.predictions], served.request_id


def recorded(root: Path) -> Counter[str]:
    """Rows in the log by request id, all handed over first. The service must have stopped."""
    app = open_app(root)
    try:
        app._hand_over()
        return Counter(app._log.read(MODEL)["request_id"].to_pylist())
    finally:
        app.close()


@dataclass(frozen=True)
class Mark:
    """What a process uses at one moment."""

    after: int
    rss_mb: float
    uss_mb: float
    files: int


class Site:
    """One `farero up` with one worker on a free port; it ends with the block."""

    def __init__(self, root: Path) -> None:
        self.root = root
        command = [sys.executable, "-m", "farero", "up", "--project", str(root), "--port", "0", "--workers", "1"]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.said: list[str] = []
        self._heard = threading.Event()
        self.port = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._heard.wait(120) or not self.port:
            self._process.terminate()
            raise RuntimeError("the service did not come up:\n" + "".join(self.said))
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        code = self._process.wait(timeout=30)
        self._reader.join(timeout=10)
        return code

    def worker(self) -> int:
        """The process that answers."""
        (found,) = json.loads((self.root / PEOPLE).read_text())["workers"]
        return int(found)

    def mark(self, after: int) -> Mark:
        """What the worker uses now."""
        folder = Path("/proc") / str(self.worker())
        used: Counter[str] = Counter()
        for name, kb in re.findall(r"^(\w+): +(\d+) kB", (folder / "smaps_rollup").read_text(), re.MULTILINE):
            used[name] += int(kb)
        files = len(os.listdir(folder / "fd"))  # noqa: PTH208 - they come and go while they are listed
        return Mark(after, used["Rss"] / 1024, (used["Private_Clean"] + used["Private_Dirty"]) / 1024, files)

    def figure(self, name: str) -> float:
        """The sum of a metric over all its labels."""
        text = httpx.get(f"{self.url}/metrics", timeout=30).text
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(rf"{name}[ {{]", line))

    def engine(self) -> str:
        """Which engine answers."""
        (model,) = httpx.get(f"{self.url}/health", timeout=30).json()["models"]
        return f"{model['engine']} {model['engine_detail']}".strip()

    def settle(self) -> None:
        """Wait until the worker has let go of closed connections."""
        time.sleep(1.5)

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said.append(line)
            if found := re.search(r"Farero is up: http://[\d.]+:(\d+)", line):
                self.port = int(found[1])
                self._heard.set()
        self._process.stderr.close()
        self._heard.set()
