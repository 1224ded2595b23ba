"""What recording costs: the crash-safe log beside SQLite, group commit, the hand-over to Delta, and an hour of small hand-overs.

    python benchmarks/spool.py [--records 50000] [--hand-overs 1800]

Every record is one request of one row with ten inputs (seven numbers, three texts). Contestants take turns, three rounds each, and
the best round counts, so that a busy machine hits all alike. SQLite writes the same values to a table with the same
columns, in WAL mode: `synchronous=NORMAL` promises what `record = "write"` does (a killed process loses nothing), `FULL` what
`record = "fsync"` does (a power cut loses nothing). Files are made under `.cache/bench-spool` of the project, or where --folder says.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import statistics
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Semaphore
from time import perf_counter, process_time
from typing import Any, Literal

from deltalake import DeltaTable

from farero.adapters.delta_log import DeltaLog
from farero.adapters.delta_log import table as delta_table
from farero.core.prediction import Record
from farero.core.recorded import Recorded
from farero.errors import LogUnavailable
from farero.flow.record import hand_over
from farero.ports import LogShape
from farero.serving.spool import Spool, frame

START = datetime(2024, 5, 1, tzinfo=UTC)
KINDS = {f"feature_{number}": "number" if number < 7 else "text" for number in range(10)}
GROUPS = (1, 16, 64, 256)
ROUNDS = 3


def record(number: int) -> Record:
    """Record of one request."""
    inputs = {name: [number * 1.5 if kind == "number" else "monthly"] for name, kind in KINDS.items()}
    return Record(
        model="churn", version="1.0.0", request_id=f"r-{number:08d}", endpoint="predict", time=START + timedelta(microseconds=40 * number),
        inputs=inputs, prediction=[1.0], probability=[0.75], keys=[f"k-{number}"], latency_us=900,
    )  # fmt: skip


def framed(each: Record) -> bytes:
    """The record by the way of the event loop."""
    return frame(
        each.model, each.version, each.request_id, each.endpoint, each.time, each.inputs, each.prediction, each.probability, each.keys,
        each.latency_us,
    )  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--hand-overs", type=int, default=1_800)
    parser.add_argument("--folder", type=Path, default=Path(__file__).resolve().parent.parent / ".cache" / "bench-spool")
    wanted = parser.parse_args()
    records = [record(number) for number in range(wanted.records)]
    folder: Path = wanted.folder
    figures = recording(folder, records)
    figures |= handing_over(folder, records)
    figures |= an_hour(folder, wanted.hand_overs)
    print(json.dumps(figures))
    shutil.rmtree(folder)


def fresh(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def recording(folder: Path, records: list[Record]) -> dict[str, float]:
    """Records a second, by who writes and how many wait at once."""
    begun = perf_counter()
    for each in records:
        framed(each)
    print(f"a frame is made in {(perf_counter() - begun) / len(records) * 1e6:.2f} us\n")
    slow = records[: len(records) // 10]
    contests: list[tuple[str, Callable[[], float], Callable[[], float]]] = [
        ("write, one Record a call", lambda: ours_write(folder, records), lambda: sqlite(folder, records, "NORMAL", 1)),
        *(
            (f"write, {group} frames a call", lambda group=group: ours_append(folder, records, group),
             lambda group=group: sqlite(folder, records, "NORMAL", group))
            for group in GROUPS
        ),
        *(
            (f"fsync, {group} requests wait", lambda group=group: ours_commit(folder, slow if group == 1 else records, group),
             lambda group=group: sqlite(folder, slow if group == 1 else records, "FULL", group))
            for group in GROUPS
        ),
    ]  # fmt: skip
    print(f"{'records/s':<32}{'Farero':>12}{'SQLite':>12}{'ratio':>8}")
    figures = {}
    for name, ours, theirs in contests:
        rates = [(ours(), theirs()) for _ in range(ROUNDS)]
        our, their = (max(side) for side in zip(*rates, strict=True))
        print(f"{name:<32}{our:>12,.0f}{their:>12,.0f}{our / their:>7.1f}x")
        figures[name] = round(our)
    return figures


def ours_write(folder: Path, records: list[Record]) -> float:
    spool = Spool(fresh(folder), "bench")
    begun = perf_counter()
    for each in records:
        spool.write(each)
    return rate(records, begun, spool)


def ours_append(folder: Path, records: list[Record], group: int) -> float:
    spool = Spool(fresh(folder), "bench")
    begun = perf_counter()
    for some in groups(records, group):
        spool.append(b"".join([framed(each) for each in some]))
    return rate(records, begun, spool)


def ours_commit(folder: Path, records: list[Record], waiting: int) -> float:
    """So many requests wait at any time; whenever one is safe, the next comes."""
    spool = Spool(fresh(folder), "bench", mode="fsync")
    places = Semaphore(waiting)
    failures: list[LogUnavailable] = []

    def done(failure: LogUnavailable | None) -> None:
        if failure is not None:
            failures.append(failure)
        places.release()

    begun = perf_counter()
    for each in records:
        places.acquire()
        spool.commit(framed(each), done)
    for _ in range(waiting):
        places.acquire()
    assert not failures
    return rate(records, begun, spool)


def rate(records: list[Record], begun: float, spool: Spool) -> float:
    """Records a second until now; then the spool is closed."""
    took = perf_counter() - begun
    spool.close()
    return len(records) / took


def sqlite(folder: Path, records: list[Record], synchronous: Literal["NORMAL", "FULL"], group: int) -> float:
    """The same values into a table, `group` rows a transaction."""
    conn = sqlite3.connect(fresh(folder) / "log.db", isolation_level=None)
    conn.execute("PRAGMA journal_mode=WAL")
    conn.execute(f"PRAGMA synchronous={synchronous}")
    columns = (
        "model TEXT, version TEXT, request_id TEXT, endpoint TEXT, time TEXT, prediction REAL, probability REAL, key TEXT, latency_us INT"
    )
    inputs = ", ".join(f"{name} {'REAL' if kind == 'number' else 'TEXT'}" for name, kind in KINDS.items())
    conn.execute(f"CREATE TABLE log ({columns}, {inputs})")
    insert = f"INSERT INTO log VALUES ({', '.join('?' * (9 + len(KINDS)))})"
    begun = perf_counter()
    for some in groups(records, group):
        conn.execute("BEGIN")
        conn.executemany(insert, map(row, some))
        conn.execute("COMMIT")
    took = perf_counter() - begun
    conn.close()
    return len(records) / took


def row(each: Record) -> tuple[Any, ...]:
    """A record's values in the order of the table."""
    return (
        each.model, each.version, each.request_id, each.endpoint, each.time.isoformat(), each.prediction[0],
        (each.probability or [None])[0], (each.keys or [None])[0], each.latency_us, *(values[0] for values in each.inputs.values()),
    )  # fmt: skip


def groups(records: list[Record], size: int) -> Iterator[list[Record]]:
    """The records, so many at a time."""
    for at in range(0, len(records), size):
        yield records[at : at + size]


def handing_over(folder: Path, records: list[Record]) -> dict[str, float]:
    """Rows a second from segments to Delta, by one process."""
    rates = []
    for _ in range(ROUNDS):
        spool = Spool(fresh(folder) / "spool", "bench")
        for each in records:
            spool.write(each)
        spool.close()
        begun, cpu = perf_counter(), process_time()
        moved = hand_over(folder / "spool", DeltaLog(folder / "log", {"churn": LogShape(inputs=KINDS)}))
        assert moved.rows == len(records)
        rates.append((moved.rows / (perf_counter() - begun), moved.rows / (process_time() - cpu)))
    wall, cpu_rate = (max(side) for side in zip(*rates, strict=True))
    print(f"\nhand-over of one-row frames to Delta: {wall:,.0f} rows/s, {cpu_rate:,.0f} rows a CPU second")
    return {"hand-over rows/s": round(wall), "hand-over rows a CPU second": round(cpu_rate)}


def an_hour(folder: Path, count: int) -> dict[str, float]:
    """An hour of hand-overs every two seconds, without the pauses; the table's log is kept for as many commits as it would be then."""
    log = DeltaLog(fresh(folder), {"churn": LogShape(inputs=KINDS)})
    path = str(log.path("churn"))
    took, cpu, files = [], [], []
    for number in range(count):
        rows = Recorded.of(record(20 * number + each) for each in range(20))
        begun, cpu_begun = perf_counter(), process_time()
        log.append("churn", rows, {"w": number + 1})
        took.append(perf_counter() - begun)
        cpu.append(process_time() - cpu_begun)
        files.append(len(DeltaTable(path).file_uris()) if number % 7 == 0 else 0)
        if number == 99:  # ten minutes of pauses are 300 commits
            seconds = max(1, round(300 * statistics.fmean(took)))
            delta_table._CONFIGURATION["delta.logRetentionDuration"] = f"interval {seconds} seconds"
    first, last, cpu_first, cpu_last = (1e3 * statistics.median(some) for some in (took[:100], took[-100:], cpu[:100], cpu[-100:]))
    begun = perf_counter()
    assert log.read("churn").num_rows == 20 * count
    read = perf_counter() - begun
    print(
        f"{count:,} hand-overs of 20 rows, p50: the first hundred {first:.1f} ms, the last {last:.1f} ms; slowest {max(took) * 1e3:.0f} ms"
    )
    print(f"its CPU time, p50: the first hundred {cpu_first:.1f} ms, the last {cpu_last:.1f} ms")
    print(f"files of the day at most {max(files)}; all {20 * count:,} rows are read in {read * 1e3:.0f} ms")
    return {
        "append p50 first ms": round(first, 1),
        "append p50 last ms": round(last, 1),
        "append CPU p50 first ms": round(cpu_first, 1),
        "append CPU p50 last ms": round(cpu_last, 1),
        "files": max(files),
    }


if __name__ == "__main__":
    main()
