"""The routes of jobs: what is done by itself, when, and how each time went."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query

from farero.core.job import JobRun, JobStatus, JobView, Verb
from farero.rest.bodies import MoveIn, Strict

if TYPE_CHECKING:
    from farero.app import App

Last = Annotated[int, Query(ge=1, le=10_000, description="The newest so many.")]


class JobStepOut(Strict):
    """A step of a run. While it goes on, `finished` is null."""

    name: str
    started: datetime
    finished: datetime | None
    said: str | None
    error: str | None


class LogLineOut(Strict):
    """A line of a run's log."""

    at: datetime
    text: str


class WindowOut(Strict):
    """The span that a run is booked under."""

    start: datetime
    end: datetime


class JobRunOut(Strict):
    """A run of a job. `attempt` counts tries that failed; `executor` is the process that has it, or had it last."""

    id: str
    job: str
    model: str
    verb: Verb
    status: JobStatus
    because: str
    queued_at: datetime
    due_at: datetime
    scheduled_for: datetime | None
    started: datetime | None
    finished: datetime | None
    attempt: int
    executor: str
    stop_asked_by: str | None
    result: str | None
    error: str | None
    window: WindowOut | None
    timeout_s: float
    retries: int
    steps: list[JobStepOut]
    log: list[LogLineOut]


class JobOut(Strict):
    """A job. `words` says its schedule in plain words."""

    name: str
    model: str
    verb: Verb
    schedule: str | None
    zone: str | None
    words: str
    after: list[str]
    next_at: datetime | None
    last: JobRunOut | None


def add_jobs(api: FastAPI, app: App, *, responses: dict[int | str, dict[str, Any]]) -> None:
    """Add the routes.

    Args:
        responses: what they may answer beside 200.
    """
    tags: list[Any] = ["jobs"]

    @api.get("/v1/jobs", tags=tags, summary="Every job with its next moment and its last run")
    def every() -> list[JobOut]:
        return [job_out(job) for job in app.jobs()]

    @api.get("/v1/job-runs", tags=tags, summary="Runs of jobs, newest first")
    def runs(job: str | None = None, model: str | None = None, status: JobStatus | None = None, last: Last = 50) -> list[JobRunOut]:
        return [run_out(run) for run in app.job_runs(job=job, model=model, status=status, last=last)]

    @api.get("/v1/job-runs/{id:path}", tags=tags, summary="One run with its steps and its log", responses=responses)
    def one_run(id: str) -> JobRunOut:
        return run_out(app.job_run(id))

    @api.post("/v1/job-runs/{id:path}/cancel", tags=tags, summary="Take a run out of the queue, or stop it", responses=responses)
    def cancel(id: str, asked: MoveIn) -> JobRunOut:
        return run_out(app.cancel_job(id, by=asked.by))

    @api.get("/v1/jobs/{name}", tags=tags, summary="One job", responses=responses)
    def one(name: str) -> JobOut:
        return job_out(app.job(name))

    @api.post("/v1/jobs/{name}/run", tags=tags, summary="Queue a run now", responses=responses, status_code=202)
    def run(name: str, asked: MoveIn) -> JobRunOut:
        return run_out(app.run_job(name, by=asked.by, because=asked.because))


def run_out(run: JobRun) -> JobRunOut:
    """A run as it is sent."""
    return JobRunOut.model_validate({key: value for key, value in asdict(run).items() if key in JobRunOut.model_fields})


def job_out(job: JobView) -> JobOut:
    """A job as it is sent."""
    return JobOut(
        name=job.name, model=job.model, verb=job.verb, schedule=job.schedule, zone=job.zone, words=job.words, after=list(job.after),
        next_at=job.next_at, last=None if job.last is None else run_out(job.last),
    )  # fmt: skip
