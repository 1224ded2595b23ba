"""Every notifier keeps the promises of `ports.Notifier`; the webhook speaks to a real server on this machine."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from farero.adapters.console_notifier import ConsoleNotifier
from farero.adapters.memory_notifier import MemoryNotifier
from farero.adapters.webhook import Webhook
from farero.errors import NotifyFailed
from farero.ports import Message, Notifier

MESSAGE = Message(
    id="churn-2024-05-01-data-drift", event="incident.opened", severity="high", title="churn: inputs drifted", model="churn",
    text='tenure fell — "much" lower\nthan in April', at=datetime(2024, 5, 2, tzinfo=UTC),
)  # fmt: skip
FIELDS = {"id", "event", "severity", "title", "text", "model"}


class Receiver:
    """A server that keeps what it gets and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[str | None, dict[str, str]]] = []
        self.status = 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.headers["Idempotency-Key"], json.loads(body)))
                if receiver.status == 0:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/SECRET"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


Channel = tuple[Notifier, Callable[[], list[dict[str, str]]], Callable[[], None]]
"""A notifier, what was delivered so far, and how to break it."""


@pytest.fixture(params=["webhook", "console", "memory"])
def channel(request: pytest.FixtureRequest, receiver: Receiver) -> Channel:
    if request.param == "webhook":
        return Webhook(receiver.url), lambda: [body for _, body in receiver.got], lambda: setattr(receiver, "status", 503)
    if request.param == "console":
        stream = io.StringIO()
        return ConsoleNotifier(stream), lambda: [json.loads(line) for line in stream.getvalue().splitlines()], stream.close
    memory = MemoryNotifier()

    def fail() -> None:
        memory.failing = NotifyFailed("told to fail")

    return memory, lambda: [{name: getattr(message, name) for name in FIELDS} for message in memory.sent], fail


@pytest.mark.row("A2")
def test_a_message_arrives_with_every_field(channel: Channel) -> None:
    notifier, delivered, _ = channel
    notifier.send(MESSAGE)
    (got,) = delivered()
    assert {name: got[name] for name in FIELDS} == {name: getattr(MESSAGE, name) for name in FIELDS}


def test_a_message_sent_again_carries_the_same_id(channel: Channel) -> None:
    notifier, delivered, _ = channel
    notifier.send(MESSAGE)
    notifier.send(MESSAGE)
    assert [got["id"] for got in delivered()] == [MESSAGE.id, MESSAGE.id]


@pytest.mark.row("A2")
def test_a_message_that_was_not_delivered_is_an_error(channel: Channel) -> None:
    notifier, _, break_it = channel
    break_it()
    with pytest.raises(NotifyFailed):
        notifier.send(MESSAGE)


# ── what only a webhook can do ───────────────────────────────────────────


@pytest.mark.row("A2")
def test_a_webhook_names_the_message_so_that_a_second_copy_can_be_dropped(receiver: Receiver) -> None:
    Webhook(receiver.url).send(MESSAGE)
    assert receiver.got[0][0] == MESSAGE.id
    assert receiver.got[0][1]["at"] == "2024-05-02T00:00:00+00:00"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_a_delivery(receiver: Receiver, status: int) -> None:
    receiver.status = status
    Webhook(receiver.url).send(MESSAGE)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(301, False), (400, False), (401, False), (404, False), (410, False), (408, True), (429, True), (500, True), (502, True), (503, True)],
)
def test_only_a_busy_or_broken_receiver_is_worth_another_try(receiver: Receiver, status: int, retryable: bool) -> None:
    receiver.status = status
    with pytest.raises(NotifyFailed, match=f"answered {status}") as caught:
        Webhook(receiver.url).send(MESSAGE)
    assert caught.value.retryable is retryable
    assert len(receiver.got) == 1, "retrying is the outbox's work, not the channel's"


def test_a_connection_that_breaks_is_worth_another_try(receiver: Receiver) -> None:
    receiver.status = 0
    with pytest.raises(NotifyFailed, match="did not answer") as caught:
        Webhook(receiver.url).send(MESSAGE)
    assert caught.value.retryable


def test_nobody_listening_is_worth_another_try() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(NotifyFailed, match=r"127\.0\.0\.1 did not answer") as caught:
            Webhook(f"http://127.0.0.1:{taken.getsockname()[1]}/hook").send(MESSAGE)
    assert caught.value.retryable


def test_a_receiver_that_never_answers_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(NotifyFailed, match="did not answer"):
            Webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/hook", timeout_s=0.05).send(MESSAGE)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/hook", "not an address", "http://127.0.0.1:port/hook"])
def test_an_address_that_cannot_be_used_is_not_tried_again(url: str) -> None:
    with pytest.raises(NotifyFailed, match="cannot be used") as caught:
        Webhook(url).send(MESSAGE)
    assert not caught.value.retryable


def test_the_path_of_a_webhook_is_a_secret_and_stays_out_of_errors(receiver: Receiver) -> None:
    receiver.status = 404
    with pytest.raises(NotifyFailed) as caught:
        Webhook(receiver.url).send(MESSAGE)
    assert "SECRET" not in str(caught.value)
