"""Sends prepared bodies to a server and measures: wrk where it is installed, else a generator of our own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.processes import Server

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured stretch of load."""

    requests: int
    seconds: float
    failed: int
    p50_ms: float
    p99_ms: float
    cpu_s: float
    answering_cpu_s: float

    @property
    def rate(self) -> float:
        """Answered requests a second."""
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU time of all of the server's processes per request [µs]."""
        return 1e6 * self.cpu_s / max(self.requests, 1)


def generator() -> str:
    """Which one it is."""
    return "wrk" if shutil.which("wrk") else "paced.py"


def install_wrk() -> None:
    """Install wrk where this may be done and is not done; without it the slower generator in Python is used."""
    if shutil.which("wrk") or not shutil.which("apt-get"):
        return
    done = subprocess.run(["apt-get", "install", "-y", "-q", "wrk"], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"wrk could not be installed, so that benchmarks/serving/paced.py sends the requests: {done.stderr[-200:]}", file=sys.stderr)


def write_bodies(path: Path, bodies: Sequence[object]) -> Path:
    """One body a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(body, separators=(",", ":")) + "\n" for body in bodies))
    return path


def ask(port: int, path: str, body: object) -> object:
    """One request; the decoded answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def measure(
    server: Server, path: str, bodies: Path, *, connections: int = 16, seconds: int = 6, rate: float | None = None, cores: str = "1",
    urgent: bool = False,
) -> Figure:  # fmt: skip
    """Load for so long. With a rate, requests leave at about that rate: wrk lets each connection pause, paced.py goes by a clock.

    Args:
        urgent: the generator gets its core at once when it wakes, so that its own waiting is not taken for the server's.
    """
    if shutil.which("wrk"):
        pause_ms = 0 if rate is None else max(1, round(1000 * connections / rate))
        command = [
            "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(HERE / "post.lua"),
            f"http://127.0.0.1:{server.port}", "--", path, str(bodies), str(pause_ms),
        ]  # fmt: skip
    else:
        command = [sys.executable, str(HERE / "paced.py"), str(server.port), path, str(bodies)]
        command += ["--rate", str(rate or 0), "--connections", str(connections), "--seconds", str(seconds)]
    if urgent and shutil.which("chrt") and os.geteuid() == 0:
        command = ["chrt", "--rr", "1", *command]
    before, answering = server.cpu_s(), server.cpu_s(answering=True)
    done = subprocess.run(["taskset", "-c", cores, *command], capture_output=True, text=True, check=False)
    after, answering = server.cpu_s(), server.cpu_s(answering=True) - answering
    if done.returncode:
        raise RuntimeError(f"the load generator failed: {done.stderr[-300:] or done.stdout[-300:]}")
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return Figure(
        requests=told["requests"], seconds=told["seconds"], failed=told["failed"], p50_ms=told["p50_ms"], p99_ms=told["p99_ms"],
        cpu_s=after - before, answering_cpu_s=answering,
    )  # fmt: skip
