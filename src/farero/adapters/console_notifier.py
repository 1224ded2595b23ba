"""Notifications as JSON lines on a stream: the channel that needs no set-up."""

from __future__ import annotations

import json
from typing import TextIO

from farero.errors import NotifyFailed
from farero.ports import Message


class ConsoleNotifier:
    """Writes one line a message."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def send(self, message: Message) -> None:
        """Write and flush one line; see `ports.Notifier`."""
        line = json.dumps(
            {
                "time": message.at.isoformat(), "event": message.event, "severity": message.severity, "model": message.model,
                "title": message.title, "text": message.text, "id": message.id,
            },
            ensure_ascii=False,
        )  # fmt: skip
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed, so no other try will help
            raise NotifyFailed(
                f"The notification {message.id} could not be written to the console: {error}.", retryable=isinstance(error, OSError)
            ) from error
