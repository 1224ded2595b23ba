"""A process's name says, on the same machine, whether it has ended; of another machine's nothing is claimed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from farero.adapters.processes import is_gone, this_process

NAME = "from farero.adapters.processes import this_process; print(this_process(), flush=True); input()"


@pytest.mark.row("R13")
def test_a_process_is_gone_once_it_has_ended_and_not_before() -> None:
    child = subprocess.Popen([sys.executable, "-c", NAME], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    name = child.stdout.readline().strip()
    assert not is_gone(name)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet waited for
    assert is_gone(name)
    child.communicate()
    assert is_gone(name)


def test_a_number_that_was_given_to_another_process_is_not_taken_for_the_old_one() -> None:
    host, machine, pid, began, _ = this_process().rsplit(":", 4)
    assert not is_gone(f"{host}:{machine}:{pid}:{began}:00000000")
    assert is_gone(f"{host}:{machine}:{pid}:{int(began) - 1}:00000000")


def test_nothing_is_claimed_of_other_machines_other_containers_and_names_that_are_none() -> None:
    host, machine, _, _, _ = this_process().rsplit(":", 4)
    assert not is_gone(f"elsewhere:{machine}:1:1:0")
    assert not is_gone(f"{host}:{machine}9:999999:1:0")
    assert not is_gone("bench")
    assert not is_gone("")


def test_no_two_names_are_equal() -> None:
    assert this_process() != this_process()
