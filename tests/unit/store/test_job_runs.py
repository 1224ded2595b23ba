from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.store.values import T0, day

from farero.core.job import JobRun
from farero.errors import NotFound
from farero.store import job_runs
from farero.store.database import Store


def run(number: int, **changes: object) -> JobRun:
    at = T0 + timedelta(minutes=number)
    made = JobRun(id=f"nightly/{number}", job="nightly", model="churn", verb="retrain", because="asked for", queued_at=at, due_at=at)
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.row("R13")
def test_a_run_is_queued_once_whoever_orders_it(store: Store) -> None:
    with store.write() as conn:
        assert job_runs.add(conn, run(1, window=day(0)))
        assert not job_runs.add(conn, run(1, because="another reason"))
        assert job_runs.get(conn, "nightly/1") == run(1, window=day(0))


def test_open_runs_are_listed_oldest_first_until_they_are_over(store: Store) -> None:
    with store.write() as conn:
        for number in (2, 1, 3):
            job_runs.add(conn, run(number))
        job_runs.put(conn, run(1, status="running"))
        job_runs.put(conn, run(2, status="failed", error="no rows"))
        assert [found.id for found in job_runs.open(conn)] == ["nightly/1", "nightly/3"]


def test_history_is_listed_newest_first_and_by_job_model_and_status(store: Store) -> None:
    with store.write() as conn:
        for number in (1, 2, 3):
            job_runs.add(conn, run(number, status="succeeded" if number == 2 else "skipped"))
        job_runs.add(conn, run(4, job="tidy", model="risk"))
        assert [found.id for found in job_runs.all(conn, last=2)] == ["nightly/4", "nightly/3"]
        assert [found.id for found in job_runs.all(conn, job="nightly", status="succeeded")] == ["nightly/2"]
        assert [found.id for found in job_runs.all(conn, model="risk")] == ["nightly/4"]


def test_a_run_that_was_never_ordered_is_named(store: Store) -> None:
    with store.read() as conn, pytest.raises(NotFound, match="nightly/9"):
        job_runs.get(conn, "nightly/9")
