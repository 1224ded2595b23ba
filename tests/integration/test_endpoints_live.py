"""Endpoints of a real `farero up` with two processes: whatever is changed while requests come, each of them is answered as was said."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path

import httpx
import pytest
from tests.running import Running, make_lines, read_log, soon

SLOPES = {"1.0.0": 2.0, "1.1.0": 5.0, "1.2.0": 7.0}
SETTLED_S = 5.0
"""Each process looks twice a second; a busy machine may take longer."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_lines(tmp_path_factory.mktemp("trained") / "lines", slopes=tuple(SLOPES.values()), key="who")


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "lines")


@dataclass
class Told:
    """One answer."""

    sent: float
    got: float
    status: int
    version: str
    right: bool
    key: str


@dataclass
class Clients:
    """Ask one address from several connections until they shall stop."""

    url: str
    path: str
    count: int = 4
    told: list[Told] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Clients:
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(self.count)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def more(self, answers: int) -> None:
        """Wait for so many further answers."""
        now = time.monotonic()
        soon(lambda: sum(one.sent > now for one in self.told[-2 * answers :]) >= answers, within_s=120, what="requests are answered")

    def _ask(self, number: int) -> None:
        chance = random.Random(number)
        with httpx.Client(base_url=self.url, timeout=30) as http:
            while not self._stop.is_set():
                x, key = float(chance.randint(1, 1000)), f"C-{chance.randint(0, 200)}"
                row = {"x": x, "kind": "a", "who": key}
                sent = time.monotonic()
                # One of ten is a list: another shape of the same way.
                answer = http.post(self.path, json=row if chance.random() < 0.9 else {"rows": [row, row]})
                told = answer.json()
                version = told.get("version", "")
                given = told.get("prediction", (told.get("predictions") or [{}])[0].get("prediction"))
                right = version in SLOPES and abs(given - SLOPES[version] * x) < 1e-6
                self.told.append(Told(sent, time.monotonic(), answer.status_code, version, right, key))


def within_chance(found: int, total: int, share: float) -> bool:
    """4.5 standard deviations: one false alarm in 150,000."""
    return abs(found / total - share) <= 4.5 * sqrt(share * (1 - share) / total) + 1e-9


@pytest.mark.row("S4")
def test_ten_thousand_requests_under_constant_splitting_lose_none_and_keep_the_shares(root: Path) -> None:
    chance = random.Random(20260101)
    with Running(root, workers=2) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        ready = [{"version": number, "share": 100 if number == "1.0.0" else 0} for number in SLOPES]
        made = http.post("/v1/endpoints", json={"name": "ab", "routes": ready, "because": "all in memory, and one that answers"})
        assert (made.status_code, made.json()["revision"]) == (201, 1), made.text
        soon(lambda: loaded(server, "1.2.0") == 2, within_s=60, what="both processes have every version in memory")
        phases: list[tuple[float, float, dict[str, float]]] = [(time.monotonic(), time.monotonic(), {"1.0.0": 100.0})]
        with Clients(server.url, "/v1/endpoints/ab/predict") as clients:
            # Two long phases to count in, and many short ones between, with a change every few answers.
            for shares in ({"1.0.0": 90.0, "1.1.0": 10.0}, {"1.0.0": 50.0, "1.1.0": 30.0, "1.2.0": 20.0}):
                phases.append(split(http, shares))
                clients.more(2500)
            for _ in range(40):
                first = float(chance.randint(0, 100))
                numbers = chance.sample(sorted(SLOPES), 2)
                phases.append(split(http, {numbers[0]: first, numbers[1]: 100.0 - first}))
                clients.more(100)
            while len(clients.told) < 10_000:
                phases.append(split(http, {"1.0.0": 80.0, "1.2.0": 20.0}))
                clients.more(500)
        figures = server.figure("farero_fast_requests_total"), server.figure("farero_careful_requests_total")
    told = clients.told
    assert len(told) >= 10_000
    assert Counter(one.status for one in told) == {200: len(told)}
    assert all(one.right for one in told), "an answer is its own version's"
    assert [one for one in told if one.version not in allowed(phases, one)] == []
    for at, (_, begun, shares) in enumerate(phases):
        end = phases[at + 1][0] if at + 1 < len(phases) else told[-1].sent
        inside = Counter(one.version for one in told if one.sent > begun + SETTLED_S and one.got < end)
        total = inside.total()
        if total >= 300:
            assert all(within_chance(inside[number], total, share / 100) for number, share in shares.items()), (shares, inside)
    assert figures[0] > 0.9 * sum(figures), "the splits are made on the hot lane"
    logged = [row for row in read_log(root, "lines") if row["endpoint"] == "ab" and row["row"] == 0]
    assert Counter(str(row["version"]) for row in logged) == Counter(one.version for one in told)


def loaded(server: Running, number: str) -> float:
    """How many processes have a version in memory."""
    text = httpx.get(f"{server.url}/metrics", timeout=30).text
    found = [line for line in text.splitlines() if line.startswith("farero_model_loaded{") and f'version="{number}"' in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)


def split(http: httpx.Client, shares: dict[str, float]) -> tuple[float, float, dict[str, float]]:
    """When the change was asked for, when it was accepted, and what it is."""
    asked = time.monotonic()
    routes = [{"version": number, "share": shares.get(number, 0.0)} for number in SLOPES]
    answer = http.patch("/v1/endpoints/ab", json={"routes": routes, "because": "another split"})
    assert answer.status_code == 200, answer.text
    return asked, time.monotonic(), shares


def allowed(phases: list[tuple[float, float, dict[str, float]]], one: Told) -> set[str]:
    """The versions that some phase let answer between the request's coming, less what a process may be behind, and its answer."""
    found: set[str] = set()
    for at, (asked, _, shares) in enumerate(phases):
        over = phases[at + 1][1] + SETTLED_S if at + 1 < len(phases) else float("inf")
        if asked <= one.got and one.sent <= over:
            found |= {number for number, share in shares.items() if share > 0}
    return found


@pytest.mark.row("S4")
def test_a_key_stays_with_its_version_and_a_growing_share_keeps_its_keys(root: Path) -> None:
    with Running(root, workers=2) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        routes = [{"version": "production", "share": 75}, {"version": "1.1.0", "share": 25, "name": "canary"}]
        assert http.patch("/v1/endpoints/lines", json={"routes": routes, "sticky": True}).status_code == 200
        time.sleep(SETTLED_S)
        with Clients(server.url, "/predict") as clients:
            clients.more(1500)
        before = versions_by_key(clients.told)
        assert all(len(versions) == 1 for versions in before.values()), "one version a key, in both processes"
        canary = {key for key, versions in before.items() if versions == {"1.1.0"}}
        assert within_chance(len(canary), len(before), 0.25)
        grown = [{"version": "production", "share": 40}, {"version": "1.1.0", "share": 60, "name": "canary"}]
        assert http.patch("/v1/endpoints/lines", json={"routes": grown}).status_code == 200
        time.sleep(SETTLED_S)
        with Clients(server.url, "/predict") as clients:
            clients.more(1500)
        after = versions_by_key(clients.told)
        assert all(len(versions) == 1 for versions in after.values())
        assert canary & set(after) <= {key for key, versions in after.items() if versions == {"1.1.0"}}


def versions_by_key(told: list[Told]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in told:
        assert one.status == 200
        found.setdefault(one.key, set()).add(one.version)
    return found


@pytest.mark.row("S5")
def test_an_idle_model_leaves_memory_and_comes_back_while_requests_wait(root: Path) -> None:
    with Running(root, workers=1) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        row = {"x": 3, "kind": "a", "who": "C-1"}
        assert http.post("/predict", json=row).json()["version"] == "1.0.0"
        assert http.patch("/v1/endpoints/lines", json={"idle": "1s", "because": "seldom asked"}).json()["idle"] == "1s"
        soon(lambda: server.figure("farero_model_loaded") == 0, within_s=20, what="the model leaves memory")
        assert http.get("/health/ready").status_code == 200
        told: list[tuple[int, str]] = []
        together = threading.Barrier(100)

        def ask() -> None:
            with httpx.Client(base_url=server.url, timeout=30) as own:
                together.wait()
                answer = own.post("/predict", json=row)
                told.append((answer.status_code, answer.json().get("version", "")))

        threads = [threading.Thread(target=ask) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Counter(told) == {(200, "1.0.0"): 100}, "none is refused, though more come than may wait otherwise"

        def answers_from_memory() -> bool:
            assert http.post("/predict", json=row).status_code == 200
            return server.figure("farero_model_loaded") == 1

        soon(answers_from_memory, within_s=20, what="the model is in memory for as long as it is asked")
        soon(lambda: server.figure("farero_model_loaded") == 0, within_s=20, what="and it leaves memory again")


@pytest.mark.row("S4")
def test_shadow_versions_score_copies_in_a_log_of_their_own(root: Path) -> None:
    with Running(root, workers=1) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        assert http.patch("/v1/endpoints/lines", json={"shadow": ["1.2.0"]}).status_code == 200
        time.sleep(SETTLED_S)
        for number in range(40):
            row = {"x": number, "kind": "a", "who": f"C-{number}"}
            answer = http.post("/predict", json=row if number % 2 else {"rows": [row]}, headers={"X-Request-Id": f"r-{number}"})
            assert answer.json()["version"] == "1.0.0"
        assert http.post("/predict", content=iter([b'{"x": 50, "kind": "b"}']), headers={"X-Request-Id": "r-50"}).status_code == 200
        soon(lambda: server.figure("farero_shadow_requests_total") == 41, within_s=20, what="every copy is scored")
    own, shadow = read_log(root, "lines"), read_log(root, "lines.shadow")
    assert {str(row["version"]) for row in own} == {"1.0.0"}
    assert {str(row["version"]) for row in shadow} == {"1.2.0"}
    assert sorted(str(row["request_id"]) for row in shadow) == sorted(str(row["request_id"]) for row in own)
    by_id = {row["request_id"]: row for row in own}
    for row in shadow:
        asked = by_id[row["request_id"]]
        assert (row["input_x"], row["key"], row["endpoint"]) == (asked["input_x"], asked["key"], asked["endpoint"])
        assert float(str(row["prediction"])) == pytest.approx(3.5 * float(str(asked["prediction"])), abs=1e-6)
