"""Who holds a run: one process at a time, whatever dies, hangs or has a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from farero.adapters.manual_clock import ManualClock
from farero.core.job import JobRun
from farero.core.window import Window
from farero.errors import Conflict, LeaseHeld, StoreUnavailable, TookTooLong, TrainFailed
from farero.flow.jobs import SILENT_S, Queue
from farero.store import job_runs
from farero.store.database import Store

T0 = datetime(2024, 5, 1, tzinfo=UTC)


class World:
    """Processes that share one database, a clock on the wall, and a steady one."""

    def __init__(self) -> None:
        self.store = Store.memory()
        self.clock = ManualClock(T0)
        self.steady = 0.0
        self.dead: set[str] = set()

    def process(self, name: str) -> Queue:
        return Queue(store=self.store, clock=self.clock, executor=name, is_gone=self.dead.__contains__, steady=lambda: self.steady)

    def stored(self, id: str) -> JobRun:
        with self.store.read() as conn:
            return job_runs.get(conn, id)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.store.close()


def order(id: str = "a/1", **changes: object) -> JobRun:
    made = JobRun(id=id, job="a", model="churn", verb="retrain", because="asked for", queued_at=T0, due_at=T0)
    return replace(made, **changes)  # type: ignore[arg-type]


def ids(runs: list[JobRun]) -> list[str]:
    return [run.id for run in runs]


@pytest.mark.row("R13")
def test_a_run_is_carried_out_by_one_process(world: World) -> None:
    one, two = world.process("one"), world.process("two")
    one.add(order())
    assert two.add(order(because="another reason")).because == "asked for"
    assert ids(one.runnable()) == ids(two.runnable()) == ["a/1"]
    assert one.claim("a/1").executor == "one"
    assert one.runnable() == two.runnable() == []
    with pytest.raises(LeaseHeld, match="a/1"):
        two.claim("a/1")
    assert one.end("a/1", "succeeded", result="1.1.0").log[-1].text == "succeeded: 1.1.0"
    with pytest.raises(Conflict, match="is succeeded"):
        two.claim("a/1")


@pytest.mark.row("R13")
def test_runs_of_one_model_wait_for_each_other_and_those_of_two_do_not(world: World) -> None:
    one, two = world.process("one"), world.process("two")
    for run in (order("a/1"), order("b/1", job="b"), order("c/1", model="risk")):
        one.add(run)
    assert ids(one.runnable()) == ["a/1", "c/1"]
    one.claim("a/1")
    assert ids(two.runnable()) == ["c/1"]
    with pytest.raises(LeaseHeld, match="a/1"):
        two.claim("b/1")
    two.claim("c/1")
    one.end("a/1", "failed", error="no rows")
    assert two.claim("b/1").status == "running"


@pytest.mark.row("R13")
def test_a_run_of_a_process_that_is_known_to_be_dead_is_taken_over_at_once(world: World) -> None:
    one, two = world.process("one"), world.process("two")
    one.add(order())
    one.claim("a/1")
    assert two.runnable() == []
    world.dead.add("one")
    assert ids(two.runnable()) == ["a/1"]
    assert two.claim("a/1").log[-1].text == "taken over from one, which is gone"


@pytest.mark.row("R13")
def test_a_run_of_a_process_that_is_silent_is_taken_over_after_a_while_of_a_steady_clock(world: World) -> None:
    one, two = world.process("one"), world.process("two")
    one.add(order())
    one.claim("a/1")
    assert two.runnable() == []
    world.steady += SILENT_S - 1
    one.beat()
    world.clock.set(T0 + timedelta(days=400))  # a clock that jumps makes nobody dead
    assert two.runnable() == []
    world.steady += SILENT_S - 1
    assert two.runnable() == []
    world.steady += 2
    assert ids(two.runnable()) == ["a/1"]
    two.claim("a/1")
    assert one.beat()  # alive after all: it hears at once, and
    with pytest.raises(LeaseHeld):  # takes no further step
        one.step("a/1", "judge", lambda: "never", str)
    assert [step.name for step in world.stored("a/1").steps] == []


def test_a_process_that_has_not_heard_yet_takes_no_step_of_a_run_that_is_in_other_hands(world: World) -> None:
    one, two = world.process("one"), world.process("two")
    one.add(order())
    one.claim("a/1")
    world.dead.add("one")
    two.claim("a/1")
    with pytest.raises(LeaseHeld, match="other hands"):
        one.step("a/1", "judge", lambda: "never", str)
    with pytest.raises(LeaseHeld):
        one.end("a/1", "succeeded")
    assert world.stored("a/1").executor == "two"


def test_a_run_that_its_own_process_let_go_of_is_taken_up_again(world: World) -> None:
    one = world.process("one")
    one.add(order())
    one.claim("a/1")
    one.release("a/1")  # as after its database failed
    assert ids(one.runnable()) == ["a/1"]
    assert one.claim("a/1").attempt == 0


@pytest.mark.row("R13")
def test_steps_are_kept_with_what_they_came_to(world: World) -> None:
    one = world.process("one")
    one.add(order())
    one.claim("a/1")
    assert one.step("a/1", "train", lambda: 3, lambda value: f"{value} rows") == 3
    with pytest.raises(TrainFailed):
        one.step("a/1", "refit", _fail, str)
    assert [(s.name, s.said, s.error) for s in world.stored("a/1").steps] == [("train", "3 rows", None), ("refit", None, "out of memory")]


def _fail() -> str:
    raise TrainFailed("out of memory")


@pytest.mark.row("R13")
def test_a_waiting_run_that_is_cancelled_never_starts(world: World) -> None:
    one = world.process("one")
    one.add(order())
    assert one.cancel("a/1", by="ana").error == "cancelled by ana"
    assert one.runnable() == []
    with pytest.raises(Conflict, match="is over"):
        one.cancel("a/1", by="ana")


@pytest.mark.row("R13")
def test_a_run_that_is_cancelled_stops_at_its_next_step_and_is_told_as_cancelled(world: World) -> None:
    one, two = world.process("one"), world.process("two")
    one.add(order())
    one.claim("a/1")
    assert two.cancel("a/1", by="ana").status == "running"
    assert one.beat()
    with pytest.raises(Conflict, match="cancelled by ana") as stopped:
        one.step("a/1", "judge", lambda: "never", str)
    over = one.fail("a/1", stopped.value, mendable=True)
    assert (over.status, over.attempt) == ("cancelled", 0)


def test_a_step_that_fails_because_it_was_stopped_says_why_it_was_stopped(world: World) -> None:
    one = world.process("one")
    one.add(order())
    one.claim("a/1")

    def killed() -> str:
        one.cancel("a/1", by="ana")
        one.beat()
        raise TrainFailed("it was killed by SIGKILL")

    with pytest.raises(Conflict, match="cancelled by ana"):
        one.step("a/1", "train", killed, str)


@pytest.mark.row("R13")
def test_a_run_that_takes_too_long_is_stopped_and_not_tried_again(world: World) -> None:
    one = world.process("one")
    one.add(order(timeout_s=60.0))
    one.claim("a/1")
    assert not one.beat()
    world.steady += 61
    assert one.beat()
    with pytest.raises(TookTooLong, match="longer than 60 s") as late:
        one.step("a/1", "judge", lambda: "never", str)
    over = one.fail("a/1", late.value, mendable=True)
    assert (over.status, over.error) == ("failed", "The run a/1 took longer than 60 s.")


@pytest.mark.row("R13")
def test_a_run_that_failed_waits_for_its_next_try(world: World) -> None:
    one = world.process("one")
    one.add(order(retries=1))
    one.claim("a/1")
    assert one.fail("a/1", StoreUnavailable("gone"), mendable=True).status == "queued"
    assert one.runnable() == []
    with pytest.raises(Conflict):
        one.claim("a/1")
    world.clock.set(T0 + timedelta(seconds=10))
    assert ids(one.runnable()) == ["a/1"]
    one.claim("a/1")
    assert one.fail("a/1", StoreUnavailable("gone"), mendable=True).status == "failed"


def test_the_span_of_a_run_is_chosen_once(world: World) -> None:
    one = world.process("one")
    one.add(order())
    one.claim("a/1")
    window = Window(start=T0, end=T0 + timedelta(days=1))
    assert one.book("a/1", lambda: window) == window
    assert one.book("a/1", lambda: pytest.fail("asked again")) == window
