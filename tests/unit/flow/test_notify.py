from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from tests.benches import T0

from farero.adapters.manual_clock import ManualClock
from farero.adapters.memory_notifier import MemoryNotifier
from farero.errors import NotifyFailed
from farero.flow.notify import FIRST_RETRY_S, LAST_TRY, LEASE_S, Notify
from farero.ports import Message
from farero.store import outbox
from farero.store.database import Store
from farero.store.outbox import Delivery


@dataclass
class Post:
    """An outbox with one channel that can fail."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(T0))
    chat: MemoryNotifier = field(default_factory=MemoryNotifier)
    store: Store = field(default_factory=Store.memory)

    @property
    def notify(self) -> Notify:
        return Notify(store=self.store, clock=self.clock, channels={"chat": self.chat})

    def put(self, id: str = "m1", channel: str = "chat") -> None:
        message = Message(id=id, event="incident.opened", severity="high", title="drift", text="x moved", model="points", at=T0)
        with self.store.write() as conn:
            outbox.put(conn, channel, message)

    def only(self) -> Delivery:
        with self.store.read() as conn:
            (delivery,) = outbox.all(conn)
        return delivery


@pytest.fixture
def post() -> Post:
    return Post()


def test_a_message_is_delivered_once(post: Post) -> None:
    post.put()
    post.put()
    assert (post.notify.drain(), post.notify.drain()) == (1, 0)
    assert [message.id for message in post.chat.sent] == ["m1"]
    assert post.only().status == "delivered"


@pytest.mark.row("R5")
def test_a_message_that_fails_is_tried_again_later_with_the_same_id(post: Post) -> None:
    post.put()
    post.chat.failing = NotifyFailed("503 from the chat")
    assert post.notify.drain() == 0
    post.chat.failing = None
    assert post.notify.drain() == 0, "not before it is due"
    post.clock.advance(timedelta(seconds=FIRST_RETRY_S * 2))
    assert post.notify.drain() == 1
    assert [message.id for message in post.chat.sent] == ["m1"]


@pytest.mark.row("R5")
def test_every_wait_is_longer_than_the_one_before_and_in_the_end_it_is_given_up(post: Post) -> None:
    post.put()
    post.chat.failing = NotifyFailed("503 from the chat")
    waits = []
    for _ in range(LAST_TRY):
        post.notify.drain()
        waits.append((post.only().due_at - post.clock.now()).total_seconds())
        post.clock.advance(timedelta(days=1))
    assert waits[:-1] == [FIRST_RETRY_S * 2**attempt for attempt in range(1, LAST_TRY)]
    given_up = post.only()
    assert (given_up.status, given_up.attempts, given_up.error) == ("failed", LAST_TRY, "503 from the chat")
    post.chat.failing = None
    assert post.notify.drain() == 0


def test_what_no_retry_can_mend_is_given_up_at_once(post: Post) -> None:
    post.put()
    post.chat.failing = NotifyFailed("404 from the chat", retryable=False)
    post.notify.drain()
    assert (post.only().status, post.only().attempts) == ("failed", 1)


def test_a_channel_that_was_removed_is_named(post: Post) -> None:
    post.put(channel="pager")
    post.notify.drain()
    assert post.only().error == "There is no channel named 'pager' in farero.toml any more."


@pytest.mark.row("R5")
def test_one_failing_message_does_not_stop_the_others(post: Post) -> None:
    post.put("m1", "pager")
    post.put("m2")
    assert post.notify.drain() == 1
    assert [message.id for message in post.chat.sent] == ["m2"]


@pytest.mark.row("R5")
def test_a_message_whose_sender_was_killed_is_sent_when_its_lease_ends(post: Post) -> None:
    post.put()
    with post.store.write() as conn:
        outbox.claim(conn, post.clock.now(), LEASE_S, 10)
    assert post.notify.drain() == 0
    post.clock.advance(timedelta(seconds=LEASE_S))
    assert post.notify.drain() == 1
