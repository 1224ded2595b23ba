"""The processes that the chaos tests kill: a writer that acknowledges what it recorded, and a committer that hands over.

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

from tests.records import SHAPES, record

from farero.adapters.delta_log import DeltaLog
from farero.core.prediction import Record
from farero.core.recorded import Recorded
from farero.flow.record import hand_over
from farero.serving.spool import Spool

BATCH = 40
"""Records that a writer writes for each byte on its standard input."""


def write(folder: Path, name: str) -> None:
    """Record from two threads; a number goes to standard output when its record is acknowledged, and not before."""
    spool = Spool(folder, name, segment_bytes=16_000)

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


def commit(folder: Path, table: Path, point: str) -> None:
    """Hand over once for each byte on standard input. At the point given, the process kills itself."""

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
    while os.read(0, 1):
        hand_over(folder, Dying(table, SHAPES))
        os.write(1, b"done\n")


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
        write(Path(arguments[0]), arguments[1])
    else:
        commit(Path(arguments[0]), Path(arguments[1]), arguments[2])


if __name__ == "__main__":
    nurse(socket.socket(fileno=int(sys.argv[1])))
