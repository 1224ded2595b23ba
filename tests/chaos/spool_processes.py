"""The processes that the chaos tests kill: a writer that acknowledges what it recorded, and a committer that hands over."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread

from tests.records import SHAPES, record

from farero.core.prediction import Record
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
    from farero.adapters.delta_log import DeltaLog  # a writer starts without it
    from farero.flow.record import hand_over

    class Dying(DeltaLog):
        appends = 0

        def append(self, model: str, records: Sequence[Record], marks: Mapping[str, int]) -> None:
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


if __name__ == "__main__":
    role, *arguments = sys.argv[1:]
    if role == "write":
        write(Path(arguments[0]), arguments[1])
    else:
        commit(Path(arguments[0]), Path(arguments[1]), arguments[2])
