"""False alarms per model-year of the day-profile detector where nothing drifts, and how soon it sees what does.

    python benchmarks/monitoring.py [--years 30] [--rows 200,1000,10000] [--regimes A,B,C,D,E] [--preset sensitive]
        [--reference-days 60] [--runs 41] [--seed 1] [--no-replay] [--json FILE]

20 features (15 numbers, 3 choices, 2 flags), daily windows, a reference of 60 days, a fresh world and a fresh reference every year.
A independent rows. B every feature has a harmless weekday pattern (0.04 of its deviation) and noise of its own a day (0.02): about what
makes the textbook rule alarm on 320 days a year at 200 rows a day. C as B, but the noise of a day is 0.7 of the day before's and 0.05 in
size. D and E are B and C of `false_alarms.py`, which are harder: patterns of 0.15, noise of 0.05, and of 0.1 that lasts.
The rows themselves are not drawn: which rows lie above the median is (pairs
need it), and the counts of the bins on either side follow from that exactly. The bins' edges are the quantiles of the world, not of the
reference's rows. Everything else runs through the product's own code: layout, read, fit, update, compare, verdict.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farero.core import detector, scores, tuning
from farero.core.days import gather
from farero.core.drift import compare, verdict
from farero.core.profile import ColumnProfile, Profile
from farero.core.reference import FLAG_LEVELS, ColumnKind, ColumnReference, Reference, freeze_levels, freeze_values
from farero.core.scores import WindowScores
from farero.core.stacked import stack

NUMBERS, CHOICES, FLAGS = 15, 3, 2
FEATURES = NUMBERS + CHOICES + FLAGS
REFERENCE_DAYS, YEAR = 60, 365
BINS = 64
LEVELS = tuple(f"l{i}" for i in range(6))
CUTS: Mapping[str, tuple[float, ...]] = {"choice": (-1.0, -0.3, 0.2, 0.8, 1.5), "flag": (0.5,)}
RULES = ("textbook", "bonferroni")
REGIMES: Mapping[str, tuple[float, float, float]] = {
    "A": (0.0, 0.0, 0.0), "B": (0.04, 0.02, 0.0), "C": (0.04, 0.05, 0.7), "D": (0.15, 0.05, 0.0), "E": (0.15, 0.1, 0.7)
}  # fmt: skip
"""Size of the weekday pattern, of the noise of a day, and how much of the noise carries over to the next."""
Floats = NDArray[np.float64]

_NORMAL = NormalDist()
_GRID = np.linspace(-9, 9, 18_001)
_CDF = np.array([_NORMAL.cdf(x) for x in _GRID])


def cdf(x: Floats) -> Floats:
    """The normal distribution function, by table: within 1e-8."""
    return np.interp(x, _GRID, _CDF)


class World:
    """Draws the profiles of days; every number of seeds is another world."""

    def __init__(self, regime: str, rows: int, seed: tuple[int, ...]) -> None:
        self.random = np.random.default_rng(seed)
        self.rows, self.day = rows, 0
        pattern, self.size, self.carried = REGIMES[regime]
        self.weekday = pattern * self.random.normal(0, 1, (7, FEATURES))
        self.noise = self.size * self.random.normal(0, 1, FEATURES)
        self.spread = np.sqrt(1 + self.weekday.var(axis=0) + self.size**2)
        self.kinds: list[ColumnKind] = ["number"] * NUMBERS + ["choice"] * CHOICES + ["flag"] * FLAGS
        self.columns = [self._column(j) for j in range(FEATURES)]
        self.edges = [np.array(CUTS[kind]) if kind in CUTS else c.edges for kind, c in zip(self.kinds, self.columns, strict=True)]
        self.above = [self._above(j) for j in range(FEATURES)]
        pairs = [(a, b) for a in range(FEATURES) for b in range(a + 1, FEATURES)]
        self.pairs = np.array(pairs, dtype=np.int64)
        self.reference = Reference(
            rows=rows * REFERENCE_DAYS, columns=tuple(self.columns), prediction=None, windows=REFERENCE_DAYS, window_rows=rows,
            edges_hash=f"{regime}{rows}", pairs=self.pairs.reshape(-1),
        )  # fmt: skip

    def _column(self, j: int) -> ColumnReference:
        kind, total, middle = self.kinds[j], self.rows * REFERENCE_DAYS, float(self.weekday[:, j].mean())
        if kind == "number":
            points = np.concatenate([[1 / total], np.arange(1, BINS) / BINS, [1 - 1 / total]])
            edges = middle + self.spread[j] * np.array([_NORMAL.inv_cdf(p) for p in points])
            counts = np.diff(points * total, prepend=0, append=total).astype(np.int64)
            made = freeze_values(f"n{j}", "number", np.repeat(edges, 2), 0)
            return ColumnReference(
                name=made.name, kind="number", edges=edges, levels=(), counts=counts, groups=np.arange(len(counts)) * 10 // len(counts),
                missing=0, mean=middle, std=float(self.spread[j]), low=float(edges[0]), high=float(edges[-1]),
            )  # fmt: skip
        shares = np.diff(cdf((np.array(CUTS[kind]) - middle) / self.spread[j]), prepend=0, append=1)
        return freeze_levels(f"{kind[0]}{j}", kind, LEVELS if kind == "choice" else FLAG_LEVELS, (shares * total).astype(np.int64), 0)

    def _above(self, j: int) -> NDArray[np.bool_]:
        """Which bins the pairs count as above."""
        counts = self.columns[j].counts
        if self.kinds[j] == "choice":
            return np.arange(len(counts)) == np.argmax(counts)
        return np.arange(len(counts)) > (0 if self.kinds[j] == "flag" else len(counts) // 2 - 1)

    def draw(self, shift: float = 0.0, correlation: float = 0.0, missing: bool = False) -> Profile:
        """One more day; `shift` moves the first number by so many deviations, `correlation` binds it to the second."""
        fresh = self.random.normal(0, 1, FEATURES)
        self.noise = self.carried * self.noise + np.sqrt(1 - self.carried**2) * self.size * fresh
        mean = self.weekday[self.day % 7] + self.noise
        mean[0] += shift
        self.day += 1
        bits = np.empty((FEATURES, self.rows), dtype=np.float32)
        counts: list[NDArray[np.int64]] = []
        bound = self._bound(mean, correlation) if correlation else []
        for j in range(FEATURES):
            if j < len(bound):
                codes = np.searchsorted(self.edges[j], bound[j])
                bits[j] = self.above[j][codes]
                counts.append(np.bincount(codes, minlength=len(self.above[j])))
                continue
            shares = np.diff(cdf(self.edges[j] - mean[j]), prepend=0, append=1)
            top = float(shares[self.above[j]].sum())
            own = self.random.random(self.rows, dtype=np.float32) < np.float32(top)
            bits[j] = own
            held, many = np.zeros(len(shares), dtype=np.int64), int(own.sum())
            for side, rows in ((self.above[j], many), (~self.above[j], self.rows - many)):
                part = np.maximum(shares[side], 0)
                held[side] = self.random.multinomial(rows, part / part.sum())
            counts.append(held)
        return self._profile(counts, bits, missing)

    def _bound(self, mean: Floats, correlation: float) -> list[Floats]:
        x, y = self.random.normal(0, 1, (2, self.rows))
        return [mean[0] + x, mean[1] + correlation * x + np.sqrt(1 - correlation**2) * y]

    def _profile(self, counts: list[NDArray[np.int64]], bits: NDArray[np.float32], missing: bool) -> Profile:
        together = (bits @ bits.T).astype(np.int64)
        hits, rows = together[self.pairs[:, 0], self.pairs[:, 1]], np.full(len(self.pairs), self.rows)
        made = [ColumnProfile(name=ref.name, counts=c) for ref, c in zip(self.columns, counts, strict=True)]
        if missing:
            made[0] = ColumnProfile(name=made[0].name, counts=np.zeros_like(counts[0]), missing=self.rows)
            hits[self.pairs[:, 0] == 0], rows[self.pairs[:, 0] == 0] = 0, 0
        return Profile(
            rows=self.rows, edges_hash=self.reference.edges_hash, columns=tuple(made), prediction=None, pair_hits=hits, pair_rows=rows
        )


class Watched:
    """A world with a detector that was fitted on its first days."""

    def __init__(self, regime: str, rows: int, seed: tuple[int, ...], preset: detector.PresetName, days: int) -> None:
        self.world = World(regime, rows, seed)
        self.plan = scores.layout(self.world.reference)
        self.reference = gather([self.read(self.world.draw()) for _ in range(days)])
        self.baseline = detector.fit(self.plan, self.reference, preset=preset, size_s=86_400, limit=365.0)
        self.state = detector.begin(self.baseline)

    def read(self, profile: Profile) -> WindowScores:
        return scores.read(self.plan, profile, self.world.day - 1)

    def take(self, profile: Profile) -> detector.Alarm | None:
        self.state, alarm = detector.update(self.state, self.baseline, self.read(profile))
        return alarm


def false_alarms(regime: str, rows: int, seed: tuple[int, ...], preset: detector.PresetName, days: int = REFERENCE_DAYS) -> list[str]:
    """Why, for each alarm of one simulated year."""
    watched = Watched(regime, rows, seed, preset, days)
    found = (watched.take(watched.world.draw()) for _ in range(YEAR))
    return [alarm.because for alarm in found if alarm]


def rule_alarms(regime: str, rows: int, seed: tuple[int, ...], days: int) -> dict[str, int]:
    """Alarms of the rules by one simulated span of days."""
    world = World(regime, rows, seed)
    alarms = dict.fromkeys(RULES, 0)
    for _ in range(days):
        figures = compare(world.reference, world.draw())
        for rule in RULES:
            alarms[rule] += verdict(rule, world.reference, figures, rows)[0].alarm
    return alarms


def delay(
    regime: str, rows: int, seed: tuple[int, ...], preset: detector.PresetName, change: Mapping[str, Any], days: int = REFERENCE_DAYS
) -> int | None:
    """Days until a change that begins after 20 to 26 quiet ones is seen; None = an alarm before it, or none within 60."""
    watched = Watched(regime, rows, seed, preset, days)
    for _ in range(20 + seed[-1] % 7):
        if watched.take(watched.world.draw()):
            return None
    return next((day for day in range(1, 61) if watched.take(watched.world.draw(**change))), None)


def replay_speed(seed: int) -> dict[str, float]:
    """CPU seconds, fastest of three: a year of stored profiles put on top of each other, and all ways to watch judged on them."""
    world = World("B", 1000, (seed, 365))
    plan = scores.layout(world.reference)
    days = gather([scores.read(plan, world.draw(), number) for number in range(REFERENCE_DAYS)])
    kept = [world.draw().to_bytes() for _ in range(YEAR)]
    read, judged, refitted = [], [], []
    for _ in range(3):
        begun = time.process_time()
        numbers = range(REFERENCE_DAYS, REFERENCE_DAYS + YEAR)
        year = stack(world.reference, [Profile.from_bytes(body) for body in kept], numbers)
        read.append(time.process_time() - begun)
        for fresh, years, seconds in ((True, 30, judged), (False, 8, refitted)):
            begun = time.process_time()
            tuning.compare(
                tuning.Records(reference=world.reference, days=days, normal=year, recorded=year, size_s=86_400, fresh=fresh), years=years
            )
            seconds.append(time.process_time() - begun)
    return {
        "read 365 profiles from bytes": min(read), "judge 20 ways on them, 30 simulated years": min(judged),
        "the same with a baseline of its own for each of 8 years": min(refitted),
    }  # fmt: skip


DELAYS: tuple[tuple[str, str, int, dict[str, Any]], ...] = (
    *((f"0.25 deviations in 1 of 20, {regime} {rows}", regime, rows, {"shift": 0.25}) for regime in REGIMES for rows in (200, 1000)),
    *((f"correlation 0 -> 0.5, {regime} {rows}", regime, rows, {"correlation": 0.5}) for regime in REGIMES for rows in (200, 1000)),
    *((f"1 of 20 all missing, {regime} {rows}", regime, rows, {"missing": True}) for regime in "BE" for rows in (35, 200)),
)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=30)
    parser.add_argument("--rows", default="200,1000,10000")
    parser.add_argument("--regimes", default="A,B,C,D,E")
    parser.add_argument("--preset", choices=("sensitive", "quiet"), default="sensitive")
    parser.add_argument("--reference-days", type=int, default=REFERENCE_DAYS)
    parser.add_argument("--runs", type=int, default=41, help="of each delay; 0 leaves delays out")
    parser.add_argument("--rule-days", type=int, default=730, help="simulated for the rules beside it; 0 leaves them out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replay", action=argparse.BooleanOptionalAction, default=True, help="time a replay of monitors")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    given = parser.parse_args()
    sizes = [int(text) for text in given.rows.split(",")]
    cells = [(regime, rows) for regime in given.regimes.split(",") for rows in sizes]
    figures: dict[str, Any] = {"seed": given.seed, "years": given.years, "preset": given.preset, "false_alarms_a_year": {}, "delays": {}}
    print(
        f"false alarms per model-year: {given.years} fresh years each (rules: {given.rule_days} days), seed {given.seed}, {given.preset}\n"
    )
    print("| rule | " + " | ".join(f"{regime} {rows:,}" for regime, rows in cells) + " |\n|---" * 1 + "|---" * len(cells) + "|")
    if given.rule_days:
        runs = [rule_alarms(regime, rows, (given.seed, ord(regime), rows, 10**6), given.rule_days) for regime, rows in cells]
        for rule in RULES:
            rates = [run[rule] * YEAR / given.rule_days for run in runs]
            figures["false_alarms_a_year"][rule] = {f"{a} {b}": rate for (a, b), rate in zip(cells, rates, strict=True)}
            print(f"| {rule} | " + " | ".join(f"{rate:.0f}" for rate in rates) + " |", flush=True)
    rates = []
    for regime, rows in cells:
        found = [
            false_alarms(regime, rows, (given.seed, ord(regime), rows, year), given.preset, given.reference_days)
            for year in range(given.years)
        ]
        for because in (text for run in found for text in run):
            print(f"{regime} {rows}: {because}", file=sys.stderr, flush=True)
        rates.append(sum(len(run) for run in found) / max(given.years, 1))
        print(f"{regime} {rows}: {rates[-1]:.3f}", file=sys.stderr, flush=True)
    figures["false_alarms_a_year"]["detector"] = {f"{a} {b}": rate for (a, b), rate in zip(cells, rates, strict=True)}
    print("| **detector** | " + " | ".join(f"{rate:.2f}" for rate in rates) + " |", flush=True)
    if given.runs:
        print(f"\ndays until it is seen, {given.runs} runs each\n")
        print("| change | median | worst of nine in ten | not within 60, or a false alarm before |\n|---|---|---|---|")
    for name, regime, rows, change in DELAYS if given.runs else ():
        seen = [
            delay(regime, rows, (given.seed, ord(regime), rows, 77, run), given.preset, change, given.reference_days)
            for run in range(given.runs)
        ]
        days = sorted(999 if day is None else day for day in seen)
        middle, late = days[len(days) // 2], days[len(days) * 9 // 10]
        figures["delays"][name] = {"median": middle, "nine_in_ten": late, "unseen": days.count(999)}
        shown = " | ".join("> 60" if day == 999 else str(day) for day in (middle, late))
        print(f"| {name} | {shown} | {days.count(999)} |", flush=True)
    if given.replay:
        figures["replay"] = replay_speed(given.seed)
        print("\none year of daily profiles under 20 ways to watch, changes included\n\n| step | CPU s |\n|---|---|")
        for name, seconds in figures["replay"].items():
            print(f"| {name} | {seconds:.2f} |", flush=True)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
