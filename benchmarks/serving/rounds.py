"""Every contender once a round, in turn, so that a noisy minute falls on all of them; before the first, its answers are checked."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving import farero_project, load
from serving.contenders import CONTENDERS, Contender, Started, free_port
from serving.environments import CannotInstall, fitted, python_of, sent, version
from serving.fitted import BODIES
from serving.load import Figure
from serving.processes import DidNotStart, Server, pin, start

SERVER_CORE = 0
LOAD_CORE = 1 if len(os.sched_getaffinity(0)) > 1 else 0
PARITY = 1e-6
CHECKED_BIG = 4
"""Bodies of several rows that are checked; of one row, all are."""


class Disagrees(Exception):
    """A contender answers something else than scikit-learn."""


@dataclass
class Bench:
    """What all measurements share.

    Attributes:
        figures: (model, rows a request, contender) -> one figure a round.
        left_out: contender -> why it is not measured.
        kept: contender that records -> rows acknowledged, rows in its log, rows that may have been under way besides.
    """

    venvs: Path
    work: Path
    seconds: int
    warm_up: int
    rounds: int
    connections: int
    figures: dict[tuple[str, int, str], list[Figure]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    kept: dict[str, list[int]] = field(default_factory=dict)
    failed: int = 0
    """Requests that were not answered with 200, of all measurements."""
    split: bool | None = None
    """Whether Farero's own other processes ran beside the load generator, apart from those that answer; None = not seen yet."""

    def bodies(self, name: str, model: Path, rows: int) -> tuple[Path, list[Any], list[list[float]]]:
        """64 different bodies in a file, in memory, and the answers that are right."""
        columns, all_rows, right = sent(model)
        contender = CONTENDERS[name]
        made, answers = [], []
        for at in range(0, BODIES * rows, rows):
            made.append(contender.body(columns, all_rows[at : at + rows]))
            answers.append(right[at : at + rows])
        return load.write_bodies(self.work / "bodies" / f"{name}-{model.parent.name}-{model.name}-{rows}.txt", made), made, answers

    def model(self, name: str, model: str) -> Path:
        """The fitted model that a contender serves."""
        return fitted(self.work, python_of(self.venvs, CONTENDERS[name].venv)) / model

    def measure(self, server: Server, name: str, model: Path, rows: int, *, warm: bool = False, **how: Any) -> Figure:
        """Measure, after warming up what is not warm."""
        path, file = CONTENDERS[name].path(model.name), self.bodies(name, model, rows)[0]
        how = {"connections": self.connections, "seconds": self.seconds, "cores": str(LOAD_CORE)} | how
        acknowledged = load.measure(server, path, file, **{**how, "seconds": self.warm_up}).requests if self.warm_up and not warm else 0
        figure = load.measure(server, path, file, **how)
        self.failed += figure.failed
        self.count_more(name, (acknowledged + figure.requests) * rows, how["connections"] * rows * 2)
        return figure

    def count_more(self, name: str, acknowledged: int, under_way: int = 0) -> None:
        """Rows that were acknowledged, and at most so many that were under way when the generator hung up."""
        if CONTENDERS[name].records:
            sums = self.kept.setdefault(name, [0, 0, 0])
            sums[0] += acknowledged
            sums[2] += under_way

    def check(self, server: Server, name: str, model: Path, rows: int) -> None:
        """Ask every body once and compare.

        Raises:
            Disagrees: an answer is not scikit-learn's.
        """
        contender = CONTENDERS[name]
        _, bodies, right = self.bodies(name, model, rows)
        asked = BODIES if rows == 1 else CHECKED_BIG
        for body, expected in zip(bodies[:asked], right[:asked], strict=True):
            answers = contender.answers(load.ask(server.port, contender.path(model.name), body))
            if len(answers) != len(expected) or max(abs(a - b) for a, b in zip(answers, expected, strict=True)) > PARITY:
                raise Disagrees(f"{answers[:2]} where scikit-learn answers {expected[:2]}")
        self.count_more(name, asked * rows, 0)

    @contextmanager
    def running(self, name: str, model: Path, *, record: str = "write", workers: int = 1, cores: str = "") -> Iterator[Server]:
        """A contender with one model, on its core. Farero gets a fresh copy of its project, whose log is counted at the end.

        Raises:
            CannotInstall, DidNotStart: it cannot be had.
        """
        contender = CONTENDERS[name]
        work = self.work / "run" / model.parent.name / model.name
        work.mkdir(parents=True, exist_ok=True)
        port = free_port()
        own = contender.venv is None
        root = fresh(work, model, record, port) if own else work
        begun = contender.start(python_of(self.venvs, contender.venv), model, work, port)
        if own:
            begun = _at(begun, root, work / "project", workers)
        cores = cores or str(SERVER_CORE)
        server = start(
            begun.command, port=port, ready=contender.ready(model.name), output=work / f"{name}.log", cores=cores, cwd=begun.cwd,
            environment=begun.environment,
        )  # fmt: skip
        try:
            if own:
                self._split(server, root, cores)
            yield server
        finally:
            server.stop()
            if contender.records:
                self.kept.setdefault(name, [0, 0, 0])[1] += farero_project.logged(root)
            if own:
                shutil.rmtree(root)

    def _split(self, server: Server, root: Path, cores: str) -> None:
        """Let only those processes that answer requests stay on the server's core; the others keep the load generator company."""
        server.answering = farero_project.workers(server, root)
        if "up" in server.process.args:
            self.split = bool(server.answering)
        if server.answering:
            pin(server.pids(), {LOAD_CORE})
            pin(server.answering, {int(core) for core in cores.split(",")})


def fresh(work: Path, model: Path, record: str, port: int) -> Path:
    """A copy of the project as it was after its version went into production; one a server, for several may run."""
    made = farero_project.make(work / "project", model)
    root = work / f"running-{port}"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(made, root)
    farero_project.toml(root, record)
    return root


def _at(begun: Started, root: Path, made: Path, workers: int) -> Started:
    command = [str(root) if word == str(made) else word for word in begun.command]
    if "--workers" in command:
        command[command.index("--workers") + 1] = str(workers)
    return Started(command=command, cwd=root, environment=begun.environment)


def run(bench: Bench, names: Sequence[str], models: Sequence[str], rows: Sequence[int]) -> None:
    """All rounds over all contenders; a contender that fails is left out from there on."""
    for turn in range(bench.rounds):
        for model in models:
            for name in names:
                if name not in bench.left_out:
                    try:
                        _one(bench, name, bench.model(name, model), rows, first=turn == 0)
                    except (CannotInstall, DidNotStart, Disagrees, OSError, RuntimeError) as failure:
                        bench.left_out[name] = " ".join(f"{type(failure).__name__}: {failure}".split())
                        print(f"{name} is left out: {bench.left_out[name]}", file=sys.stderr)


def _one(bench: Bench, name: str, model: Path, rows: Sequence[int], *, first: bool) -> None:
    with bench.running(name, model) as server:
        for count in rows:
            if first:
                bench.check(server, name, model, count)
            figure = bench.measure(server, name, model, count)
            bench.figures.setdefault((model.name, count, name), []).append(figure)
            failed = f", {figure.failed} FAILED" if figure.failed else ""
            apart = f" ({1e6 * figure.answering_cpu_s / figure.requests:,.1f} where it is answered)" if server.answering else ""
            print(
                f"{name:18} {model.name:9} {count:4} rows  {figure.rate:10,.1f}/s  {figure.cpu_us:9,.1f} µs CPU{apart}  "
                f"p50 {figure.p50_ms:8.2f} ms  p99 {figure.p99_ms:8.2f} ms{failed}",
                file=sys.stderr, flush=True,
            )  # fmt: skip


def medians(figures: Sequence[Figure]) -> Mapping[str, float]:
    """Of each column."""
    columns = ("rate", "cpu_us", "p50_ms", "p99_ms", "failed")
    return {name: statistics.median(getattr(figure, name) for figure in figures) for name in columns}


def versions_of(contender: Contender, venvs: Path) -> str:
    """The versions of what a contender is made of."""
    python = python_of(venvs, contender.venv)
    return ", ".join(f"{package} {version(python, package)}" for package in contender.packages)
