from __future__ import annotations

from datetime import timedelta

import pytest
from tests.benches import T0

from farero.adapters.memory_log import MemoryLog
from farero.core.objective import BUCKET, Objective
from farero.core.prediction import Record
from farero.core.window import Window
from farero.flow.promise import FOLD, Promise
from farero.store import buckets
from farero.store.database import Store


class Bench:
    """A promise, and requests that come in."""

    def __init__(self) -> None:
        self.store, self.log = Store.memory(), MemoryLog()
        self.asked = 0

    def step(self, within_us: int | None = 1000) -> Promise:
        return Promise(model="m", objective=Objective(good=0.99, within_us=within_us), store=self.store, log=self.log)

    def answer(self, number: int, count: int, *, latency_us: int = 10, rows: int = 2) -> None:
        """So many requests, of two rows each, in that bucket."""
        for n in range(count):
            self.asked += 1
            self.log.append("m", [Record(
                model="m", version="1.0.0", request_id=f"r-{self.asked}", endpoint="m", time=T0 + number * BUCKET + n * BUCKET / count,
                inputs={}, prediction=[0.0] * rows, probability=None, keys=None, latency_us=latency_us,
            )], {})  # fmt: skip


def end(number: int) -> timedelta:
    return (number + 1) * BUCKET + FOLD


@pytest.mark.row("A6")
def test_requests_are_counted_once_each_when_their_five_minutes_are_over() -> None:
    bench = Bench()
    bench.answer(0, 10)
    bench.answer(1, 4, latency_us=2000)
    step = bench.step()
    assert step.look(T0 + end(0) - timedelta(seconds=1), 0.0) is not None, "of the five minutes before"
    assert step.look(T0 + end(0), 0.0) == (Window(start=T0, end=T0 + BUCKET), [])
    assert step.look(T0 + end(0) + timedelta(minutes=1), 3.0) is None, "nothing is over"
    looked = step.look(T0 + end(1), 3.0)
    assert looked is not None
    with bench.store.read() as conn:
        assert [(one.requests, one.failed, one.slow) for one in buckets.since(conn, "m", T0)] == [(10, 0, 0), (7, 3, 4)]
    (found,) = looked[1]
    assert (found.severity, found.value) == ("high", pytest.approx(7 / 17 / 0.01))


@pytest.mark.row("A6")
def test_a_counter_that_begins_anew_loses_nothing_and_another_process_goes_on() -> None:
    bench = Bench()
    first = T0 + end(-1)
    bench.step().look(first, 5.0)
    bench.step().look(first + timedelta(seconds=30), 6.0)
    bench.step().look(first + timedelta(seconds=60), 2.0)  # the service was started again, and two requests failed since
    bench.step().look(T0 + end(0), 2.0)
    with bench.store.read() as conn:
        assert [(one.start, one.failed) for one in buckets.since(conn, "m", T0)] == [(T0, 8)]


def test_without_a_limit_no_answer_is_late_and_without_a_promise_nothing_is_counted() -> None:
    bench = Bench()
    bench.answer(0, 10, latency_us=10**9)
    step = bench.step(within_us=None)
    step.look(T0 + end(0), 0.0)
    standing = step.standing(T0 + end(0))
    assert standing is not None and (standing.requests, standing.slow, standing.left) == (10, 0, 1.0)
    nothing = Promise(model="m", objective=None, store=bench.store, log=bench.log)
    assert (nothing.look(T0 + end(5), 9.0), nothing.standing(T0)) == (None, None)


@pytest.mark.row("A6")
def test_five_minutes_that_nobody_looked_at_are_counted_afterwards() -> None:
    bench = Bench()
    bench.step().look(T0 + end(-1), 0.0)
    for number in range(4):
        bench.answer(number, 5)
    bench.step().look(T0 + end(3), 0.0)
    with bench.store.read() as conn:
        assert [one.requests for one in buckets.since(conn, "m", T0)] == [5, 5, 5, 5]
