"""The processes that the chaos tests kill: writers that acknowledge what they recorded, and a committer that hands over and merges.

They are forked by one process that has imported everything, for a start takes it a hundredth of the time of a new Python.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

from deltalake import DeltaTable
from deltalake.table import TableOptimizer
from tests.records import SHAPES, record

from farero.adapters.delta_log import DeltaLog
from farero.adapters.delta_log import table as delta_table
from farero.core.prediction import Record
from farero.core.recorded import Recorded
from farero.flow.record import hand_over
from farero.serving.spool import Spool, frame

BATCH = 40
"""Records that a writer writes for each byte on its standard input."""


GROUP = 4
"""Records that the event loop's writer gives away at once."""


def write(folder: Path, name: str, mode: Any) -> None:
    """Record from two threads; a number goes to standard output when its record is acknowledged, and not before."""
    spool = Spool(folder, name, mode=mode, segment_bytes=16_000)

    def load(lane: int) -> None:
        number = lane
        while os.read(0, 1):
            for _ in range(BATCH):
                model = "churn" if number % 3 else "risk"
                spool.write(record(number, model=model, rows=1 + number % 4, request_id=f"{name}-{number}"))
                os.write(1, f"{name}-{number}\n".encode())
                number += 2

    threads = [Thread(target=load, args=(lane,)) for lane in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def give(folder: Path, name: str, mode: Any, point: str) -> None:
    """Record as the event loop does: several frames at once, without waiting; what is safe is acknowledged by whoever says so."""
    spool = Spool(folder, name, mode=mode, segment_bytes=16_000)
    if point != "never":
        os.fdatasync = _dying_at(point, os.fdatasync)
    number = 0
    while os.read(0, 1):
        for _ in range(BATCH // GROUP):
            records = [record(each, rows=1 + each % 4, request_id=f"{name}-{each}") for each in range(number, number + GROUP)]
            number += GROUP
            said = "".join(f"{each.request_id}\n" for each in records).encode()
            spool.commit(b"".join(map(_framed, records)), lambda failure, said=said: os.write(1, said) if failure is None else None)
    spool.close()


def _framed(each: Record) -> bytes:
    return frame(
        each.model, each.version, each.request_id, each.endpoint, each.time, each.inputs, each.prediction, each.probability, each.keys,
        each.latency_us,
    )  # fmt: skip


def _dying_at(point: str, fdatasync: Callable[[int], None]) -> Callable[[int], None]:
    turns = 0

    def force(fd: int) -> None:
        nonlocal turns
        turns += 1
        if turns == 3 and point == "before the disk has it":
            die()
        fdatasync(fd)
        if turns == 3:
            die()

    return force


def commit(folder: Path, table: Path, point: str) -> None:
    """Hand over once for each byte on standard input. At the point given, the process kills itself."""
    delta_table.TIERS = ((8 << 20, 2),)  # type: ignore[misc]
    delta_table.TIDY_EVERY = 1  # type: ignore[misc]
    delta_table.VACUUM_HOURS = 0  # type: ignore[misc]
    delta_table.VACUUM_EVERY_S = 0.0  # type: ignore[misc]
    _die_in_upkeep(point)

    class Dying(DeltaLog):
        appends = 0

        def append(self, model: str, records: Sequence[Record] | Recorded, marks: Mapping[str, int]) -> None:
            os.write(1, b"append\n")
            if point == "before the first transaction":
                die()
            super().append(model, records, marks)
            Dying.appends += 1
            if point == "after the first transaction" or (point == "after the second transaction" and Dying.appends == 2):
                die()

    if point == "after the first removal":
        Path.unlink = _dying_after(Path.unlink)  # type: ignore[method-assign]
    log = Dying(table, SHAPES)
    while os.read(0, 1):
        hand_over(folder, log)
        os.write(1, b"done\n")


def _die_in_upkeep(point: str) -> None:
    """Points within a merge: before and after the disk has it, and around the removal of what was merged."""
    table = delta_table.Table
    vacuum, checkpoint = table._vacuum, table._checkpoint
    if point == "before the disk has a merge":
        optimize = DeltaTable.optimize.fget  # type: ignore[attr-defined]

        class Dying(TableOptimizer):
            def compact(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
                optimize(self.table).compact(*args, **kwargs)
                die()

        DeltaTable.optimize = property(Dying)  # type: ignore[assignment]
    if point == "before merged files are removed":
        table._vacuum = lambda self, handle: die()  # type: ignore[method-assign]
    if point == "after merged files are removed":
        table._vacuum = lambda self, handle: (vacuum(self, handle), die())[0]  # type: ignore[method-assign]
    if point == "after a checkpoint":
        table._checkpoint = lambda self, handle: (checkpoint(self, handle), die())[0]  # type: ignore[method-assign]


def die() -> None:
    """As sudden as `kill -9`, for it is that."""
    os.kill(os.getpid(), signal.SIGKILL)


def _dying_after(unlink: Callable[..., None]) -> Callable[..., None]:
    def unlink_and_die(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        die()

    return unlink_and_die


def nurse(requests: socket.socket) -> None:
    """Fork a process for each request, with the two files that come along as its standard input and output; answer its id.

    A request of one number asks how that process ended: its exit code, or minus the signal.
    """
    while True:
        data, files, _, _ = socket.recv_fds(requests, 4096, 2)
        if not data:
            return
        role, *arguments = data.decode().split("\n")
        if role.isdigit():
            _, status = os.waitpid(int(role), 0)
            requests.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            continue
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for target, file in enumerate(files):
                    os.dup2(file, target)
                    os.close(file)
                requests.close()
                work(role, arguments)
                code = 0
            except Exception:
                traceback.print_exc()
                raise
            finally:  # whatever happened, this process must not become a second nurse
                os._exit(code)
        for file in files:
            os.close(file)
        requests.sendall(str(child).encode())


def work(role: str, arguments: list[str]) -> None:
    """What the forked process does."""
    if role == "write":
        write(Path(arguments[0]), arguments[1], arguments[2])
    elif role == "give":
        give(Path(arguments[0]), arguments[1], arguments[2], arguments[3])
    else:
        commit(Path(arguments[0]), Path(arguments[1]), arguments[2])


if __name__ == "__main__":
    nurse(socket.socket(fileno=int(sys.argv[1])))
