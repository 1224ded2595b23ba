"""A real installation whose versions answer values that tell them apart, and a real `farero up` in processes of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx

from farero.server.supervisor import PEOPLE
from farero.wiring import open_app

PROJECT = '''
"""y = slope * x, so that an answer tells which version gave it."""
import farero as fa
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


class Point(fa.Features):
    x: float = fa.number(min=0, max=1000)
    kind: str = fa.choice("a", "b")


def train(data: fa.TrainingSet) -> fa.Regressor:
    encode = ColumnTransformer([("x", "passthrough", ["x"]), ("kind", OneHotEncoder(), ["kind"])])
    return make_pipeline(encode, LinearRegression()).fit(data.X, data.y)


project = fa.Project(model="lines", features=Point, train=train, label=fa.Number("y", arrives_within="1h"))
'''
TOML = 'project = "project.py:project"\n[worker]\ntick_s = 0.3\n[log]\nhandover_s = 0.2\n'


def make_lines(root: Path, *, slopes: tuple[float, ...] = (2.0,), toml: str = TOML, key: str | None = None) -> Path:
    """A folder with version 1.0.0 in production and one candidate more for each further slope. `key` is declared if it is given."""
    root.mkdir(parents=True)
    (root / "farero.toml").write_text(toml)
    keyed = f'model="lines", key="{key}"' if key else 'model="lines"'
    (root / "project.py").write_text(PROJECT.replace('model="lines"', keyed))
    app = open_app(root)
    try:
        for slope in slopes:
            data = root / "data.csv"
            data.write_text("x,kind,y\n" + "".join(f"{x},{'ab'[x % 2]},{slope * x}\n" for x in range(100)))
            version = app.train("lines", data, time=None, until=None, because=f"slope {slope}")
            if slope == slopes[0]:
                app.promote("lines", version.number, by="test", because="the first")
    finally:
        app.close()
    return root


def read_log(root: Path, model: str) -> list[dict[str, object]]:
    """Every recorded row, handed over first."""
    app = open_app(root)
    try:
        app._hand_over()
        rows: list[dict[str, object]] = app._log.read(model).to_pylist()
    finally:
        app.close()
    return rows


class Running:
    """One `farero up` on a free port; it ends with the block."""

    def __init__(self, root: Path, *, workers: int = 1, options: tuple[str, ...] = ()) -> None:
        self.root = root
        command = [sys.executable, "-m", "farero", "up", "--project", str(root), "--port", "0", "--workers", str(workers), *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert self.process.stderr is not None
        self._stderr: IO[str] = self.process.stderr
        self.said: list[str] = []
        self.url = self._wait()
        self.port = int(self.url.rsplit(":", 1)[1])
        self._reader = threading.Thread(target=self._read_on, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def people(self) -> tuple[int, int, list[int]]:
        """The process ids of supervisor, keeper and workers, as they are now."""
        found = json.loads((self.root / PEOPLE).read_text())
        return found["supervisor"], found["keeper"], found["workers"]

    def everybody(self) -> list[int]:
        supervisor, keeper, workers = self.people()
        return [supervisor, keeper, *workers]

    def kill(self, pid: int) -> None:
        """kill -9 of one of its own processes."""
        assert pid in self.everybody()
        os.kill(pid, signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """The exit code, once all who hold its terminal are gone."""
        code = self.process.wait(timeout=15)
        self._reader.join(timeout=15)
        self._stderr.close()
        return code

    def figure(self, name: str) -> float:
        """The sum of a metric over all its labels."""
        text = httpx.get(f"{self.url}/metrics", timeout=10).text
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(rf"{name}[ {{]", line))

    def _wait(self) -> str:
        for line in self._stderr:
            self.said.append(line)
            if found := re.search(r"Farero is up: (http://[\d.]+:\d+)", line):
                return found[1]
        raise AssertionError("the server ended before it was up:\n" + "".join(self.said))

    def _read_on(self) -> None:
        for line in self._stderr:
            self.said.append(line)


def soon(holds: Callable[[], bool], *, within_s: float, what: str) -> float:
    """Wait until it holds; how long that took [s]."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < within_s, f"not within {within_s} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begun


def is_alive(pid: int) -> bool:
    """Whether there is such a process that is more than a name in a list."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] not in "ZX"
    except FileNotFoundError:
        return False
