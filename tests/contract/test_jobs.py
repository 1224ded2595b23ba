"""What every adapter of the Jobs port promises: a run that is submitted is carried out, and its steps keep their values and failures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.databases import empty

from farero.adapters.dbos_jobs import DbosJobs
from farero.adapters.thread_jobs import ThreadJobs
from farero.errors import TrainFailed
from farero.ports import Jobs, Step

WITHIN_S = 30


class Carried:
    """Takes runs as the app would, and says what it was given."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.done = threading.Condition()
        self.hold = threading.Event()
        self.hold.set()
        self.begun = threading.Event()
        self.values: list[object] = []
        self.steps: Callable[[Step], None] = lambda step: None

    def __call__(self, id: str, step: Step) -> None:
        self.begun.set()
        self.hold.wait(WITHIN_S)
        try:
            self.steps(step)
        finally:
            with self.done:
                self.runs.append(id)
                self.done.notify_all()

    def wait(self, count: int) -> None:
        with self.done:
            assert self.done.wait_for(lambda: len(self.runs) >= count, WITHIN_S), self.runs


@pytest.fixture(params=["thread", "dbos-file", "dbos-postgresql"])
def jobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Jobs]:
    if request.param == "thread":
        yield ThreadJobs()
        return
    pytest.importorskip("dbos", reason="DBOS is not installed: pip install 'farero[jobs]'")
    with empty(request.param.removeprefix("dbos-"), tmp_path) as url:
        schema = url.rpartition("search_path%3D")[2] if "search_path" in url else "farero_jobs"
        yield DbosJobs(url, "here:1", is_gone=lambda name: False, schema=schema)


@pytest.fixture
def carried(jobs: Jobs) -> Iterator[Carried]:
    made = Carried()
    jobs.start(made)
    yield made
    made.hold.set()
    jobs.stop(10.0)


@pytest.mark.row("R13")
def test_a_run_that_is_submitted_is_carried_out_once(jobs: Jobs, carried: Carried) -> None:
    carried.hold.clear()
    jobs.submit("a/1")
    assert carried.begun.wait(WITHIN_S)
    jobs.submit("a/1")
    jobs.submit("b/1")
    jobs.submit("b/1")
    carried.hold.set()
    carried.wait(2)
    assert sorted(carried.runs) == ["a/1", "b/1"]


@pytest.mark.row("R13")
def test_a_run_that_ended_without_being_done_is_carried_out_again_when_it_is_submitted_again(jobs: Jobs, carried: Carried) -> None:
    for number in range(3):
        carried.begun.clear()
        _until(lambda: jobs.submit("a/1"), carried.begun)
        carried.wait(number + 1)
    assert carried.runs == ["a/1"] * 3


def _until(submit: Callable[[], None], begun: threading.Event) -> None:
    """Submit until it is taken: the end of the try before may not be noted yet, as it may not with a turn of the loop."""
    for _ in range(WITHIN_S * 5):
        submit()
        if begun.wait(0.2):
            return
    raise AssertionError("never taken")


@pytest.mark.row("R13")
def test_steps_return_their_values_and_raise_their_failures_as_they_are(jobs: Jobs, carried: Carried) -> None:
    made = object()  # of any kind: nothing of it is written down
    failure = TrainFailed("out of memory")

    def fail() -> None:
        raise failure

    def steps(step: Step) -> None:
        carried.values.append(step("train", lambda: made))
        try:
            step("judge", fail)
        except TrainFailed as caught:
            carried.values.append(caught)
        carried.values.append(step("judge", lambda: 2))

    carried.steps = steps
    jobs.submit("a/1")
    carried.wait(1)
    assert carried.values == [made, failure, 2]
    assert carried.values[0] is made


@pytest.mark.row("R13")
def test_one_run_at_a_time_is_carried_out_by_a_process(jobs: Jobs, carried: Carried) -> None:
    under_way, most = 0, 0
    lock = threading.Lock()

    def steps(step: Step) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        step("train", lambda: threading.Event().wait(0.05))
        with lock:
            under_way -= 1

    carried.steps = steps
    for number in range(4):
        jobs.submit(f"a/{number}")
    carried.wait(4)
    assert most == 1


def test_stopping_waits_for_the_run_under_way_and_says_whether_it_ended(jobs: Jobs, carried: Carried) -> None:
    carried.hold.clear()
    jobs.submit("a/1")
    assert carried.begun.wait(WITHIN_S)
    threading.Timer(0.3, carried.hold.set).start()
    assert jobs.stop(10.0)
    assert carried.runs == ["a/1"]
