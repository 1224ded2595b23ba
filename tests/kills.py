"""Kills processes of a service under load, again and again, and counts what that cost: the chaos test and the benchmark run it."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.load import Asked, Load, kept
from tests.running import Running, is_alive, soon

from farero.wiring import open_app

VICTIMS = {"worker": 3, "keeper": 2, "supervisor": 1}
"""How often each is chosen, relative to the others: after a supervisor everything is to be started anew, which takes most of the time."""


@dataclass
class Outcome:
    """What so many kills came to.

    Attributes:
        kills: how often each kind of process was killed.
        acknowledged: requests that were answered with a prediction; `rows` of them.
        broken: requests whose connection broke before an answer.
        refused: requests that were answered with 503.
        other: answers that are neither 200 nor 503; there must be none.
        lost, doubled: rows, see `tests.load.Kept`.
        loads: whether the version in production loads afterwards.
        slowest_end_s: longest that all others went on without their supervisor [s].
    """

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    rows: int = 0
    broken: int = 0
    refused: int = 0
    other: int = 0
    lost: int = 0
    doubled: int = 0
    loads: bool = False
    slowest_end_s: float = 0.0
    seconds: float = 0.0


def kill_rounds(root: Path, rounds: int, *, seed: int, workers: int = 2, told: Callable[[int], None] = lambda number: None) -> Outcome:
    """Let clients ask, kill one process at a random moment each round, and compare the log with what was acknowledged."""
    chance = random.Random(seed)
    outcome = Outcome()
    asked: list[Asked] = []
    begun = time.monotonic()
    number = 0
    while number < rounds:
        with Running(root, workers=workers) as server, Load(server.url, f"life-{number}", many=0.25, careful=0.1, seed=seed) as load:
            victim = ""
            while victim != "supervisor" and number < rounds:
                number += 1
                time.sleep(chance.uniform(0.05, 0.6))  # the kill must come at a random moment of the load
                victim = chance.choices([*VICTIMS], [*VICTIMS.values()])[0]
                outcome.slowest_end_s = max(outcome.slowest_end_s, _kill(server, victim, chance))
                outcome.kills[victim] += 1
                told(number)
            load.end()
        asked += load.asked
        outcome.broken += len(load.broken)
    answered = [one for one in asked if one.status == 200]
    found = kept(root, answered)
    outcome.acknowledged, outcome.rows = len(answered), sum(len(one.xs) for one in answered)
    outcome.refused = sum(one.status == 503 for one in asked)
    outcome.other = len(asked) - len(answered) - outcome.refused
    outcome.lost, outcome.doubled = len(found.lost), len(found.doubled)
    outcome.loads = _loads(root)
    outcome.seconds = time.monotonic() - begun
    return outcome


def _kill(server: Running, victim: str, chance: random.Random) -> float:
    """Kill one; how long the others went on without their supervisor, where it was that [s]."""
    supervisor = server.process.pid
    if victim != "supervisor":
        soon(lambda: _there(server, victim) != [], within_s=20, what=f"there is a {victim} to kill")
        server.kill(chance.choice(_there(server, victim)))
        return 0.0
    others = [pid for pid in server.everybody() if pid not in (0, supervisor)]
    server.kill(supervisor)
    return soon(lambda: not any(is_alive(pid) for pid in others), within_s=15, what="everybody ends")


def _there(server: Running, victim: str) -> list[int]:
    _, keeper, workers = server.people()
    return [pid for pid in ([keeper] if victim == "keeper" else workers) if pid and is_alive(pid)]


def _loads(root: Path) -> bool:
    app = open_app(root)
    try:
        app.tick()
        return all(model.loaded for model in app.health().models)
    finally:
        app.close()
