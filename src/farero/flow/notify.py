"""notify: what the outbox holds is delivered, each message at least once and with one lasting id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from farero.errors import NotifyFailed
from farero.ports import Clock, Notifier
from farero.store import outbox
from farero.store.database import Store
from farero.telemetry import log

FIRST_RETRY_S = 10.0
LAST_TRY = 8
LEASE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Delivers to the channels of one installation."""

    store: Store
    clock: Clock
    channels: Mapping[str, Notifier]

    def drain(self, limit: int = 100) -> int:
        """Deliver what is due and return how many arrived. What fails is tried again later, ever more slowly, then given up."""
        now = self.clock.now()
        with self.store.write() as conn:
            due = outbox.claim(conn, now, LEASE_S, limit)
        arrived = 0
        for delivery in due:
            notifier = self.channels.get(delivery.channel)
            try:
                if notifier is None:
                    raise NotifyFailed(f"There is no channel named {delivery.channel!r} in farero.toml any more.", retryable=False)
                notifier.send(delivery.message)
            except NotifyFailed as failure:
                again = failure.retryable and delivery.attempts < LAST_TRY
                retry_at = now + timedelta(seconds=FIRST_RETRY_S * 2**delivery.attempts) if again else None
                with self.store.write() as conn:
                    outbox.failed(conn, delivery.id, self.clock.now(), str(failure), retry_at)
                log("notify.failed", level="warning", channel=delivery.channel, message=delivery.message.id, attempts=delivery.attempts,
                    retry_at=retry_at)  # fmt: skip
            else:
                arrived += 1
                with self.store.write() as conn:
                    outbox.delivered(conn, delivery.id, self.clock.now())
                log("notify.delivered", channel=delivery.channel, message=delivery.message.id)
        return arrived
