"""jobs: runs that wait are claimed by one process each, one at a time per model, and taken over when that process dies.

Who holds a run is a matter of the state database alone. A living process lets the `beat` of its runs grow; another process that
sees no growth for `SILENT_S` of its own steady clock, or knows that the holder's process is gone, may claim the run. So neither
clocks that differ between machines nor clocks that jump make two processes hold one run. A process that was taken for dead finds
at its next step that the run is no longer its own, and lets go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from farero.core import job
from farero.core.job import JobRun, JobStatus, LogLine
from farero.core.window import Window
from farero.errors import Conflict, FareroError, LeaseHeld, TookTooLong
from farero.ports import Clock
from farero.store import job_runs
from farero.store.database import Connection, Store
from farero.telemetry import Level, log

T = TypeVar("T")

SILENT_S = 15.0


@dataclass(slots=True)
class _Mine:
    """A run in our hands: until when it may take, and why it must stop, once it must."""

    deadline: float
    stop: FareroError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The runs of one installation, as one process sees them.

    Attributes:
        executor: the name of this process; no other ever had it.
        is_gone: whether it is certain that the process of this name has ended.
        steady: seconds of a clock that never jumps.
    """

    store: Store
    clock: Clock
    executor: str
    is_gone: Callable[[str], bool]
    steady: Callable[[], float]
    _mine: dict[str, _Mine] = field(default_factory=dict)
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    def add(self, run: JobRun) -> JobRun:
        """Queue a run, or note that a moment was skipped. One that was stored before stays as it is and is returned."""
        with self.store.write() as conn:
            added = job_runs.add(conn, run)
            stored = run if added else job_runs.get(conn, run.id)
        if added:
            log("job.skipped" if run.status == "skipped" else "job.queued", job=run.job, run=run.id, because=run.because)
        return stored

    def open(self, model: str | None = None) -> list[JobRun]:
        """Runs that wait or are under way, oldest first."""
        with self.store.read() as conn:
            found = job_runs.open(conn)
        return [run for run in found if model is None or run.model == model]

    def runnable(self) -> list[JobRun]:
        """Runs that this process may claim now, oldest first; the oldest of each model."""
        found, now = self.open(), self.clock.now()
        ready: dict[str, JobRun] = {}
        for run in found:
            if run.status == "running":
                free = run.id not in self._mine and self._is_abandoned(run)
            else:
                free = run.due_at <= now and job.in_the_way(run, found) is None
            if free:
                ready.setdefault(run.model, run)
        return list(ready.values())

    def claim(self, id: str) -> JobRun:
        """Take a run into our hands.

        Raises:
            LeaseHeld: a living process carries it out, or another run of its model.
            Conflict: it is over, or not due yet.
        """
        with self.store.write() as conn:
            run = job_runs.get(conn, id)
            if not run.is_open or run.due_at > self.clock.now():
                raise Conflict(f"The run {id} is {run.status}; there is nothing to carry out now.", hint=f"See it with: {_SHOW} {id}.")
            other = run if run.status == "running" and not self._is_abandoned(run) else job.in_the_way(run, job_runs.open(conn))
            if other is not None:
                raise LeaseHeld(f"The run {other.id} of {run.model} is being carried out.", hint=f"Follow it with: {_SHOW} {other.id}.")
            taken_over = run.status == "running"
            run = job.begun(run, self.executor, self.clock.now())
            job_runs.put(conn, run)
        self._mine[id] = _Mine(self.steady() + run.timeout_s)
        log("job.taken-over" if taken_over else "job.started", job=run.job, run=id, attempt=run.attempt)
        return run

    def beat(self) -> bool:
        """Say that we live, and hear of cancellations; whether a run of ours must stop now."""
        for held, mine in list(self._mine.items()):
            with self.store.write() as conn:
                run = job_runs.get(conn, held)
                if run.executor != self.executor or run.status != "running":
                    mine.stop = LeaseHeld(f"The run {held} is in other hands now.")
                else:
                    job_runs.put(conn, replace(run, beat=run.beat + 1))
            if run.stop_asked_by is not None:
                mine.stop = mine.stop or Conflict(f"The run {held} was cancelled by {run.stop_asked_by}.")
            elif self.steady() > mine.deadline:
                mine.stop = mine.stop or TookTooLong(f"The run {held} took longer than {run.timeout_s:g} s.")
        return any(mine.stop is not None for mine in self._mine.values())

    def step(self, id: str, name: str, do: Callable[[], T], say: Callable[[object], str]) -> T:
        """Take one step of a run of ours, and keep book of it.

        Raises:
            LeaseHeld: the run is in other hands.
            Conflict: it was cancelled.
            TookTooLong: its time is over.
        """
        self._change(id, lambda run, at: job.stepped(run, name, at))
        try:
            value = do()
        except FareroError as failure:
            # What was stopped from outside fails in some way or other; the reason is what counts.
            cause = self._mine[id].stop or failure
            self._change(id, lambda run, at: job.step_ended(run, at, said=None, error=str(cause)), asked=False)
            if cause is not failure:
                raise cause from failure
            raise
        self._change(id, lambda run, at: job.step_ended(run, at, said=say(value), error=None))
        return value

    def book(self, id: str, choose: Callable[[], Window]) -> Window:
        """The span that a run of ours is booked under: chosen once, however often the run is taken up."""
        with self.store.read() as conn:
            known = job_runs.get(conn, id).window
        if known is not None:
            return known
        window = choose()
        self._change(id, lambda run, _: replace(run, window=window))
        return window

    def end(self, id: str, status: JobStatus, *, result: str | None = None, error: str | None = None) -> JobRun:
        """Note how a run of ours ended, and let go of it."""
        run = self._change(id, lambda run, at: job.ended(run, at, status, result=result, error=error), asked=False)
        self._tell(run)
        return run

    def fail(
        self, id: str, failure: Exception, *, mendable: bool, settle: Callable[[JobRun, str], None] = lambda run, error: None
    ) -> JobRun:  # fmt: skip
        """Note a failure and let go of the run: it is cancelled, waits for another try, or has failed.

        Args:
            mendable: whether another try may help.
            settle: called with the run and the reason before its end is noted, where no other try follows: taken again after a cut-off.

        Raises:
            LeaseHeld: it is in other hands now; nothing was noted.
        """
        stop = self._mine[id].stop
        if isinstance(stop, LeaseHeld):
            self.release(id)
            raise stop from failure
        text = str(stop or failure) or type(failure).__name__
        mendable = mendable and stop is None
        with self.store.read() as conn:
            run = job_runs.get(conn, id)
        if not mendable or run.attempt >= run.retries:
            settle(run, text)
        if isinstance(stop, Conflict):
            return self.end(id, "cancelled", error=text)
        run = self._change(id, lambda run, at: job.failed(run, at, text, mendable=mendable), asked=False)
        self._tell(run)
        return run

    def release(self, id: str) -> None:
        """Let go of a run without a word, as after its database failed: whoever looks next takes it up."""
        self._mine.pop(id, None)

    def cancel(self, id: str, *, by: str) -> JobRun:
        """Take a waiting run out of the queue; ask the process that carries it out to stop.

        Raises:
            Conflict: it is over.
        """
        with self.store.write() as conn:
            run = job_runs.get(conn, id)
            if not run.is_open:
                raise Conflict(f"The run {id} is over: {run.status}.", hint=f"See it with: {_SHOW} {id}.")
            now = self.clock.now()
            if run.status == "queued" or self._is_abandoned(run):
                run = job.ended(run, now, "cancelled", error=f"cancelled by {by}")
            else:
                run = replace(run, stop_asked_by=by, log=(*run.log, LogLine(at=now, text=f"{by} asked to stop")))
            job_runs.put(conn, run)
        log("job.cancelled", job=run.job, run=id, by=by)
        return run

    def _change(self, id: str, change: Callable[[JobRun, datetime], JobRun], *, asked: bool = True) -> JobRun:
        """Write a run of ours; `asked`: only while nothing says that it must stop."""
        mine = self._mine[id]
        if asked and mine.stop is not None:
            raise mine.stop
        with self.store.write() as conn:
            run = self._still_ours(conn, id)
            run = change(run, self.clock.now())
            job_runs.put(conn, run)
        return run

    def _still_ours(self, conn: Connection, id: str) -> JobRun:
        run = job_runs.get(conn, id)
        if run.executor != self.executor or run.status != "running":
            raise LeaseHeld(f"The run {id} is in other hands now: {run.status}, {run.executor}.")
        return run

    def _tell(self, run: JobRun) -> None:
        self.release(run.id)
        level: Level = "error" if run.status == "failed" else "warning" if run.status == "queued" else "info"
        log("job.finished", level=level, job=run.job, run=run.id, status=run.status, attempt=run.attempt)

    def _is_abandoned(self, run: JobRun) -> bool:
        """Whether the process that holds this run is gone, or has been silent for too long; or is ourselves, who have let go of it."""
        if run.executor == self.executor:
            return run.id not in self._mine
        if self.is_gone(run.executor):
            return True
        now = self.steady()
        beat, since = self._seen.get(run.id, (-1, now))
        if beat != run.beat:
            self._seen[run.id] = (run.beat, now)
            return False
        return now - since > SILENT_S


_SHOW = "farero jobs show"
