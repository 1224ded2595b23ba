from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from farero.core import job
from farero.core.job import KEPT_LINES, Job, JobRun
from farero.core.schedule import parse

T0 = datetime(2024, 5, 1, 12, tzinfo=UTC)
NIGHTLY = Job(name="nightly", model="churn", verb="retrain", schedule=parse("0 2 * * *"))
TWO = datetime(2024, 5, 2, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def run(**changes: object) -> JobRun:
    return replace(job.order(NIGHTLY, id="nightly/1", because="asked for", at=T0), **changes)  # type: ignore[arg-type]


@pytest.mark.row("R13")
def test_a_moment_that_has_come_is_one_run_named_after_it() -> None:
    assert job.scheduled(NIGHTLY, T0, TWO - MINUTE) is None
    due = job.scheduled(NIGHTLY, T0, TWO + MINUTE / 2)
    assert due is not None
    assert (due.id, due.status, due.scheduled_for) == ("nightly/20240502T020000Z", "queued", TWO)
    assert due.because == "scheduled: 0 2 * * * UTC"


@pytest.mark.row("R13")
def test_moments_that_were_missed_are_one_run_that_says_so() -> None:
    due = job.scheduled(NIGHTLY, T0, TWO + timedelta(days=2, hours=5))
    assert due is not None and due.status == "queued"
    assert due.scheduled_for == TWO + timedelta(days=2)
    assert due.because == "scheduled: 0 2 * * * UTC; 3 moments up to 2024-05-04T02:00:00Z went by while nothing ran"


@pytest.mark.row("R13")
def test_moments_that_were_missed_are_only_noted_where_the_job_says_so() -> None:
    skipping = replace(NIGHTLY, missed="skip")
    noted = job.scheduled(skipping, T0, TWO + timedelta(hours=5))
    assert noted is not None
    assert (noted.status, noted.finished, noted.is_open) == ("skipped", TWO + timedelta(hours=5), False)
    on_time = job.scheduled(skipping, T0, TWO + MINUTE / 2)
    assert on_time is not None and on_time.status == "queued"


def test_a_clock_that_went_back_asks_for_nothing_and_a_job_without_a_schedule_never_does() -> None:
    assert job.scheduled(NIGHTLY, TWO, TWO - timedelta(hours=3)) is None
    assert job.scheduled(replace(NIGHTLY, schedule=None), T0, TWO) is None
    assert job.next_at(NIGHTLY, T0) == TWO
    assert job.next_at(replace(NIGHTLY, schedule=None), T0) is None


@pytest.mark.row("R13")
def test_a_job_follows_once_all_others_have_succeeded_since_it_was_last_ordered() -> None:
    after = Job(name="tidy", model="churn", verb="compact", after=("nightly", "weekly"))
    first = run(status="succeeded", finished=T0 + MINUTE)
    second = run(id="weekly/1", job="weekly", status="succeeded", finished=T0 + 2 * MINUTE)
    assert job.following(after, TWO, {"nightly": first, "weekly": None}, None) is None
    due = job.following(after, TWO, {"nightly": first, "weekly": second}, None)
    assert due is not None
    assert (due.id, due.because) == ("tidy/after/nightly/1+weekly/1", "after nightly/1, weekly/1")
    assert job.following(after, TWO, {"nightly": first, "weekly": second}, replace(due, queued_at=T0 + 3 * MINUTE)) is None
    assert job.following(NIGHTLY, TWO, {}, None) is None


@pytest.mark.row("R13")
def test_a_failure_that_may_be_mended_waits_ever_longer_and_then_counts() -> None:
    tried = run(retries=2)
    waits = []
    for number in range(2):
        tried = job.failed(tried, T0, "no database", mendable=True)
        assert (tried.status, tried.attempt) == ("queued", number + 1)
        waits.append((tried.due_at - T0).total_seconds())
    assert waits == [10.0, 20.0]
    over = job.failed(tried, T0, "no database", mendable=True)
    assert (over.status, over.error, over.finished) == ("failed", "no database", T0)
    assert job.failed(run(), T0, "bad rows", mendable=False).status == "failed"
    assert job.wait(100) == timedelta(hours=1)


def test_a_run_that_is_taken_over_keeps_its_attempt_and_its_finished_steps_and_says_from_whom() -> None:
    held = job.stepped(job.begun(run(), "one", T0), "train", T0)
    held = job.stepped(job.step_ended(held, T0 + MINUTE, said="1.1.0", error=None), "judge", T0 + MINUTE)
    taken = job.begun(held, "two", T0 + 2 * MINUTE)
    assert (taken.executor, taken.attempt, taken.started) == ("two", 0, T0)
    assert [(step.name, step.said) for step in taken.steps] == [("train", "1.1.0")]
    assert taken.log[-1].text == "taken over from one, which is gone"
    assert taken.beat > held.beat


def test_a_step_that_is_taken_again_stands_once() -> None:
    held = job.step_ended(job.stepped(job.begun(run(), "one", T0), "judge", T0), T0, said=None, error="stale")
    held = job.step_ended(job.stepped(held, "judge", T0 + MINUTE), T0 + MINUTE, said="accepted", error=None)
    assert [(step.name, step.said, step.error) for step in held.steps] == [("judge", "accepted", None)]
    assert [line.text for line in held.log] == ["judge failed: stale", "judge: accepted"]


def test_a_log_keeps_its_last_lines() -> None:
    held = job.begun(run(), "one", T0)
    for number in range(KEPT_LINES + 5):
        held = job.step_ended(job.stepped(held, "judge", T0), T0, said=str(number), error=None)
    assert (len(held.log), held.log[-1].text) == (KEPT_LINES, f"judge: {KEPT_LINES + 4}")


def test_only_a_run_of_the_same_model_that_is_under_way_is_in_the_way() -> None:
    mine = run()
    assert job.in_the_way(mine, [mine, run(id="2"), run(id="3", model="other", status="running")]) is None
    other = run(id="4", status="running")
    assert job.in_the_way(mine, [mine, other]) == other
    assert job.ended(mine, T0, "succeeded", result="1.1.0 is in production").log[-1].text == "succeeded: 1.1.0 is in production"
