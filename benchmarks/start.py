"""How long Farero takes to begin: import, `--help`, `up` until it answers. Beside each, a figure to see it by."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

BIN = Path(sys.executable).parent
RUNS = 7


def main() -> None:
    """Print the figures."""
    rows = [
        ("python -c pass", wall([sys.executable, "-c", "pass"]), "the least there is"),
        ("import farero", wall([sys.executable, "-c", "import farero"]), "target < 0.3 s"),
        ("import pandas", wall([sys.executable, "-c", "import pandas"]), "peer"),
        ("farero --help", wall([str(BIN / "farero"), "--help"]), "target < 0.3 s"),
        ("uvicorn --help", wall([str(BIN / "uvicorn"), "--help"]), "peer"),
        ("farero up until /health answers", ready_after(), "target < 3 s"),
    ]
    for name, seconds, note in rows:
        print(f"{name:34} {seconds:6.2f} s   {note}")


def wall(command: list[str]) -> float:
    """Median wall-clock time of a command [s]."""
    taken = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def ready_after() -> float:
    """From the start of the process to the first answer of an installation with a model in production [s]."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "bikes"
        farero(["new", str(folder), "--example", "bikes"])
        farero(["train", str(next((folder).glob("*.parquet"))), "--time", "ts", "--promote", "--project", str(folder)])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        begun = time.perf_counter()
        server = subprocess.Popen(
            [str(BIN / "farero"), "up", "--port", str(port), "--project", str(folder)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ,
        )  # fmt: skip
        try:
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=1):
                        return time.perf_counter() - begun
                except (urllib.error.URLError, ConnectionError):
                    if server.poll() is not None:
                        raise RuntimeError(f"the server ended with exit code {server.returncode}") from None
                    time.sleep(0.02)
        finally:
            server.terminate()
            server.wait()


def farero(arguments: list[str]) -> None:
    """Run a command and show what it said where it fails."""
    done = subprocess.run([str(BIN / "farero"), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"farero {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")


if __name__ == "__main__":
    main()
