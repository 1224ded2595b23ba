"""Keeps messages in a list: the fake of a notifier."""

from __future__ import annotations

from farero.errors import NotifyFailed
from farero.ports import Message


class MemoryNotifier:
    """Delivers to `sent`. While `failing` is set, delivery fails with it instead."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.failing: NotifyFailed | None = None

    def send(self, message: Message) -> None:
        """Keep it; see `ports.Notifier`."""
        if self.failing is not None:
            raise self.failing
        self.sent.append(message)
