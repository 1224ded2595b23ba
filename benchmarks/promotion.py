"""How soon every worker of a running service answers with another version: after a promotion, and after a rollback, under load.

    python benchmarks/promotion.py [--workers 2] [--rounds 10]

A real `farero up`; clients ask all the while over connections of their own, so that each worker is heard. The time runs from the moment
the command is given until the last answer that still came from the version before. Two ways to give it: over HTTP, and by the command
`farero rollback`, whose own start is counted apart.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.running import Running, make_lines  # noqa: E402 (the tests' own service)

CLIENTS = 4
SETTLED_S = 3.0


@dataclass
class Clients:
    """Asks from several threads, each request over a connection of its own."""

    url: str
    answers: list[tuple[float, float, int, str]] = field(default_factory=list)
    """When it was sent, when it was answered, status and version."""

    def __post_init__(self) -> None:
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def _ask(self) -> None:
        while not self.ending.is_set():
            sent = time.monotonic()
            try:
                answer = httpx.post(f"{self.url}/predict", json={"x": 3.0, "kind": "a"}, timeout=20)
                told = answer.json().get("version", "") if answer.status_code == 200 else ""
                self.answers.append((sent, time.monotonic(), answer.status_code, told))
            except httpx.TransportError:
                self.answers.append((sent, time.monotonic(), 0, ""))


def last_of(clients: Clients, version: str, since: float) -> float:
    """How long after `since` a request was sent that this version still answered [s]."""
    late = [sent - since for sent, _, _, told in clients.answers if told == version and sent > since]
    return max(late, default=0.0)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    asked = parser.parse_args()
    figures: dict[str, list[float]] = {"promotion": [], "rollback": [], "rollback, its command": []}
    with tempfile.TemporaryDirectory() as name:
        root = make_lines(Path(name) / "lines", slopes=(2.0, 5.0))
        with Running(root, workers=asked.workers) as server:
            clients = Clients(server.url)
            time.sleep(SETTLED_S)
            for number in range(asked.rounds):
                begun = time.monotonic()
                promoted = httpx.post(f"{server.url}/v1/models/lines/versions/1.1.0/promote", json={"because": "round"}, timeout=20)
                assert promoted.status_code == 200, promoted.text
                time.sleep(SETTLED_S)
                figures["promotion"].append(last_of(clients, "1.0.0", begun))
                begun = time.monotonic()
                if number % 2:
                    command = [sys.executable, "-m", "farero", "rollback", "--because", "round", "--project", str(root)]
                    subprocess.run(command, check=True, capture_output=True)
                    figures["rollback, its command"].append(time.monotonic() - begun)
                else:
                    back = httpx.post(f"{server.url}/v1/models/lines/rollback", json={"because": "round"}, timeout=20)
                    assert back.status_code == 200, back.text
                    time.sleep(SETTLED_S)
                    figures["rollback"].append(last_of(clients, "1.1.0", begun))
                time.sleep(SETTLED_S)
            clients.end()
    failed = [one for one in clients.answers if one[2] != 200]
    print(f"{asked.workers} workers, {len(clients.answers)} requests by {CLIENTS} clients, {len(failed)} failed")
    for what, taken in figures.items():
        if taken:
            print(f"{what:24} median {statistics.median(taken):5.2f} s   worst {max(taken):5.2f} s   of {len(taken)}")


if __name__ == "__main__":
    main()
