"""Carries runs out as workflows of DBOS: each step is a step there, and what a dead process leaves is resumed by another.

Needs `pip install 'farero[jobs]'`. DBOS keeps its own tables, beside the state database: a file, or a schema of the same PostgreSQL.
It is loaded when the work begins, which takes a second or two of processor time, and only by the process that carries runs out.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from farero.errors import ConfigInvalid, OutsideError
from farero.ports import Step

if TYPE_CHECKING:
    from types import ModuleType

T = TypeVar("T")

QUEUE = "farero-jobs"
WORKFLOW = "farero-carry-out"
# Ours, not a hash of the source, which DBOS takes by default: a newer Farero goes on with the runs of an older one.
PROTOCOL = "farero-jobs-1"
SILENT_S = 15.0
OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


class DbosJobs:
    """The jobs of an installation in DBOS.

    Args:
        url: of DBOS's own database, `sqlite:///path` or `postgresql+psycopg://…`.
        executor: the name of this process; two that shared one would take each other's runs for their own.
        is_gone: whether it is certain that the process of a name has ended.
        schema: of its tables in PostgreSQL.
    """

    def __init__(self, url: str, executor: str, *, is_gone: Callable[[str], bool], schema: str = "farero_jobs") -> None:
        self._config: dict[str, Any] = {
            "name": "farero", "system_database_url": url, "executor_id": executor, "application_version": PROTOCOL, "enable_otlp": False,
            "log_level": "ERROR", "dbos_system_schema": schema, "use_listen_notify": False, "scheduler_polling_interval_sec": 3600.0,
        }  # fmt: skip
        self._is_gone = is_gone
        self._seen: dict[str, float] = {}
        self._library: ModuleType | None = None
        self._lock = threading.Lock()
        self._ours: set[str] = set()

    def start(self, carry_out: Callable[[str, Step], None]) -> None:
        """Begin to work; see `ports.Jobs`."""
        try:
            import dbos
        except ImportError as missing:
            raise ConfigInvalid(
                "[worker] jobs is dbos, which is not installed.", hint="Install it: pip install 'farero[jobs]'."
            ) from missing
        try:
            dbos.DBOS(config=self._config)  # type: ignore[arg-type]  # a TypedDict of theirs

            @dbos.DBOS.workflow(name=WORKFLOW)
            def work(id: str) -> None:
                with self._lock:
                    self._ours.add(id)
                try:
                    carry_out(id, lambda name, do: _take(dbos, name, do))
                finally:
                    with self._lock:
                        self._ours.discard(id)

            dbos.DBOS.launch()
            dbos.DBOS.register_queue(QUEUE, worker_concurrency=1, polling_interval_sec=0.5, on_conflict="always_update")
        except Exception as failure:
            raise OutsideError(f"DBOS does not start: {failure}.", hint="Look at the database that it keeps its tables in.") from failure
        self._library = dbos

    def submit(self, id: str) -> None:
        """Enqueue the run; one whose process has died is resumed, one that ended without being done begins anew under a further name."""
        dbos = self._library
        with self._lock:
            if dbos is None or id in self._ours:
                return
        try:
            for number in itertools.count(1):
                name = f"{id}#{number}"
                status = dbos.DBOS.get_workflow_status(name)
                if status is None:
                    options = {"queue_name": QUEUE, "workflow_name": WORKFLOW, "workflow_id": name}
                    dbos.DBOS.enqueue_workflow_with_options(options, id)
                    return
                if status.status not in OVER:
                    if status.status == "PENDING" and self._is_left(name, status.executor_id):
                        dbos.DBOS.resume_workflow(name)
                    return
        except Exception as failure:
            raise OutsideError(f"DBOS does not take a run: {failure}.", hint="It is submitted again with the next turn.") from failure

    def stop(self, timeout_s: float) -> bool:
        """Begin no further run and wait for the present one."""
        dbos, self._library = self._library, None
        if dbos is not None:
            dbos.DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=int(max(timeout_s, 0)))
        with self._lock:
            return not self._ours

    def _is_left(self, name: str, executor: str | None) -> bool:
        """Whether a workflow has lost its process.

        It may have been taken from the queue a moment ago by one that is about to claim the run, whose next step DBOS would end. So it
        is looked at for a while, unless its process is known to have ended.
        """
        if executor == self._config["executor_id"]:
            return False
        since = self._seen.setdefault(name, time.monotonic())
        return self._is_gone(executor or "") or time.monotonic() - since > SILENT_S


def _take(dbos: ModuleType, name: str, do: Callable[[], T]) -> T:
    """A step of DBOS whose value is its name. The real value may be of any size and is stored by whoever made it."""
    values: list[T] = []
    failures: list[Exception] = []

    def run() -> str:
        try:
            values.append(do())
        # Kept from DBOS, which would raise a stored failure again instead of trying again.
        except Exception as failure:  # noqa: BLE001 (raised below)
            failures.append(failure)
        return "failed" if failures else "done"

    dbos.DBOS.run_step({"name": name}, run)
    if failures:
        raise failures[0]
    # Where DBOS knows the step from before the process died, nothing was run: the step finds its own stored value.
    return values[0] if values else do()
