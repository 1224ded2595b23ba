"""The routes of jobs on a stand-in for the application: what they ask for, and what they answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from tests.asgi import InProcess
from tests.standin import START, Standin, late

from farero.app import App
from farero.core.job import JobRun, JobStep, JobView, LogLine
from farero.core.window import Window
from farero.errors import NotFound
from farero.rest.api import make_api

RUN = JobRun(
    id="nightly/20110704T020000Z", job="nightly", model="flights", verb="retrain", because="scheduled", queued_at=START, due_at=START,
    status="running", window=Window(start=START, end=START), steps=(JobStep(name="train", started=START),),
    log=(LogLine(at=START, text="taken over"),),
)  # fmt: skip
JOB = JobView(
    name="nightly", model="flights", verb="retrain", schedule="0 2 * * *", words="every day at 02:00 UTC", zone="UTC", after=(),
    next_at=START, last=RUN,
)  # fmt: skip


class Asked(Standin):
    """One job with one run; keeps what was asked for."""

    def __init__(self) -> None:
        super().__init__(late())
        self.asked: list[Any] = []

    def jobs(self) -> list[JobView]:
        return [JOB]

    def job(self, name: str) -> JobView:
        if name != "nightly":
            raise NotFound(f"There is no job {name!r}.")
        return JOB

    def job_runs(self, **options: Any) -> list[JobRun]:
        self.asked.append(options)
        return [RUN]

    def job_run(self, id: str) -> JobRun:
        if id != RUN.id:
            raise NotFound(f"There is no run {id!r}.")
        return RUN

    def run_job(self, name: str, *, by: str, because: str) -> JobRun:
        self.asked.append((name, by, because))
        return replace(RUN, status="queued")

    def cancel_job(self, id: str, *, by: str) -> JobRun:
        self.asked.append((id, by))
        return replace(RUN, status="cancelled")


@pytest.fixture
def app() -> Asked:
    return Asked()


@pytest.fixture
def http(app: Asked) -> InProcess:
    return InProcess(make_api(cast(App, app)))


@pytest.mark.row("R13")
def test_jobs_are_answered_with_their_next_moment_and_their_last_run(http: InProcess) -> None:
    (job,) = http.get("/v1/jobs").json()
    assert (job["name"], job["words"], job["last"]["steps"][0]["name"]) == ("nightly", "every day at 02:00 UTC", "train")
    assert http.get("/v1/jobs/nightly").json() == job
    assert http.get("/v1/jobs/weekly").status_code == 404


@pytest.mark.row("R13")
def test_runs_are_answered_with_live_steps_and_their_log(http: InProcess, app: Asked) -> None:
    (run,) = http.get("/v1/job-runs?job=nightly&status=running&last=5").json()
    assert app.asked == [{"job": "nightly", "model": None, "status": "running", "last": 5}]
    assert (run["steps"][0]["finished"], run["log"][0]["text"], run["window"] is not None) == (None, "taken over", True)
    assert http.get(f"/v1/job-runs/{RUN.id}").json() == run
    assert http.get("/v1/job-runs/nightly/1").status_code == 404
    assert http.get("/v1/job-runs?status=lost").status_code == 422


@pytest.mark.row("R13")
def test_a_run_is_queued_and_cancelled_with_who_and_why(http: InProcess, app: Asked) -> None:
    queued = http.post("/v1/jobs/nightly/run", json={"by": "ana", "because": "a new season"})
    assert (queued.status_code, queued.json()["status"]) == (202, "queued")
    cancelled = http.post(f"/v1/job-runs/{RUN.id}/cancel", json={"by": "ana"})
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert app.asked == [("nightly", "ana", "a new season"), (RUN.id, "ana")]
