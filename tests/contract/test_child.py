"""Every way to run a job keeps the promises of `ports.Child`. What only a process can promise is tested in tests/integration."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract import jobs

from farero.adapters.child_process import ChildProcess, _Output
from farero.adapters.inline_child import InlineChild
from farero.core.masking import Mask
from farero.errors import TrainFailed
from farero.ports import Child, Limits

SECRET = "hunter22-and-more"
LIMITS = Limits(timeout_s=60, memory_bytes=1 << 30)


@pytest.fixture(scope="module")
def process() -> Iterator[ChildProcess]:
    child = ChildProcess(preload=())
    yield child
    child.close()


@pytest.fixture(params=["process", "inline"])
def child(request: pytest.FixtureRequest, process: ChildProcess) -> Child:
    return process if request.param == "process" else InlineChild()


@pytest.fixture(scope="module")
def discreet_process() -> Iterator[ChildProcess]:
    child = ChildProcess(preload=(), hide=Mask.of([SECRET]))
    yield child
    child.close()


@pytest.fixture(params=["process", "inline"])
def discreet(request: pytest.FixtureRequest, discreet_process: ChildProcess) -> Child:
    return discreet_process if request.param == "process" else InlineChild(hide=Mask.of([SECRET]))


@pytest.mark.row("R5")
def test_what_a_job_leaves_in_the_folder_is_its_result(child: Child, tmp_path: Path) -> None:
    child.run(jobs.leave_a_file, tmp_path, LIMITS)
    assert (tmp_path / "result.txt").read_text() == "done"


def test_what_a_job_prints_is_kept_and_told_line_by_line(child: Child, tmp_path: Path) -> None:
    told: list[str] = []
    child.run(jobs.print_lines, tmp_path, LIMITS, told.append)
    assert told == ["first", "second", "third"]
    assert (tmp_path / "output.txt").read_text() == "first\nsecond\nthird\n"


def test_of_a_job_that_prints_a_lot_the_end_is_kept(child: Child, tmp_path: Path) -> None:
    child.run(jobs.print_a_lot, tmp_path, LIMITS)
    output = (tmp_path / "output.txt").read_text()
    assert len(output) == 64 << 10
    assert output.endswith("line 199998\nline 199999\n")


@pytest.mark.parametrize("block", [1000, 4097, 65_536, 300_000])
def test_as_much_is_kept_wherever_the_last_block_ends(block: int) -> None:
    printed = b"".join(b"line %d\n" % number for number in range(60_000))
    for size in (len(printed), len(printed) - 5, (4 << 16) + 1, (4 << 16) + 3):
        output = _Output(None, str)
        for start in range(0, size, block):
            output.add(printed[start : min(start + block, size)])
        assert output.kept() == printed[:size][-(64 << 10) :]


@pytest.mark.row("R5")
def test_an_exception_comes_back_with_type_message_and_place(child: Child, tmp_path: Path) -> None:
    with pytest.raises(TrainFailed, match="train raised ValueError: no such column: tenure") as caught:
        child.run(jobs.fail, tmp_path, LIMITS)
    assert 'jobs.py", line' in str(caught.value)
    assert "in fail" in str(caught.value)
    assert "adapters" not in str(caught.value), "our own frames say nothing to the user"
    assert caught.value.context["error"] == "ValueError"
    assert caught.value.context["ending"] == "raised"


def test_the_cause_of_an_exception_comes_back_too(child: Child, tmp_path: Path) -> None:
    with pytest.raises(TrainFailed, match="KeyError: 'tenure'"):
        child.run(jobs.fail_with_a_cause, tmp_path, LIMITS)


def test_an_exception_that_cannot_be_pickled_comes_back(child: Child, tmp_path: Path) -> None:
    with pytest.raises(TrainFailed, match="Odd: odd"):
        child.run(jobs.fail_with_an_exception_of_its_own, tmp_path, LIMITS)


def test_an_exception_that_cannot_even_be_printed_is_a_failure(child: Child, tmp_path: Path) -> None:
    with pytest.raises(TrainFailed, match="train raised"):
        child.run(jobs.fail_unspeakably, tmp_path, LIMITS)


def test_a_refusal_of_ours_keeps_its_words(child: Child, tmp_path: Path) -> None:
    with pytest.raises(TrainFailed) as caught:
        child.run(jobs.refuse, tmp_path, LIMITS)
    assert caught.value.message == "train returned a list."
    assert caught.value.hint == "Return a fitted model."


@pytest.mark.parametrize(("job", "status"), [(jobs.call_sys_exit, "3"), (jobs.call_sys_exit_zero, "0")])
def test_sys_exit_is_a_failure_whatever_its_status(child: Child, tmp_path: Path, job: object, status: str) -> None:
    with pytest.raises(TrainFailed, match=rf"train called sys\.exit\({status}\)"):
        child.run(job, tmp_path, LIMITS)  # type: ignore[arg-type]


def test_running_out_of_memory_says_so(child: Child, tmp_path: Path) -> None:
    with pytest.raises(TrainFailed, match="train ran out of memory") as caught:
        child.run(jobs.eat_memory_with_numpy, tmp_path, LIMITS)
    assert "memory_mb" in str(caught.value)


def test_the_output_is_kept_after_a_failure(child: Child, tmp_path: Path) -> None:
    with pytest.raises(TrainFailed):
        child.run(jobs.fail, tmp_path, LIMITS)
    assert (tmp_path / "output.txt").exists()


@pytest.mark.row("R5")
def test_secrets_that_a_job_prints_are_neither_told_nor_kept(discreet: Child, tmp_path: Path) -> None:
    told: list[str] = []
    discreet.run(jobs.print_a_secret, tmp_path, LIMITS, told.append)
    assert told == ["token is ***", "url postgresql://ana:***@host/db", "no end of line, ***"]
    assert (tmp_path / "output.txt").read_text() == "\n".join(told)


@pytest.mark.row("R5")
def test_secrets_in_an_exception_are_hidden_in_its_message_and_its_traceback(discreet: Child, tmp_path: Path) -> None:
    with pytest.raises(TrainFailed, match=r"cannot log in with \*\*\*") as caught:
        discreet.run(jobs.raise_a_secret, tmp_path, LIMITS)
    assert SECRET not in str(caught.value) and SECRET not in str(caught.value.context)


@pytest.mark.row("R5")
def test_secrets_in_the_last_output_of_a_process_that_died_are_hidden(discreet_process: ChildProcess, tmp_path: Path) -> None:
    with pytest.raises(TrainFailed, match=r"token is \*\*\*") as caught:
        discreet_process.run(jobs.print_a_secret_and_vanish, tmp_path, LIMITS)
    assert SECRET not in str(caught.value)


@pytest.mark.row("R5", "R13")
def test_closing_ends_a_job_that_runs_and_leaves_room_for_others(tmp_path: Path) -> None:
    child = ChildProcess(preload=())
    working, ended = threading.Event(), threading.Event()
    failures: list[TrainFailed] = []

    def wait() -> None:
        try:
            child.run(jobs.hang, tmp_path, LIMITS, lambda line: working.set())
        except TrainFailed as failure:
            failures.append(failure)
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    assert working.wait(60)
    child.close()
    assert ended.wait(60)
    assert "SIGKILL" in str(failures[0])
    child.run(jobs.leave_a_file, tmp_path, LIMITS)
    child.close()
    assert (tmp_path / "result.txt").read_text() == "done"
