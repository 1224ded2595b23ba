"""A train function in a real child process: whatever it does, this process goes on, knows what happened, and nothing is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.contract import jobs

from farero.adapters.child_process import ChildProcess
from farero.errors import TrainFailed
from farero.ports import Limits

ROOT = Path(__file__).parents[2]
LIMITS = Limits(timeout_s=60, memory_bytes=256 << 20)
SHORT = Limits(timeout_s=0.3, memory_bytes=256 << 20)

pytestmark = pytest.mark.row("R5")


@pytest.fixture(scope="module")
def child() -> Iterator[ChildProcess]:
    made = ChildProcess(preload=())
    yield made
    made.close()


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize(
    ("job", "limits", "ending", "says"),
    [
        (jobs.hang, SHORT, "timeout", r"train did not end within 0\.3 s and was stopped"),
        (jobs.hang_and_ignore_signals, SHORT, "timeout", "raise timeout_s"),
        (jobs.eat_memory, LIMITS, "memory", "train ran out of memory: it may use 256 MiB"),
        (jobs.vanish, LIMITS, "vanished", "train ended its process with status 0 before it returned"),
        (jobs.kill_itself, LIMITS, "signal", "train was killed by SIGKILL"),
        (jobs.crash, LIMITS, "signal", "train was killed by SIGSEGV: native code of a library crashed"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_bad_end_is_told_apart(
    child: ChildProcess, tmp_path: Path, job: Callable[[Path], None], limits: Limits, ending: str, says: str
) -> None:
    with pytest.raises(TrainFailed, match=says) as caught:
        child.run(job, tmp_path, limits)
    assert caught.value.context["ending"] == ending
    child.run(jobs.leave_a_file, tmp_path, LIMITS)
    assert (tmp_path / "result.txt").read_text() == "done", "the next job runs as if nothing had been"


def test_a_job_that_hangs_is_told_with_its_place_and_its_last_output(child: ChildProcess, tmp_path: Path) -> None:
    with pytest.raises(TrainFailed) as caught:
        child.run(jobs.hang, tmp_path, SHORT)
    assert "working" in str(caught.value)
    assert "in hang" in str(caught.value)
    assert "child_server" not in str(caught.value)


def test_the_memory_it_used_is_measured(child: ChildProcess, tmp_path: Path) -> None:
    with pytest.raises(TrainFailed) as caught:
        child.run(jobs.eat_memory, tmp_path, LIMITS)
    peak = caught.value.context["peak_bytes"]
    assert isinstance(peak, int)
    assert 128 << 20 < peak < 1 << 30


@pytest.mark.parametrize("job", [jobs.leave_a_process_behind, jobs.leave_a_daemon_behind])
def test_what_a_job_leaves_running_ends_with_it(child: ChildProcess, tmp_path: Path, job: Callable[[Path], None]) -> None:
    child.run(job, tmp_path, LIMITS)
    assert _is_gone(int((tmp_path / "left.pid").read_text()))


@pytest.mark.parametrize(
    "job", [jobs.fork_and_both_return, jobs.fork_and_the_child_fails, jobs.leave_a_thread_behind, jobs.close_the_output]
)
def test_only_the_job_itself_decides_how_it_ended(child: ChildProcess, tmp_path: Path, job: Callable[[Path], None]) -> None:
    child.run(job, tmp_path, LIMITS)
    assert (tmp_path / "result.txt").read_text() == "done"


def test_output_that_is_no_text_is_kept_as_it_is(child: ChildProcess, tmp_path: Path) -> None:
    told: list[str] = []
    child.run(jobs.print_bytes_that_are_no_text, tmp_path, LIMITS, told.append)
    assert (tmp_path / "output.txt").read_bytes() == b"\xff\xfe broken\n"
    assert told == ["�� broken"]


def test_a_job_runs_apart_in_the_same_folder_with_the_same_environment(
    child: ChildProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FARERO_TEST_VARIABLE", "set after the server began")
    child.run(jobs.tell_where, tmp_path, LIMITS)
    pid, where, *rest = (tmp_path / "where.txt").read_text().split()
    assert int(pid) != os.getpid()
    assert Path(where) == tmp_path
    assert " ".join(rest) == "set after the server began False"


def test_jobs_run_from_threads_and_beside_each_other(child: ChildProcess, tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(6)]
    threads = [threading.Thread(target=child.run, args=(jobs.leave_a_file, folder, LIMITS)) for folder in folders]
    for folder, thread in zip(folders, threads, strict=True):
        folder.mkdir()
        thread.start()
    for thread in threads:
        thread.join()
    assert [(folder / "result.txt").read_text() for folder in folders] == ["done"] * 6


def test_a_server_that_was_killed_is_started_again(tmp_path: Path) -> None:
    child = ChildProcess(preload=())
    child.run(jobs.leave_a_file, tmp_path, LIMITS)
    (server,) = [process for process in psutil.Process().children() if process.pid == child.server_pid]
    server.kill()
    server.wait()
    (tmp_path / "result.txt").unlink()
    child.run(jobs.leave_a_file, tmp_path, LIMITS)
    assert (tmp_path / "result.txt").read_text() == "done"
    child.close()


def test_an_interrupted_wait_ends_the_job(child: ChildProcess, tmp_path: Path) -> None:
    seen: list[int] = []

    def interrupt(line: str) -> None:
        seen.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        child.run(jobs.announce_and_hang, tmp_path, LIMITS, interrupt)
    assert _is_gone(seen[0])


def test_when_this_process_is_killed_its_job_dies_too(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from farero.adapters.child_process import ChildProcess; from farero.ports import Limits;"
        "from tests.contract import jobs;"
        f"ChildProcess(preload=()).run(jobs.announce_and_hang, Path({str(tmp_path)!r}), Limits(), lambda line: print(line, flush=True))"
    )
    caller = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    with caller.stdout:
        job = psutil.Process(int(caller.stdout.readline()))
        caller.send_signal(signal.SIGKILL)
        caller.wait()
    gone, alive = psutil.wait_procs([job], timeout=30)
    assert (len(gone), alive) == (1, [])


def test_the_main_module_of_the_caller_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"  # with no `if __name__ == "__main__"`, as scripts are
    script.write_text(
        "import sys; from pathlib import Path; from farero.adapters.child_process import ChildProcess\n"
        "from farero.ports import Limits; from tests.contract import jobs\n"
        "print('ran')\n"
        f"ChildProcess(preload=()).run(jobs.tell_main, Path({str(tmp_path)!r}), Limits(timeout_s=60))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.stdout == "ran\n"
    assert str(script) not in (tmp_path / "main.txt").read_text()


def test_a_job_that_no_other_process_can_import_is_refused(child: ChildProcess, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="put it in a module of its own"):
        child.run(lambda folder: None, tmp_path, LIMITS)
