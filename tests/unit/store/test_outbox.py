from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.store.values import T0, message

from farero.errors import StaleDecision
from farero.store import outbox
from farero.store.database import Store

MINUTE = timedelta(minutes=1)


@pytest.mark.row("A2")
def test_a_message_is_queued_once_for_each_channel(store: Store) -> None:
    with store.write() as conn:
        assert outbox.put(conn, "console", message())
        assert not outbox.put(conn, "console", message())
        assert outbox.put(conn, "hook", message())
        assert [delivery.channel for delivery in outbox.all(conn)] == ["hook", "console"]


@pytest.mark.row("A2")
def test_a_claimed_message_is_nobody_elses_until_the_lease_ends(store: Store) -> None:
    with store.write() as conn:
        outbox.put(conn, "console", message())
        (taken,) = outbox.claim(conn, T0, 60, 10)
        assert (taken.message, taken.attempts) == (message(), 1)
        assert outbox.claim(conn, T0 + MINUTE - timedelta(seconds=1), 60, 10) == []
        (again,) = outbox.claim(conn, T0 + MINUTE, 60, 10)
        assert (again.id, again.attempts) == (taken.id, 2)


def test_a_delivered_message_is_never_claimed_again(store: Store) -> None:
    with store.write() as conn:
        outbox.put(conn, "console", message())
        (taken,) = outbox.claim(conn, T0, 60, 10)
        outbox.delivered(conn, taken.id, T0)
        assert outbox.claim(conn, T0 + 60 * MINUTE, 60, 10) == []
        (kept,) = outbox.all(conn)
    assert (kept.status, kept.finished_at, kept.error) == ("delivered", T0, None)


def test_a_failed_message_is_due_again_when_it_is_told_to(store: Store) -> None:
    with store.write() as conn:
        outbox.put(conn, "console", message())
        (taken,) = outbox.claim(conn, T0, 60, 10)
        outbox.failed(conn, taken.id, T0, "503", T0 + 5 * MINUTE)
        assert outbox.claim(conn, T0 + 4 * MINUTE, 60, 10) == []
        (again,) = outbox.claim(conn, T0 + 5 * MINUTE, 60, 10)
    assert (again.status, again.error, again.attempts) == ("waiting", "503", 2)


def test_a_message_that_is_given_up_stays_with_its_error(store: Store) -> None:
    with store.write() as conn:
        outbox.put(conn, "console", message())
        (taken,) = outbox.claim(conn, T0, 60, 10)
        outbox.failed(conn, taken.id, T0, "404", None)
        assert outbox.claim(conn, T0 + 60 * MINUTE, 60, 10) == []
        (kept,) = outbox.all(conn)
    assert (kept.status, kept.error, kept.finished_at) == ("failed", "404", T0)


def test_a_failure_reported_late_does_not_undo_a_delivery(store: Store) -> None:
    with store.write() as conn:
        outbox.put(conn, "console", message())
        (taken,) = outbox.claim(conn, T0, 60, 10)
        outbox.delivered(conn, taken.id, T0)
        outbox.failed(conn, taken.id, T0, "timed out", T0)
        assert outbox.all(conn)[0].status == "delivered"


def test_claims_are_oldest_first_and_no_more_than_asked_for(store: Store) -> None:
    with store.write() as conn:
        for number in range(5):
            outbox.put(conn, "console", message(f"m{number}"))
        outbox.put(conn, "console", message("later", at=T0 + MINUTE))
        assert [delivery.message.id for delivery in outbox.claim(conn, T0, 60, 3)] == ["m0", "m1", "m2"]
        assert [delivery.message.id for delivery in outbox.claim(conn, T0, 60, 10)] == ["m3", "m4"]
        assert [delivery.message.id for delivery in outbox.all(conn, last=1)] == ["later"]


def test_a_message_exists_only_with_what_it_tells(store: Store) -> None:
    with pytest.raises(StaleDecision):
        _tell_and_fail(store)
    with store.read() as conn:
        assert outbox.all(conn) == []


def _tell_and_fail(store: Store) -> None:
    with store.write() as conn:
        outbox.put(conn, "console", message())
        raise StaleDecision("something later in the same transaction")
