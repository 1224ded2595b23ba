from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.project.folder import GOOD, make, with_train

from farero.project import rehearsal, source
from farero.project.load import check


def _trial(root: Path, body: str, timeout_s: float = 60.0, memory_mb: int = 2048) -> str:
    make(root, with_train(body))
    recipe = source.recipe(root, "project.py:project")
    listed = rehearsal.trial(recipe, root, "project.py:24 train", timeout_s=timeout_s, memory_mb=memory_mb)
    return "\n".join(map(str, listed))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return Model(0.5)", ""),
        (
            "return Model(data.X['tenure'].fillna(0).iloc[0] / 0 * 0 + missing_name)",
            "project.py:25 train: failed on a made-up sample of 200 rows: NameError",
        ),
        ("return 3", "project.py:24 train: failed on a made-up sample: train returned a int, which has no predict"),
        ("raise SystemExit(0)", "project.py:25 train: failed on a made-up sample of 200 rows: SystemExit"),
        ("import os\nprint('last words')\nos._exit(0)", "ended its process before it returned on a made-up sample; its last words"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "was killed by signal 9"),
    ],
)
def test_a_trial_says_what_went_wrong_and_where(tmp_path: Path, body: str, says: str) -> None:
    found = _trial(tmp_path, body)
    assert says in found
    assert bool(says) == bool(found)


def test_a_trial_that_hangs_is_ended(tmp_path: Path) -> None:
    found = _trial(tmp_path, "import threading\nthreading.Event().wait()", timeout_s=0.5)
    assert "did not end within 0.5 s" in found


HOLD = "import fcntl, os, threading\nheld = open('held', 'w')\nfcntl.flock(held, fcntl.LOCK_EX)\n"


def _wait_for_its_end(root: Path) -> None:
    """Comes back once no process holds the lock any more: the last that had it is dead."""
    with (root / "held").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)


def test_a_trial_does_not_wait_for_what_train_left_running_and_ends_it(tmp_path: Path) -> None:
    assert _trial(tmp_path, HOLD + "if os.fork() == 0:\n    threading.Event().wait()\nreturn Model(0.5)") == ""
    _wait_for_its_end(tmp_path)


def test_a_train_that_takes_too_much_memory_is_told_so(tmp_path: Path) -> None:
    found = _trial(tmp_path, "kept = []\nwhile True:\n    kept.append(bytes(1 << 24))", memory_mb=256)
    assert found.startswith("project.py:27 train: ran out of memory: 200 made-up rows took more than 256 MiB")


def test_a_check_that_is_ended_ends_its_trial(tmp_path: Path) -> None:
    make(tmp_path, with_train(HOLD + "open('told', 'w').write('1')\nthreading.Event().wait()"))
    os.mkfifo(tmp_path / "told")
    script = "import pathlib, sys; from farero.project.load import check; check(pathlib.Path(sys.argv[1]))"
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) as checking:
        assert (tmp_path / "told").read_text() == "1"  # train runs
        checking.send_signal(signal.SIGTERM)
        assert checking.wait(timeout=30) == -signal.SIGTERM
    _wait_for_its_end(tmp_path)


def test_a_project_file_that_ends_the_process_is_a_fault(tmp_path: Path) -> None:
    make(tmp_path, GOOD + "import os\nos._exit(0)\n")
    (fault,) = check(tmp_path)
    assert (fault.path, fault.code) == ("project.py:1", "ended")
    assert "ended the process" in fault.message


def test_a_project_file_that_does_not_end_is_a_fault_with_its_line(tmp_path: Path) -> None:
    make(tmp_path, "import threading\n\nthreading.Event().wait()\n")
    (fault,) = rehearsal.look(tmp_path, timeout_s=5.0).faults
    assert (fault.path, fault.code) == ("project.py:3", "no-end")
    assert "did not end within 5 s" in fault.message
