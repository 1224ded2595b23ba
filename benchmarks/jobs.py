"""What a step of a job costs beside the work in it, by each adapter on each database, and how long 1,000 versions take to list.

Run: .venv/bin/python benchmarks/jobs.py
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.contract.databases import empty, postgres_absent
from tests.unit.store.values import version

from farero.adapters.dbos_jobs import DbosJobs
from farero.adapters.processes import is_gone, this_process
from farero.adapters.system_clock import SystemClock
from farero.adapters.thread_jobs import ThreadJobs
from farero.core.job import JobRun
from farero.flow.jobs import Queue
from farero.ports import Jobs, Step
from farero.store import versions
from farero.store.database import Store

STEPS = 200
LIMIT_MS = 30.0
VERSIONS = 1000
LISTED_MS = 100.0


def main() -> int:
    """Print both tables; exit code 1 where a figure misses its limit."""
    missed = 0
    absent = postgres_absent()
    databases = ["file"] if absent else ["file", "postgresql"]
    if absent:
        print(f"PostgreSQL is left out: {absent}")
    print(f"{'adapter':8} {'database':11} {'start s':>8} {'step ms, median':>16} {'5 %':>7} {'95 %':>7}   limit {LIMIT_MS:g} ms")
    for database in databases:
        for adapter in ("thread", "dbos"):
            started_s, costs = measured(adapter, database)
            low, *_, high = statistics.quantiles(costs, n=20)
            middle = statistics.median(costs)
            missed += middle > LIMIT_MS
            print(f"{adapter:8} {database:11} {started_s:8.2f} {middle:16.2f} {low:7.2f} {high:7.2f}")
    print()
    print(f"{VERSIONS} versions listed: database, ms (limit {LISTED_MS:g} ms)")
    for database in databases:
        took = listed(database)
        missed += took > LISTED_MS
        print(f"{database:11} {took:8.1f}")
    return 1 if missed else 0


def measured(adapter: str, database: str) -> tuple[float, list[float]]:
    """Seconds until the adapter can work, and the milliseconds that each empty step of one run took."""
    with _store(database) as (store, url, folder):
        queue = Queue(store=store, clock=SystemClock(), executor=this_process(), is_gone=is_gone, steady=time.monotonic)
        now = datetime.now(UTC)
        queue.add(JobRun(id="bench/1", job="bench", model="m", verb="compact", because="measured", queued_at=now, due_at=now))
        costs: list[float] = []
        done = threading.Event()

        def carry_out(id: str, step: Step) -> None:
            queue.claim(id)
            for number in range(STEPS):
                begun = time.perf_counter()
                queue.step(id, f"step {number % 5}", lambda number=number: step(f"step {number % 5}", lambda: None), str)  # type: ignore[misc]
                costs.append((time.perf_counter() - begun) * 1000)
            queue.end(id, "succeeded")
            done.set()

        jobs: Jobs
        if adapter == "thread":
            jobs = ThreadJobs()
        elif database == "file":
            jobs = DbosJobs(f"sqlite:///{folder}/jobs.db", queue.executor, is_gone=is_gone)
        else:
            jobs = DbosJobs(url, queue.executor, is_gone=is_gone, schema=store.schema())
        begun = time.perf_counter()
        jobs.start(carry_out)
        started_s = time.perf_counter() - begun
        jobs.submit("bench/1")
        if not done.wait(600):
            raise SystemExit("the run was not carried out")
        jobs.stop(10.0)
    return started_s, costs


def listed(database: str) -> float:
    """Milliseconds to read so many versions of one model, the best of ten."""
    with _store(database) as (store, _, _):
        with store.write() as conn:
            for number in range(VERSIONS):
                versions.add(conn, replace(version(f"1.{number}.0"), origin=f"bench/{number}"))
        took = []
        for _ in range(10):
            begun = time.perf_counter()
            with store.read() as conn:
                found = versions.all(conn, "churn")
            took.append((time.perf_counter() - begun) * 1000)
            assert len(found) == VERSIONS
    return min(took)


@contextmanager
def _store(database: str) -> Iterator[tuple[Store, str, Path]]:
    with tempfile.TemporaryDirectory(prefix="farero-jobs-") as name, empty(database, Path(name)) as url:
        store = Store.open(url)
        try:
            yield store, url, Path(name)
        finally:
            store.close()


if __name__ == "__main__":
    raise SystemExit(main())
