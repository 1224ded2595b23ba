"""The server is killed again and again under load: what was acknowledged is in the log exactly once, and production always loads."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import httpx
import pytest

from farero.wiring import open_app

ROUNDS = 30
SEED = 20260101


class _Server:
    """One `farero up` in a process of its own, on a free port."""

    def __init__(self, root: Path) -> None:
        command = [sys.executable, "-m", "farero", "up", "--project", str(root), "--port", "0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.url = self._wait()
        self._drain = threading.Thread(target=self._read_on, daemon=True)
        self._drain.start()

    def _wait(self) -> str:
        assert self.process.stderr is not None
        seen: list[str] = []
        for line in self.process.stderr:
            seen.append(line)
            if found := re.search(r"Farero is up: (http://[\d.]+:\d+)", line):
                return found[1]
        raise AssertionError("the server ended before it was up:\n" + "".join(seen))

    def _read_on(self) -> None:
        assert self.process.stderr is not None
        for _ in self.process.stderr:
            pass

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._drain.join()
        assert self.process.stderr is not None
        self.process.stderr.close()


def _load(url: str, round_number: int, client: int, acknowledged: list[tuple[str, int]], stop: threading.Event, seed: int) -> None:
    chance = random.Random(seed)
    with httpx.Client(base_url=url, timeout=10) as http:
        for number in range(10_000):
            if stop.is_set():
                return
            count = chance.choice([1, 1, 1, 5])
            request_id = f"r{round_number}-c{client}-{number}"
            rows = [{"x": chance.uniform(0, 10), "kind": chance.choice(["a", "b"])} for _ in range(count)]
            try:
                answer = http.post("/predict", json={"rows": rows}, headers={"X-Request-Id": request_id})
            except httpx.TransportError:
                return  # killed before it answered: recorded or not, nobody was told
            if answer.status_code == 200:
                acknowledged.append((request_id, count))
            else:
                assert answer.status_code == 503, answer.text


@pytest.mark.row("L1")
def test_thirty_kills_under_load_lose_nothing_and_double_nothing(small_project: Path) -> None:
    chance = random.Random(SEED)
    acknowledged: list[tuple[str, int]] = []
    for round_number in range(ROUNDS):
        server = _Server(small_project)
        stop = threading.Event()
        clients = [
            threading.Thread(target=_load, args=(server.url, round_number, client, acknowledged, stop, SEED + 100 * round_number + client))
            for client in range(3)
        ]
        for client in clients:
            client.start()
        # The one sleep there is: the kill must come at a random moment of the load.
        threading.Event().wait(chance.uniform(0.05, 0.6))
        server.kill()
        stop.set()
        for client in clients:
            client.join()
    app = open_app(small_project)
    try:
        app.tick()
        health = app.health()
        table = app._log.read("small")
    finally:
        app.close()
    recorded = Counter(zip(table["request_id"].to_pylist(), table["row"].to_pylist(), strict=True))
    assert len(acknowledged) > 5 * ROUNDS, "too few requests came through to prove anything"
    missing = [(request_id, row) for request_id, count in acknowledged for row in range(count) if (request_id, row) not in recorded]
    assert missing == []
    assert [entry for entry, times in recorded.items() if times > 1] == []
    assert health.models[0].loaded
