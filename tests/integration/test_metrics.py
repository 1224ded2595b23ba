"""What Prometheus scrapes from a running service: figures of all processes, whichever answers, that outlive a killed one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from typer.testing import CliRunner

from farero.cli.main import app as cli
from farero.server.supervisor import PEOPLE

PROJECT = '''
"""A line through the origin."""
import farero as fa
from sklearn.linear_model import LinearRegression


class Point(fa.Features):
    x: float = fa.number(min=0, max=1000)


def train(data: fa.TrainingSet) -> fa.Regressor:
    return LinearRegression().fit(data.X[["x"]], data.y)


project = fa.Project(model="points", features=Point, train=train, label=fa.Number("y", arrives_within="1d"))
'''


def scrape(address: str, **headers: str) -> dict[tuple[str, ...], float]:
    """Every value by its name and labels. The connection is a new one, so that any process may answer."""
    text = httpx.get(f"{address}/metrics", headers=headers, timeout=10).text
    read = parse_openmetrics if text.endswith("# EOF\n") else parse
    return {(one.name, *sorted(one.labels.values())): one.value for family in read(text) for one in family.samples}


def until(address: str, holds: Callable[[dict[tuple[str, ...], float]], bool]) -> dict[tuple[str, ...], float]:
    """The first scrape of which it holds; processes publish four times a second."""
    deadline = time.monotonic() + 20
    while not holds(found := scrape(address)):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def first_worker(root: Path) -> int:
    """The process that is `worker-1`."""
    pid: int = json.loads((root / PEOPLE).read_text())["workers"][0]
    return pid


def predict(address: str, times: int, **row: object) -> list[int]:
    return [httpx.post(f"{address}/predict", json=row, timeout=20).status_code for _ in range(times)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with a version in production."""
    root = tmp_path_factory.mktemp("points")
    (root / "farero.toml").write_text('project = "project.py:project"\n')
    (root / "project.py").write_text(PROJECT)
    (root / "rows.csv").write_text("\n".join(["x,y", *(f"{x},{2 * x}" for x in range(1, 61))]) + "\n")
    done = CliRunner().invoke(cli, ["train", str(root / "rows.csv"), "--promote", "--because", "first", "--project", str(root)])
    assert done.exit_code == 0, done.output
    return root


@pytest.fixture(scope="module")
def address(root: Path) -> Iterator[str]:
    """A running service with two processes that answer."""
    command = [sys.executable, "-m", "farero", "up", "--project", str(root), "--port", "0", "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as server:
        assert server.stderr is not None
        try:
            up = None
            while up is None:
                line = server.stderr.readline()
                assert line, "the service did not come up"
                up = re.search(r"Farero is up: (http://[\d.]+:\d+)", line)
            yield up[1]
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=20)


@pytest.mark.row("M8")
def test_requests_of_all_processes_are_counted_by_what_became_of_them(address: str) -> None:
    before = scrape(address)
    assert predict(address, 12, x=5) == [200] * 12
    assert predict(address, 3, x=-5) == [422] * 3
    rows = ("farero_prediction_rows_total", "1.0.0", "points")
    answered, refused = (("farero_requests_total", "/predict", code) for code in ("200", "422"))

    def all_counted(now: dict[tuple[str, ...], float]) -> bool:
        return now.get(rows, 0) - before.get(rows, 0) == 12 and now.get(refused, 0) - before.get(refused, 0) == 3

    now = until(address, all_counted)
    assert now[answered] - before.get(answered, 0) == 12
    assert now["farero_request_seconds_count", "/predict"] == now[answered] + now[refused]
    assert now["farero_request_seconds_bucket", "+Inf", "/predict"] == now["farero_request_seconds_count", "/predict"]
    assert 0 < now["farero_request_seconds_sum", "/predict"] < 15 * 10
    lanes = [now.get((f"farero_{lane}_requests_total", "points"), 0) for lane in ("fast", "careful")]
    assert sum(lanes) == now["farero_predictions_total", "1.0.0", "points"]


@pytest.mark.row("M8")
def test_every_process_shows_memory_and_processor_time(address: str) -> None:
    found = until(address, lambda now: ("farero_disk_free_bytes",) in now)  # the keeper looks at the disk in its own time
    for process in ("supervisor", "keeper", "worker-1", "worker-2"):
        assert found["farero_process_resident_bytes", process] > found["farero_process_unique_bytes", process] > 0
        assert found["farero_process_cpu_seconds_total", process] > 0
    assert 0 < found["farero_disk_free_bytes",] < found["farero_disk_total_bytes",]
    assert found["farero_uptime_seconds",] > 0


def test_the_service_says_the_same_in_openmetrics(address: str) -> None:
    plain = scrape(address)
    opened = scrape(address, Accept="application/openmetrics-text; version=1.0.0")
    assert set(plain) <= set(opened) | {key for key in plain if key[0] == "farero_connections_open"}


@pytest.mark.row("M8")
def test_counts_do_not_fall_when_a_process_is_killed(address: str, root: Path) -> None:
    assert predict(address, 20, x=7) == [200] * 20
    time.sleep(0.6)  # so that every process has published
    before = scrape(address)
    first = first_worker(root)
    os.kill(first, signal.SIGKILL)
    after = until(address, lambda now: now.get(("farero_worker_restarts_total",), 0) == 1)
    counters = [key for key in before if key[0].endswith(("_total", "_count", "_bucket")) and not key[0].startswith("farero_process_")]
    assert [key for key in counters if after[key] < before[key]] == []
    assert until(address, lambda now: ("farero_process_threads", "worker-1") in now)
    assert first_worker(root) != first
