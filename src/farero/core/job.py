"""A job and its runs: what is to be done by itself, when, and how each time went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from farero.core.schedule import Schedule, last_between, next_after
from farero.core.window import Window

Verb: TypeAlias = Literal["retrain", "compact"]
Missed: TypeAlias = Literal["once", "skip"]
JobStatus: TypeAlias = Literal["queued", "running", "succeeded", "failed", "cancelled", "skipped"]

FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(hours=1)
LATE_AFTER = timedelta(minutes=1)
"""A moment that is found this late was missed: the service was off, or its clock jumped."""

KEPT_LINES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something that is done by itself, at a schedule or after other jobs.

    Attributes:
        after: names of jobs; this one follows once each of them has succeeded since its own last run.
        timeout_s: a run that takes longer is stopped [s].
        retries: further tries after a failure that another try may mend.
        missed: what becomes of a moment at which nothing ran: one run on the next start, or a line in the history.
    """

    name: str
    model: str
    verb: Verb
    schedule: Schedule | None = None
    after: tuple[str, ...] = ()
    timeout_s: float = 6 * 3600.0
    retries: int = 3
    missed: Missed = "once"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStep:
    """One step of a run; `said` is its result in words, `error` why it failed. Both are None while it goes on."""

    name: str
    started: datetime
    finished: datetime | None = None
    said: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of a run's log."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """One run of a job, from its order to its end.

    Attributes:
        window: what it is booked under; None where the verb needs none.
        due_at: not before; later than `queued_at` while it waits for another try.
        scheduled_for: the moment of the schedule that it belongs to.
        attempt: how often it was begun after a failure; a run that is taken over from a dead process goes on with the same attempt.
        executor: the process that carries it out, or did last; `beat` grows while that process lives.
        stop_asked_by: who cancelled it while it ran.
    """

    id: str
    job: str
    model: str
    verb: Verb
    because: str
    queued_at: datetime
    due_at: datetime
    status: JobStatus = "queued"
    window: Window | None = None
    scheduled_for: datetime | None = None
    timeout_s: float = 6 * 3600.0
    retries: int = 3
    started: datetime | None = None
    finished: datetime | None = None
    attempt: int = 0
    executor: str = ""
    beat: int = 0
    stop_asked_by: str | None = None
    result: str | None = None
    error: str | None = None
    steps: tuple[JobStep, ...] = ()
    log: tuple[LogLine, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done or under way."""
        return self.status in ("queued", "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job as lists show it."""

    name: str
    model: str
    verb: Verb
    schedule: str | None
    words: str
    zone: str | None
    after: tuple[str, ...]
    next_at: datetime | None
    last: JobRun | None


def order(job: Job, *, id: str, because: str, at: datetime, scheduled_for: datetime | None = None) -> JobRun:
    """A run of a job, to be queued."""
    return JobRun(
        id=id, job=job.name, model=job.model, verb=job.verb, because=because, queued_at=at, due_at=at, scheduled_for=scheduled_for,
        timeout_s=job.timeout_s, retries=job.retries,
    )  # fmt: skip


def scheduled(job: Job, since: datetime, now: datetime) -> JobRun | None:
    """The run that the schedule asks for between `since` and now: one, however many moments went by, named after the last of them.

    The same moment has the same id whoever plans it, so that two workers queue it once, and a clock that goes back does not repeat it.
    """
    if job.schedule is None or now <= since:
        return None
    moment, count = last_between(job.schedule, since, now)
    if moment is None:
        return None
    because = f"scheduled: {job.schedule}"
    late = now - moment > LATE_AFTER
    if late or count > 1:
        earlier = f"{count} moments" if count > 1 else "the moment"
        because += f"; {earlier} up to {moment:%Y-%m-%dT%H:%M:%SZ} went by while nothing ran"
    run = order(job, id=f"{job.name}/{moment:%Y%m%dT%H%M%SZ}", because=because, at=now, scheduled_for=moment)
    return replace(run, status="skipped", finished=now) if late and job.missed == "skip" else run


def following(job: Job, now: datetime, succeeded: dict[str, JobRun | None], last: JobRun | None) -> JobRun | None:
    """The run that a job after others is due for: all of them have succeeded since its own last run was ordered."""
    found = [succeeded.get(name) for name in job.after]
    newest = [run for run in found if run is not None and run.finished is not None and (last is None or run.finished > last.queued_at)]
    if not job.after or len(newest) < len(job.after):
        return None
    because = f"after {', '.join(run.id for run in newest)}"
    return order(job, id=f"{job.name}/after/{'+'.join(run.id for run in newest)}", because=because, at=now)


def next_at(job: Job, now: datetime) -> datetime | None:
    """When the schedule asks for the next run."""
    return None if job.schedule is None else next_after(job.schedule, now)


def wait(attempt: int) -> timedelta:
    """How long to wait before the next try, after so many that failed.

    >>> wait(1), wait(3)
    (datetime.timedelta(seconds=10), datetime.timedelta(seconds=40))
    """
    return min(FIRST_RETRY * (1 << min(attempt - 1, 20)), LONGEST_RETRY)


def begun(run: JobRun, executor: str, at: datetime) -> JobRun:
    """The run in the hands of a process; where another one died with it, the log says so."""
    taken = (LogLine(at=at, text=f"taken over from {run.executor}, which is gone"),) if run.status == "running" else ()
    unfinished = tuple(step for step in run.steps if step.finished is not None)
    return replace(
        run, status="running", executor=executor, started=run.started or at, beat=run.beat + 1, steps=unfinished,
        log=(*run.log, *taken)[-KEPT_LINES:],
    )  # fmt: skip


def stepped(run: JobRun, name: str, at: datetime) -> JobRun:
    """With a step that begins. One of the same name that an earlier try has left is replaced."""
    return replace(run, steps=(*(step for step in run.steps if step.name != name), JobStep(name=name, started=at)))


def step_ended(run: JobRun, at: datetime, *, said: str | None, error: str | None) -> JobRun:
    """With its last step at an end."""
    *before, last = run.steps
    text = f"{last.name}: {said}" if error is None else f"{last.name} failed: {error}"
    return replace(
        run, steps=(*before, replace(last, finished=at, said=said, error=error)), log=(*run.log, LogLine(at=at, text=text))[-KEPT_LINES:]
    )


def failed(run: JobRun, at: datetime, error: str, *, mendable: bool) -> JobRun:
    """After a failure: queued for another try where one may mend it and is left, else failed."""
    attempt = run.attempt + 1
    if mendable and attempt <= run.retries:
        line = LogLine(at=at, text=f"try {attempt} failed: {error}; the next one is in {wait(attempt)}")
        return replace(run, status="queued", attempt=attempt, due_at=at + wait(attempt), executor="", log=(*run.log, line)[-KEPT_LINES:])
    return ended(replace(run, attempt=attempt), at, "failed", error=error)


def ended(run: JobRun, at: datetime, status: JobStatus, *, result: str | None = None, error: str | None = None) -> JobRun:
    """At its end."""
    line = LogLine(at=at, text=f"{status}: {error or result or ''}".rstrip(": "))
    return replace(run, status=status, finished=at, result=result, error=error, log=(*run.log, line)[-KEPT_LINES:])


def in_the_way(run: JobRun, others: Sequence[JobRun]) -> JobRun | None:
    """The run of the same model that is under way, and so keeps this one waiting."""
    return next((other for other in others if other.id != run.id and other.model == run.model and other.status == "running"), None)
