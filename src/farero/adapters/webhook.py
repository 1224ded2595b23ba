"""Notifications as JSON by HTTP POST to a web address."""

from __future__ import annotations

import httpx

from farero.errors import NotifyFailed
from farero.ports import Message

TIMEOUT_S = 10.0
_BUSY = (408, 425, 429)


class Webhook:
    """Posts each message with its id as `Idempotency-Key`, so that a receiver can drop the second copy of a retried one."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._timeout_s = timeout_s

    def send(self, message: Message) -> None:
        """Post it; any 2xx is a delivery. See `ports.Notifier`."""
        body = {
            "id": message.id, "event": message.event, "severity": message.severity, "title": message.title,
            "text": message.text, "model": message.model, "at": message.at.isoformat(),
        }  # fmt: skip
        try:
            answer = httpx.post(self._url, json=body, headers={"Idempotency-Key": message.id}, timeout=self._timeout_s)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise NotifyFailed(
                f"The webhook's address cannot be used: {error}.", retryable=False, hint="Correct url under [[channels]] in farero.toml."
            ) from error
        except httpx.HTTPError as error:
            raise NotifyFailed(f"The webhook at {self._host()} did not answer: {str(error) or type(error).__name__}.") from error
        if not answer.is_success:
            raise NotifyFailed(
                f"The webhook at {self._host()} answered {answer.status_code} {answer.reason_phrase}.",
                retryable=answer.status_code >= 500 or answer.status_code in _BUSY,
                hint=None if answer.status_code >= 500 else "Check url under [[channels]] in farero.toml.",
            )

    def _host(self) -> str:
        """Where it goes, without the path: many webhook addresses are secrets."""
        return httpx.URL(self._url).host
