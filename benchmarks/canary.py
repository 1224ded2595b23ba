"""How often a good canary is rolled back, and how many requests it takes until a bad one is: simulated, every look counted.

    python benchmarks/canary.py [--courses 1000] [--only bad]

Every course is a split of requests at one share, looked at after every 20 requests until something stops it or its requests are over.
Beside each: a fixed-size test that is looked at as often (Fisher's normal limit at the same level), which is what comparing two rates in a
dashboard comes to.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from farero.core import canary, duel
from farero.core.canary import ALLOWED, ALPHA, Kind

LOOK = 20
LIMIT = math.log(len(canary.STOPPING) / ALPHA)
SHARES = (0.05, 0.25, 0.5)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """What both sides do: values of the canary and of production, drawn alike in every course."""

    name: str
    kind: Kind
    requests: int
    new: Floats
    old: Floats
    """Chances of each cell, from 0 to 1."""


def share(chance: float) -> Floats:
    """Something that happens with this chance."""
    return np.array([1 - chance, chance])


def slow(factor: float, *, spread: float = 0.5) -> Floats:
    """Slow requests of a side that takes so many times as long: log-normal times, 20 ms in the middle, a floor of 5 ms."""
    limit = math.exp(1.645 * spread) * 20 + 5
    z = (math.log(limit / (20 * factor))) / spread
    return share(0.5 * math.erfc(z / math.sqrt(2)))


def losses(mean: float) -> Floats:
    """A beta law of losses, in steps of a hundredth."""
    values = np.linspace(0, 1, duel.CELLS)
    inner = np.clip(values, 0.5 / duel.CELLS, 1 - 0.5 / duel.CELLS)
    made = inner ** (4 * mean - 1) * (1 - inner) ** (4 * (1 - mean) - 1)
    return np.asarray(made / made.sum())


def good() -> Iterator[Course]:
    """Canaries that are no worse than production by more than is allowed, some at the very edge."""
    yield Course("errors 0 %, 0 %", "errors", 20_000, share(0), share(0))
    yield Course("errors 1 %, 1 %", "errors", 20_000, share(0.01), share(0.01))
    yield Course("errors 1.1 %, 1 %: the edge", "errors", 20_000, share(0.011), share(0.01))
    yield Course("errors 10.1 %, 10 %: the edge", "errors", 20_000, share(0.101), share(0.1))
    yield Course("as quick", "latency", 20_000, slow(1), slow(1))
    at = float(slow(1)[1])
    yield Course("slow 5 % more often: the edge", "latency", 20_000, share(at + ALLOWED["latency"]), share(at))
    yield Course("equal quality, loss 0.2", "quality", 20_000, losses(0.2), losses(0.2))
    yield Course("better by 5 %", "quality", 20_000, losses(0.19), losses(0.2))


def bad() -> Iterator[Course]:
    """Canaries that do harm."""
    yield Course("errors 0 % -> 1 %", "errors", 100_000, share(0.01), share(0))
    yield Course("errors 0 % -> 10 %", "errors", 20_000, share(0.1), share(0))
    yield Course("errors 1 % -> 3 %", "errors", 100_000, share(0.03), share(0.01))
    yield Course("twice as long", "latency", 40_000, slow(2), slow(1))
    yield Course("ten times as long", "latency", 20_000, slow(10), slow(1))
    yield Course("loss 5 % worse", "quality", 200_000, losses(0.21), losses(0.2))
    yield Course("loss 25 % worse", "quality", 100_000, losses(0.25), losses(0.2))
    yield Course("loss twice as bad", "quality", 20_000, losses(0.4), losses(0.2))
    yield Course("always the same answer", "constant", 20_000, share(1.0), share(0.02))
    yield Course("out of range on 20 %", "range", 20_000, share(0.2), share(0.0))


def play(course: Course, at: float, courses: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    """(courses,) requests until it was stopped, inf where it was not; and the same for a fixed-size test looked at as often."""
    looks = course.requests // LOOK
    first = np.full(courses, np.inf)
    naive = np.full(courses, np.inf)
    held_new = np.zeros((courses, len(course.new)), dtype=np.int64)
    held_old = np.zeros((courses, len(course.old)), dtype=np.int64)
    values = np.linspace(0, 1, len(course.new))
    going = np.arange(courses)
    for look in range(1, looks + 1):
        sent = random.binomial(LOOK, at, courses)
        held_new += random.multinomial(sent, course.new)
        held_old += random.multinomial(LOOK - sent, course.old)
        if look > 100 and look % (look // 100):  # late looks add next to nothing: a hundred for every doubling
            continue
        found = duel.mixed(duel.fortunes(held_new[going], held_old[going], at, ALLOWED[course.kind]))
        over = found >= LIMIT
        first[going[over]] = look * LOOK
        going = going[~over]
        naive = np.minimum(naive, np.where(fixed(held_new, held_old, values, ALLOWED[course.kind]), look * LOOK, np.inf))
        if not len(going):
            break
    return first, naive


def fixed(new: NDArray[np.int64], old: NDArray[np.int64], values: Floats, allowance: float) -> NDArray[np.bool_]:
    """A one-sided test of two means at the same level, as if this were the only look."""
    n, m = new.sum(1), old.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = new @ values / n, old @ values / m
        spread = (new @ values**2 / n - means[0] ** 2) / n + (old @ values**2 / m - means[1] ** 2) / m
        z = (means[0] - means[1] - allowance) / np.sqrt(spread)
    return (n >= 30) & (m >= 30) & (z > -ndtri(ALPHA / len(canary.STOPPING)))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--courses", type=int, default=1000)
    parser.add_argument("--only", choices=("good", "bad"))
    asked = parser.parse_args()
    courses: int = asked.courses
    random = np.random.default_rng(1)
    each = ALPHA / len(canary.STOPPING)
    print(f"{courses} courses each; a kind of comparison may be wrong in {each:.2%} of them, all five together in {ALPHA:.0%}\n")
    print(f"{'good canary':34} {'share':>6} {'rolled back':>12} {'fixed test, looked at as often':>32}")
    for course in good() if asked.only != "bad" else ():
        for at in SHARES:
            first, naive = play(course, at, courses, random)
            print(f"{course.name:34} {at:6.0%} {np.isfinite(first).mean():12.2%} {np.isfinite(naive).mean():32.2%}", flush=True)
    print(f"\n{'bad canary':34} {'share':>6} {'rolled back':>12} {'requests, median':>17} {'90 of 100':>10} {'of the canary':>14}")
    for course in bad() if asked.only != "good" else ():
        for at in SHARES:
            first, _ = play(course, at, max(courses // 5, 50), random)
            middle, late = np.quantile(np.where(np.isfinite(first), first, course.requests), [0.5, 0.9])
            found = np.isfinite(first).mean()
            print(f"{course.name:34} {at:6.0%} {found:12.1%} {middle:17,.0f} {late:10,.0f} {middle * at:14,.0f}", flush=True)


if __name__ == "__main__":
    main()
