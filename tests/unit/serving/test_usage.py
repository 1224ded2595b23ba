from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from farero.serving import usage
from farero.serving.usage import disk_samples, process_samples, started_ticks


def used(pid: int) -> dict[str, float]:
    return {one.name.removeprefix("farero_process_"): one.value for one in process_samples(pid, "p")}


@pytest.mark.row("M8")
def test_a_process_uses_what_another_tool_says_it_uses() -> None:
    script = "import sys; kept = bytes(range(256)) * 40000; print(sum(range(10**6)), flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()  # from now on it waits
        found, known = used(child.pid), psutil.Process(child.pid)
        memory, spent = known.memory_full_info(), known.cpu_times()
        assert found["resident_bytes"] == pytest.approx(memory.rss, rel=0.05)
        assert found["unique_bytes"] == pytest.approx(memory.uss, rel=0.05)
        assert found["unique_bytes"] > 10_000_000
        assert found["cpu_seconds_total"] == pytest.approx(spent.user + spent.system, abs=0.02)
        assert found["cpu_seconds_total"] > 0
        assert found["start_time_seconds"] == pytest.approx(known.create_time(), abs=1.5)
        assert (found["threads"], found["open_files"]) == (1, 3)


def test_work_shows_as_processor_time() -> None:
    before, began = used(os.getpid())["cpu_seconds_total"], time.process_time()
    while time.process_time() - began < 0.1:
        pass
    assert used(os.getpid())["cpu_seconds_total"] - before >= 0.05


def test_a_process_that_ended_uses_nothing_and_has_no_start() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert (process_samples(ended.pid, "p"), started_ticks(ended.pid)) == ([], None)  # it still has its number
    ended.wait()
    assert (process_samples(ended.pid, "p"), started_ticks(ended.pid)) == ([], None)


def test_a_process_s_own_memory_is_asked_for_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([1, 2, 3])
    moments = iter((1000.0, 1059.0, 1061.0, 1120.0, 1122.0))
    monkeypatch.setattr(usage, "_known", {})
    monkeypatch.setattr(usage, "_unique", lambda pid: next(sizes))
    monkeypatch.setattr(usage.time, "monotonic", lambda: next(moments))
    assert [used(os.getpid())["unique_bytes"] for _ in range(5)] == [1, 1, 2, 2, 3]
    assert len(usage._known) == 1


def test_two_processes_started_at_different_times() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    mine, other = started_ticks(os.getpid()), started_ticks(child.pid)
    child.communicate()
    assert mine is not None and other is not None
    assert mine <= other


def test_the_disk_has_a_size_and_something_free(tmp_path: Path) -> None:
    free, total = disk_samples(tmp_path)
    assert (free.name, total.name) == ("farero_disk_free_bytes", "farero_disk_total_bytes")
    assert 0 < free.value < total.value == shutil.disk_usage(tmp_path).total
