"""`kill -9` of whoever records and whoever hands over: every acknowledged record is in Delta exactly once afterwards."""

from __future__ import annotations

import os
import random
import select
import selectors
import signal
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest
from tests.chaos.spool_processes import BATCH, GROUP
from tests.records import SHAPES

from farero.adapters.delta_log import DeltaLog
from farero.flow.record import hand_over
from farero.serving.segment import corrupt_segments, segments

ROOT = Path(__file__).parents[2]
MERGE_POINTS = (
    "before the disk has a merge", "before merged files are removed", "after merged files are removed", "after a checkpoint",
)  # fmt: skip
POINTS = ("before the first transaction", "after the first transaction", "after the second transaction", "after the first removal")


class Nursery:
    """Starts processes, and knows how they ended."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair()
        env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
        command = [sys.executable, "-m", "tests.chaos.spool_processes", str(theirs.fileno())]
        self._nurse = Popen(command, pass_fds=[theirs.fileno()], env=env)
        theirs.close()

    def start(self, *arguments: object) -> Process:
        """A new process of this role."""
        input_end, feeding = os.pipe()
        reading, output_end = os.pipe()
        socket.send_fds(self._requests, ["\n".join(map(str, arguments)).encode()], [input_end, output_end])
        os.close(input_end)
        os.close(output_end)
        return Process(self, int(self._requests.recv(100)), feeding, reading)

    def end_of(self, process: int) -> int:
        """Its exit code, or minus the signal that ended it."""
        self._requests.sendall(str(process).encode())
        return int(self._requests.recv(100))

    def close(self) -> None:
        self._requests.close()
        assert self._nurse.wait() == 0


class Process:
    """A process that is fed by bytes and answers in lines; whatever it answered before its death is read."""

    def __init__(self, nursery: Nursery, number: int, feeding: int, reading: int) -> None:
        self._nursery = nursery
        self._number = number
        self._feeding = feeding
        self.output = reading
        self._rest = b""

    def feed(self, count: int) -> None:
        os.write(self._feeding, b"." * count)

    def lines(self) -> list[str]:
        """What it said since; waits for at least one piece."""
        piece = os.read(self.output, 1 << 16)
        assert piece, "it ended by itself"
        *whole, self._rest = (self._rest + piece).split(b"\n")
        return [line.decode() for line in whole]

    def is_silent_for(self, seconds: float) -> bool:
        return not select.select([self.output], [], [], seconds)[0]

    def kill(self) -> list[str]:
        """`kill -9`; what it had said until then."""
        os.kill(self._number, signal.SIGKILL)
        return self.drain(-signal.SIGKILL)

    def drain(self, code: int) -> list[str]:
        """All that it says until its end, which is of this kind. A last line that was cut off acknowledges nothing."""
        os.close(self._feeding)
        while piece := os.read(self.output, 1 << 16):
            self._rest += piece
        os.close(self.output)
        assert self._nursery.end_of(self._number) == code
        return [line.decode() for line in self._rest.split(b"\n")[:-1]]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    opened = Nursery()
    yield opened
    opened.close()


def assert_exactly_once(spool: Path, table: Path, acknowledged: list[str], unsaid: int) -> None:
    """Hand over what is left, then compare: no row twice, none of an acknowledged record missing, none of another source."""
    log = DeltaLog(table, SHAPES)
    hand_over(spool, log)
    assert (segments(spool), corrupt_segments(spool)) == ([], [])
    found: Counter[tuple[str, int]] = Counter()
    for model in SHAPES:
        rows = log.read(model, columns=["request_id", "row"])
        found.update(zip(rows["request_id"].to_pylist(), rows["row"].to_pylist(), strict=True))
    assert [row for row, count in found.items() if count > 1] == [], "rows that are there twice"
    expected = {(request_id, row) for request_id in acknowledged for row in range(1 + int(request_id.rpartition("-")[2]) % 4)}
    assert expected - set(found) == set(), "rows that were acknowledged and are not there"
    # A record may be written and its writer killed before it could say so; then it is there as a whole.
    more = {request_id for request_id, _ in set(found) - expected}
    assert len(more) <= unsaid
    assert all((request_id, row) in found for request_id in more for row in range(1 + int(request_id.rpartition("-")[2]) % 4))


@pytest.mark.row("L1")
@pytest.mark.parametrize("mode", ["write", "fsync"])
def test_nothing_is_lost_or_doubled_over_60_kills_of_writers_and_committer_under_load(tmp_path: Path, nursery: Nursery, mode: str) -> None:
    chance = random.Random(20240501)
    spool, table = tmp_path / "spool", tmp_path / "log"
    acknowledged: list[str] = []
    started = 0

    def start(role: str) -> Process:
        nonlocal started
        started += 1
        process = (
            nursery.start("commit", spool, table, "never")
            if role == "committer"
            else nursery.start("write", spool, f"{role}{started}", mode)
            if role == "left"
            else nursery.start("give", spool, f"{role}{started}", mode, "never")
        )
        watch.register(process.output, selectors.EVENT_READ, role)
        return process

    with selectors.DefaultSelector() as watch:
        running = {role: start(role) for role in ("left", "right", "committer")}
        for _ in range(60):
            victim = chance.choice(["left", "right", "committer", "committer"])
            patience = chance.randrange(1, 8) if victim == "committer" else chance.randrange(1, 2 * BATCH)
            for role, process in running.items():
                process.feed(1 if role == "committer" else 3)
            while patience > 0:
                for key, _ in watch.select():
                    said = running[key.data].lines()
                    if key.data == "committer":
                        running["committer"].feed(said.count("done"))  # it never rests
                    if key.data != "committer":
                        acknowledged += said
                    if key.data == victim:
                        patience -= len(said)
            watch.unregister(running[victim].output)
            said = running[victim].kill()
            acknowledged += said if victim != "committer" else []
            running[victim] = start(victim)
        for role, process in running.items():
            watch.unregister(process.output)
            said = process.kill()
            acknowledged += said if role != "committer" else []
    assert len(acknowledged) > 1000
    # One a thread where threads wait; where nobody waits, all that was asked for and not yet said.
    assert_exactly_once(spool, table, acknowledged, unsaid=62 * (GROUP if mode == "write" else 3 * BATCH * 60))


@pytest.mark.row("L1")
@pytest.mark.parametrize("point", POINTS)
def test_a_committer_that_dies_again_and_again_at_one_point_loses_and_doubles_nothing(tmp_path: Path, nursery: Nursery, point: str) -> None:
    spool, table = tmp_path / "spool", tmp_path / "log"
    acknowledged: list[str] = []
    for number in range(6):
        writer = nursery.start("write", spool, f"writer{number}", "write")
        committer = nursery.start("commit", spool, table, point)
        writer.feed(4)
        acknowledged += writer.drain(0)
        committer.feed(1)
        assert "done" not in committer.drain(-signal.SIGKILL)
    assert len(acknowledged) == 6 * 4 * BATCH
    assert_exactly_once(spool, table, acknowledged, unsaid=0)


@pytest.mark.row("L1")
@pytest.mark.parametrize("point", MERGE_POINTS)
def test_a_process_that_dies_while_it_merges_files_loses_and_doubles_nothing(tmp_path: Path, nursery: Nursery, point: str) -> None:
    spool, table = tmp_path / "spool", tmp_path / "log"
    acknowledged: list[str] = []
    for number in range(3):
        committer = nursery.start("commit", spool, table, point)
        for turn in range(6):
            writer = nursery.start("write", spool, f"writer{number}{turn}", "write")
            writer.feed(1)
            acknowledged += writer.drain(0)
            committer.feed(1)
            try:
                while "done" not in committer.lines():
                    pass
            except AssertionError:  # dead, in the middle of a merge
                break
        else:
            pytest.fail("it merged nothing")
        committer.drain(-signal.SIGKILL)
    assert_exactly_once(spool, table, acknowledged, unsaid=0)


@pytest.mark.row("L1")
@pytest.mark.parametrize("point", ["before the disk has it", "after the disk has it"])
def test_a_writer_that_dies_around_a_turn_of_the_disk_loses_nothing_that_it_said(tmp_path: Path, nursery: Nursery, point: str) -> None:
    spool, table = tmp_path / "spool", tmp_path / "log"
    acknowledged: list[str] = []
    asked = 0
    for number in range(10):
        writer = nursery.start("give", spool, f"writer{number}", "fsync", point)
        try:
            while True:
                writer.feed(1)
                asked += BATCH
                acknowledged += writer.lines()
        except (AssertionError, BrokenPipeError):  # dead, at its third turn of the disk
            acknowledged += writer.drain(-signal.SIGKILL)
    assert len(acknowledged) >= 10 * 2 * GROUP, "what came with the two turns before"
    assert_exactly_once(spool, table, acknowledged, unsaid=asked - len(acknowledged))


@pytest.mark.row("L1")
def test_a_committer_that_dies_at_any_moment_of_a_transaction_loses_and_doubles_nothing(tmp_path: Path, nursery: Nursery) -> None:
    chance = random.Random(7)
    spool, table = tmp_path / "spool", tmp_path / "log"
    acknowledged: list[str] = []
    for number in range(30):
        writer = nursery.start("write", spool, f"writer{number}", "write")
        committer = nursery.start("commit", spool, table, "never")
        writer.feed(4)
        acknowledged += writer.drain(0)
        committer.feed(1)
        assert committer.lines()[0] == "append"
        committer.is_silent_for(chance.uniform(0, 0.03))
        committer.kill()
    assert_exactly_once(spool, table, acknowledged, unsaid=0)
