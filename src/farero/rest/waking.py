"""Requests to a version that is not in memory: they are held while it loads, and none is refused for having come in that moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Final

import anyio.to_thread

from farero.errors import Overloaded, TookTooLong

if TYPE_CHECKING:
    from farero.app import App

MOST_HELD: Final = 10_000
"""Requests that are held at most; each keeps its body."""

AT_ONCE: Final = 16
"""How many of those that were held are worked on at a time, so that those that come after find a place."""


class Waking:
    """Loads each version once, whoever asks for it, and holds the requests until then. For one event loop."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._loading: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._held = 0
        self._places: asyncio.Semaphore | None = None

    @asynccontextmanager
    async def held(self, model: str, endpoint: str, timeout_s: float) -> AsyncIterator[float]:
        """Wait until the version is in memory and there is a place to be worked on; gives what is left of the time [s].

        Raises:
            Overloaded: too many requests are held.
            TookTooLong: it was not in memory in time.
        """
        if self._held >= MOST_HELD:
            raise Overloaded(f"{self._held} requests wait until {model} is in memory.", hint="Try again soon.")
        if self._places is None:  # it belongs to the event loop that runs by now
            self._places = asyncio.Semaphore(AT_ONCE)
        until = perf_counter() + timeout_s
        self._held += 1
        try:
            try:
                async with asyncio.timeout(timeout_s):
                    await asyncio.shield(self._task(model, endpoint))
                    await self._places.acquire()
            except TimeoutError:
                raise TookTooLong(f"{model} was not in memory after {timeout_s:g} s.", hint="Try again soon.") from None
            try:
                yield max(0.0, until - perf_counter())
            finally:
                self._places.release()
        finally:
            self._held -= 1

    def _task(self, model: str, endpoint: str) -> asyncio.Task[None]:
        key = model, endpoint
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.ensure_future(anyio.to_thread.run_sync(self._app.wake, model, endpoint))
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        return task
