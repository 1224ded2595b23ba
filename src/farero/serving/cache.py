"""Answers that are kept for rows that come again: exactly equal rows, of one version, for a limited time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

MOST_ROWS = 64
"""Requests with more rows than this are not kept: they hardly come twice, and would crowd the others out."""


class AnswerCache(Generic[T]):
    """Answers by version and exact rows. Safe for threads.

    A key is the digest of a version's files and the very bytes of the row matrix: two rows that differ in the last bit are two keys,
    and a promotion needs no clearing, because another version asks under another digest.

    Args:
        entries: most answers kept; the one unused for longest makes room.
        ttl_s: how long an answer counts [s].
        now: seconds that only ever rise.
    """

    def __init__(self, entries: int, ttl_s: float, now: Callable[[], float]) -> None:
        self._entries = entries
        self._ttl_s = ttl_s
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, bytes], tuple[float, T]] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, digest: str, rows: bytes) -> T | None:
        """The answer that was kept for these rows, or None."""
        key = (digest, rows)
        with self._lock:
            found = self._kept.get(key)
            if found is not None and found[0] > self._now():
                self._kept.move_to_end(key)
                self.hits += 1
                return found[1]
            if found is not None:
                del self._kept[key]
            self.misses += 1
            return None

    def put(self, digest: str, rows: bytes, answer: T) -> None:
        """Keep an answer. It must not be changed by anybody from now on."""
        key = (digest, rows)
        with self._lock:
            self._kept[key] = (self._now() + self._ttl_s, answer)
            self._kept.move_to_end(key)
            while len(self._kept) > self._entries:
                self._kept.popitem(last=False)
