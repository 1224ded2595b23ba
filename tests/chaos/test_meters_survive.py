"""Figures of a process that is killed while it counts: they can be read, they go on, and they never fall."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from farero.serving.meters import read_all


def figures(folder: Path) -> dict[tuple[str, ...], float]:
    return {(one.name, *one.labels): one.value for one in read_all(folder) if one.name == "farero_errors_total"}


@pytest.mark.row("M8")
def test_a_process_killed_at_any_moment_leaves_a_file_that_is_read_and_continued(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from farero.serving.meters import Meters\n"
        "meters = Meters(Path(sys.argv[1]), 'worker-1'); print(flush=True)\n"
        "for number in range(100000):\n"
        "    meters.counter('farero_errors_total', code=f'{sys.argv[2]}-{number % 500}').add(); meters.publish()\n"
    )
    before: dict[tuple[str, ...], float] = {}
    for turn in range(4):
        with subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(turn)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            looks = 0
            while looks < 5:
                now = figures(tmp_path)
                looks += any(key[1].startswith(f"{turn}-") for key in now)  # once it has begun to count
                assert all(now[key] >= count for key, count in before.items())
                before = now
            os.kill(child.pid, signal.SIGKILL)
    after = figures(tmp_path)
    assert all(after[key] >= count for key, count in before.items())
    assert len({key[1].partition("-")[0] for key in after}) == 4
