"""False alarms per model-year of every drift rule where nothing drifts, and how soon each sees a shift.

    python benchmarks/false_alarms.py [--years 10] [--markdown FILE]

20 features (15 numbers, 3 choices, 2 flags), daily windows, a reference of 60 days. Regimes without drift:
A independent rows; B every feature has a harmless weekday pattern (0.15 of its deviation) and its own noise a day (0.05);
C as B, but the noise of a day is 0.7 of the day before's and 0.1 in size. Everything runs through the product's own code.
The peers in this table are the textbook rules; `core/verdict.py` states these figures beside each rule.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from farero.core.drift import RULES, compare, verdict
from farero.core.profile import build, build_reference
from farero.core.schema import Columns, Field, Schema

NUMBERS, CHOICES, FLAGS = 15, 3, 2
FEATURES = NUMBERS + CHOICES + FLAGS
REFERENCE_DAYS, DAYS = 60, 365
LEVELS = tuple(f"l{i}" for i in range(6))
SCHEMA = Schema(
    fields=(
        *(Field(name=f"n{i}", kind="number") for i in range(NUMBERS)),
        *(Field(name=f"c{i}", kind="choice", levels=LEVELS) for i in range(CHOICES)),
        *(Field(name=f"f{i}", kind="flag") for i in range(FLAGS)),
    )
)


class World:
    """Draws days of rows."""

    def __init__(self, regime: str, rows: int, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.rows, self.regime = rows, regime
        self.weekday = self.random.normal(0, 0.15, (7, FEATURES)) if regime != "A" else np.zeros((7, FEATURES))
        self.noise = np.zeros(FEATURES)
        self.day = 0

    def draw(self, shift: float = 0.0) -> Columns:
        """One more day; `shift` moves the first number by so many deviations."""
        fresh = self.random.normal(0, 1, FEATURES)
        if self.regime == "B":
            self.noise = 0.05 * fresh
        elif self.regime == "C":
            self.noise = 0.7 * self.noise + np.sqrt(1 - 0.49) * 0.1 * fresh
        latent = self.random.normal(0, 1, (FEATURES, self.rows)) + (self.weekday[self.day % 7] + self.noise)[:, None]
        latent[0] += shift
        self.day += 1
        columns: dict[str, NDArray[np.generic]] = {f"n{i}": latent[i] for i in range(NUMBERS)}
        cuts = np.array([-1.0, -0.3, 0.2, 0.8, 1.5])
        columns |= {f"c{i}": np.searchsorted(cuts, latent[NUMBERS + i]).astype(np.int32) for i in range(CHOICES)}
        columns |= {f"f{i}": (latent[NUMBERS + CHOICES + i] > 0.5).astype(np.int8) for i in range(FLAGS)}
        return columns


def year(regime: str, rows: int, seed: int, days: int, shift: Callable[[int], float] = lambda _: 0.0) -> Mapping[str, NDArray[np.bool_]]:
    """Rule -> (days,) whether it raised an alarm."""
    world = World(regime, rows, seed)
    first = [world.draw() for _ in range(REFERENCE_DAYS)]
    whole = {name: np.concatenate([day[name] for day in first]) for name in first[0]}
    reference = build_reference(SCHEMA, whole, None, np.repeat(np.arange(REFERENCE_DAYS), rows))
    alarms = {rule: np.zeros(days, dtype=np.bool_) for rule in RULES}
    for day in range(days):
        figures = compare(reference, build(reference, world.draw(shift(day))))
        for rule in RULES:
            alarms[rule][day] = verdict(rule, reference, figures, rows)[0].alarm
    return alarms


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--markdown", type=Path)
    wanted = parser.parse_args()
    text = f"{quiet(wanted.years)}\n\n{seen(wanted.years)}\n"
    print(text)
    if wanted.markdown:
        wanted.markdown.write_text(text)


def quiet(years: int) -> str:
    """A table of false alarms."""
    totals: dict[str, list[float]] = {rule: [] for rule in RULES}
    places = [(regime, rows) for regime in "ABC" for rows in (200, 1000, 10_000)]
    for regime, rows in places:
        runs = [year(regime, rows, 1000 * seed + rows, DAYS) for seed in range(years)]
        for rule in RULES:
            totals[rule].append(float(np.mean([run[rule].sum() for run in runs])))
    lines = [f"False alarms per model-year, mean of {years} simulated years\n"]
    lines.append("| rule | " + " | ".join(f"{regime} {rows:,}" for regime, rows in places) + " |")
    lines.append("|---" * (len(places) + 1) + "|")
    lines += [f"| `{rule}` | " + " | ".join(f"{mean:.1f}" for mean in means) + " |" for rule, means in totals.items()]
    return "\n".join(lines)


def seen(years: int) -> str:
    """A table of what each rule sees."""
    sizes = (0.25, 0.5, 0.75, 1.0)
    lines = ["Share of days that raise an alarm when one of 15 numbers is shifted, regime B, 1,000 rows a day\n"]
    lines += ["| rule | " + " | ".join(f"{size} deviations" for size in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    shares: dict[str, list[str]] = {rule: [] for rule in RULES}
    for size in sizes:
        runs = [year("B", 1000, 77 + seed, 30, lambda _, size=size: size) for seed in range(max(years // 2, 1))]  # type: ignore[misc]
        for rule in RULES:
            shares[rule].append(f"{np.mean([run[rule] for run in runs]):.0%}")
    return "\n".join([*lines, *(f"| `{rule}` | " + " | ".join(found) + " |" for rule, found in shares.items())])


if __name__ == "__main__":
    main()
