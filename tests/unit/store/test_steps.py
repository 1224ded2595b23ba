from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.store.values import T0, day

from farero.store import steps
from farero.store.database import Store


@pytest.mark.row("R4")
def test_a_step_that_is_run_again_finds_its_first_value(store: Store) -> None:
    with store.write() as conn:
        assert steps.put(conn, "churn", day(0), "alert", b"first", T0)
        assert not steps.put(conn, "churn", day(0), "alert", b"second", T0)
        assert steps.get(conn, "churn", day(0), "alert") == b"first"


def test_a_step_that_was_not_run_has_no_value(store: Store) -> None:
    with store.write() as conn:
        steps.put(conn, "churn", day(0), "alert", b"", T0)
        assert steps.get(conn, "churn", day(0), "alert") == b""
        assert steps.get(conn, "churn", day(1), "alert") is None
        assert steps.get(conn, "churn", day(0), "profile") is None
        assert steps.get(conn, "risk", day(0), "alert") is None


def test_the_last_end_is_that_of_the_newest_window_of_the_step(store: Store) -> None:
    with store.write() as conn:
        assert steps.last_end(conn, "churn", "done") is None
        for number in (2, 0, 1):
            steps.put(conn, "churn", day(number), "done", b"", T0)
        steps.put(conn, "churn", day(5), "alert", b"", T0)
        assert steps.last_end(conn, "churn", "done") == day(2).end


def test_values_are_listed_oldest_window_first(store: Store) -> None:
    with store.write() as conn:
        for number in (3, 0, 2, 1):
            steps.put(conn, "churn", day(number), "done", str(number).encode(), T0)
        assert [value for _, value in steps.all(conn, "churn", "done")] == [b"0", b"1", b"2", b"3"]
        assert [window for window, _ in steps.all(conn, "churn", "done", last=2)] == [day(2), day(3)]
        assert [window for window, _ in steps.all(conn, "churn", "done", since=day(1).start, last=2)] == [day(2), day(3)]
        assert [window for window, _ in steps.all(conn, "churn", "done", since=day(3).start)] == [day(3)]


@pytest.mark.row("M9")
def test_the_windows_that_end_after_a_time_tell_where_they_begin(store: Store) -> None:
    with store.write() as conn:
        for number in (3, 0, 2, 1):
            steps.put(conn, "churn", day(number), "done", b"", T0)
        steps.put(conn, "churn", day(7), "alert", b"", T0)
        assert steps.starts(conn, "churn", "done", ending_after=day(1).end) == [day(2).start, day(3).start]
        assert steps.starts(conn, "risk", "done", ending_after=T0) == []


@pytest.mark.row("M9")
def test_the_pace_is_how_many_windows_went_through_in_what_time(store: Store) -> None:
    with store.write() as conn:
        assert steps.pace(conn, "churn", "done") == (0, timedelta(0))
        for number in (3, 0):
            steps.put(conn, "churn", day(number), "done", b"", T0)
        assert steps.pace(conn, "churn", "done") == (2, day(3).end - day(0).start)
