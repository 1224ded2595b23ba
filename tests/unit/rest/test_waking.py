from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import pytest

from farero.app import App
from farero.errors import Overloaded, TookTooLong
from farero.rest import waking
from farero.rest.waking import AT_ONCE, Waking


class Sleeper:
    """A model that is in memory once a test lets it be."""

    def __init__(self) -> None:
        self.woken: list[tuple[str, str]] = []
        self.go_on = threading.Event()

    def wake(self, model: str, endpoint: str) -> None:
        self.woken.append((model, endpoint))
        assert self.go_on.wait(20)


async def ask(waking: Waking, told: list[Any], *, timeout_s: float = 20.0) -> None:
    try:
        async with waking.held("lines", "predict", timeout_s) as left_s:
            told.append(("begun", left_s))
            await asyncio.sleep(0)
    except (Overloaded, TookTooLong) as refused:
        told.append(type(refused))


@pytest.mark.row("S5")
def test_all_are_held_and_answered_and_the_version_is_loaded_once() -> None:
    app, told = Sleeper(), []

    async def scenario() -> None:
        held = Waking(cast(App, app))
        asked = [asyncio.create_task(ask(held, told)) for _ in range(200)]
        await asyncio.sleep(0.05)
        assert told == []
        app.go_on.set()
        await asyncio.gather(*asked)
        assert held._loading == {}

    asyncio.run(scenario())
    assert app.woken == [("lines", "predict")]
    assert len(told) == 200 > AT_ONCE
    assert all(0 < left_s <= 20 for _, left_s in told)


@pytest.mark.row("S5")
def test_a_request_that_waited_too_long_is_told_so_and_the_loading_goes_on() -> None:
    app, told = Sleeper(), []

    async def scenario() -> None:
        held = Waking(cast(App, app))
        await ask(held, told, timeout_s=0.01)
        assert told == [TookTooLong]
        app.go_on.set()
        await ask(held, told)

    asyncio.run(scenario())
    assert len(app.woken) == 1
    assert told[1][0] == "begun"


@pytest.mark.row("S5")
def test_there_is_a_limit_to_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "MOST_HELD", 2)
    app, told = Sleeper(), []

    async def scenario() -> None:
        held = Waking(cast(App, app))
        asked = [asyncio.create_task(ask(held, told)) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert told == [Overloaded]
        app.go_on.set()
        await asyncio.gather(*asked)

    asyncio.run(scenario())
    assert len(told) == 3
