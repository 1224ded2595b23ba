"""Processes of a server: started on a core of their own, watched through /proc, ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

READY_WITHIN_S = 90.0
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
"""One core is all a server gets; threads of a numeric library would only stand in each other's way."""
QUIET = {"DO_NOT_TRACK": "1", "BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONUNBUFFERED": "1"}


class DidNotStart(Exception):
    """A server ended, or did not answer in time; the message says what it wrote last."""


@dataclass
class Server:
    """A running server with all of its processes."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path
    answering: list[int] = field(default_factory=list)
    """The processes that answer requests, where the server tells; else all of its processes count as such."""

    def pids(self) -> list[int]:
        """The process and everything below it."""
        try:
            whole = psutil.Process(self.process.pid)
            return [whole.pid, *(child.pid for child in whole.children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    def cpu_s(self, *, answering: bool = False) -> float:
        """CPU time that its living processes have used [s]; of those that answer requests only, where wanted."""
        return sum(cpu_s(pid) for pid in (self.answering if answering and self.answering else self.pids()))

    def stop(self) -> None:
        """End it and everything below it."""
        pids = self.pids()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            pass  # killed below, with what else is left
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()


def start(command: Sequence[str], *, port: int, ready: str, output: Path, cores: str, cwd: Path, environment: Mapping[str, str]) -> Server:
    """Start a server on these cores, and wait until `ready` is answered with 200.

    Raises:
        DidNotStart: it did not.
    """
    # What is set for this process's own Python must not reach the Python of another environment.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    with output.open("wb") as said:
        process = subprocess.Popen(
            ["taskset", "-c", cores, *command], stdout=said, stderr=said, stdin=subprocess.DEVNULL, cwd=cwd,
            env=kept | ONE_THREAD | QUIET | environment,
        )  # fmt: skip
    server = Server(process=process, port=port, output=output)
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=2) as answer:
                if answer.status == 200:
                    return server
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.1)
    why = f"exit code {process.returncode}" if process.poll() is not None else f"no answer within {READY_WITHIN_S:.0f} s"
    server.stop()
    raise DidNotStart(f"{why}: …{output.read_text(errors='replace')[-400:].strip()}")


def pin(pids: Sequence[int], cores: set[int]) -> None:
    """Let these processes, all their threads included, run on these cores only."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*"):
            try:
                os.sched_setaffinity(int(task.name), cores)
            except ProcessLookupError:
                continue


def cpu_s(pid: int) -> float:
    """User and system time of one process, its ended threads included [s]; 10 ms is the finest that Linux tells."""
    try:
        # The command's name stands in brackets and may hold spaces: count from behind it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> dict[str, float]:
    """Proportional and unique memory of a process [MiB]: shared pages divided among those who share them, and left out."""
    sums = {"pss": 0.0, "uss": 0.0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == "Pss":
            sums["pss"] += int(rest.split()[0]) / 1024
        elif name in ("Private_Clean", "Private_Dirty"):
            sums["uss"] += int(rest.split()[0]) / 1024
    return sums
