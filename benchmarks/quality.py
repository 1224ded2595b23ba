"""False findings of data quality per model-year where nothing is wrong, and which faults are found on their first day.

    python benchmarks/quality.py [--years 30] [--rows 200,1000,10000] [--regimes A,B,C] [--runs 40] [--seed 1]
        [--json FILE] [--markdown FILE]

20 features (15 numbers, 3 choices, 2 flags), daily windows, a reference of 60 days, a fresh world and a fresh reference every year. Each
feature has a share of missing values of its own, from none to a half; some numbers are infinite now and then, choices meet new levels,
values leave the reference's range as a sample's do, and some rows are copies. A: shares and the number of rows are constant but for
chance. B: every share has a weekday pattern (0.2 in its log-odds) and noise of a day (0.1); weekends hold half the rows, and days differ
by 10 %. C: as B, with noise of 0.3 of which 0.7 carries over to the next day, and days that differ by 20 %. Everything runs through the
product's own code: read, learn, check, usual, volume. The fixed limits beside it are what checkers of tables ask for by default: that no
value is missing which was always there before, no value lies outside the range seen, no level is new, and no row is a copy.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farero.core import arrivals, bands, quality
from farero.core.days import gather
from farero.core.finding import Finding
from farero.core.profile import ColumnProfile, Profile
from farero.core.reference import FLAG_LEVELS, ColumnReference, Reference, freeze_levels, freeze_values
from farero.core.scores import layout, read

NUMBERS, CHOICES, FLAGS = 15, 3, 2
FEATURES = NUMBERS + CHOICES + FLAGS
REFERENCE_DAYS, YEAR = 60, 365
DAY_S = 86_400.0
BINS, LEVELS = 20, tuple("abcdef")
MISSING = (0.0, 0.0003, 0.001, 0.005, 0.02, 0.1, 0.3, 0.5)
NEW = (0.0, 0.002, 0.02)
INFINITE = {4: 0.001, 11: 0.02}
COPIES = 0.02
REGIMES: Mapping[str, tuple[float, float, float, float]] = {
    "A": (0.0, 0.0, 0.0, 0.0), "B": (0.2, 0.1, 0.0, 0.1), "C": (0.2, 0.3, 0.7, 0.2)
}  # fmt: skip
"""Size of the weekday pattern, of the noise of a day (in log-odds), how much of it carries over, and how much the number of rows varies."""


class World:
    """Draws the profiles of days; every number of seeds is another world."""

    def __init__(self, regime: str, rows: int, seed: tuple[int, ...]) -> None:
        self.random = np.random.default_rng(seed)
        self.rows, self.day = rows, 0
        pattern, self.size, self.carried, self.volume = REGIMES[regime]
        usual = [MISSING[j % len(MISSING)] for j in range(FEATURES)] + [NEW[j] for j in range(CHOICES)] + list(INFINITE.values()) + [COPIES]
        self.usual = np.array(usual)
        self.weekday = pattern * self.random.normal(0, 1, (7, len(usual)))
        self.noise = self.size * self.random.normal(0, 1, len(usual))
        self.crowd = np.where(np.arange(7) < 5, 1.0, 0.5) if regime != "A" else np.ones(7)
        total = rows * REFERENCE_DAYS
        self.columns = [self._column(j, total) for j in range(FEATURES)]
        self.reference = Reference(
            rows=total, columns=tuple(self.columns), prediction=None, windows=REFERENCE_DAYS, window_rows=rows, edges_hash=f"{regime}{rows}"
        )

    def _column(self, j: int, total: int) -> ColumnReference:
        held = total - round(total * float(self.usual[j]))
        if j < NUMBERS:
            edges = np.linspace(-1, 1, BINS + 1)
            made = freeze_values(f"n{j}", "number", np.repeat(edges, 2), total - held)
            counts = np.concatenate([[0], np.full(BINS, held // BINS), [0]])
            return replace(made, edges=edges, counts=counts, groups=np.arange(BINS + 2) * 10 // (BINS + 2), low=-1.0, high=1.0)
        if j < NUMBERS + CHOICES:
            return freeze_levels(f"c{j}", "choice", LEVELS, np.full(len(LEVELS), held // len(LEVELS)), total - held)
        return freeze_levels(f"f{j}", "flag", FLAG_LEVELS, np.array([held // 2, held - held // 2]), total - held)

    def draw(self) -> Profile:
        """One more day."""
        fresh = self.random.normal(0, 1, len(self.usual))
        self.noise = self.carried * self.noise + np.sqrt(1 - self.carried**2) * self.size * fresh
        with np.errstate(divide="ignore"):
            odds = np.log(self.usual / (1 - self.usual)) + self.weekday[self.day % 7] + self.noise
        shares = 1 / (1 + np.exp(-odds))
        crowd = self.rows * self.crowd[self.day % 7] * np.exp(self.volume * self.random.normal())
        rows = max(int(self.random.poisson(crowd)), 2)
        self.day += 1
        made = [self._counted(j, ref, rows, shares) for j, ref in enumerate(self.columns)]
        copies = int(self.random.binomial(rows, shares[-1]))
        return Profile(rows=rows, edges_hash=self.reference.edges_hash, columns=tuple(made), prediction=None, duplicates=copies)

    def _counted(self, j: int, ref: ColumnReference, rows: int, shares: NDArray[np.float64]) -> ColumnProfile:
        missing = int(self.random.binomial(rows, shares[j]))
        left = rows - missing
        if j < NUMBERS:
            odd = [*INFINITE].index(j) if j in INFINITE else None
            infinite = 0 if odd is None else int(self.random.binomial(left, shares[FEATURES + CHOICES + odd]))
            past = 1 / (self.rows * REFERENCE_DAYS)  # a new row passes the largest of N with a chance of 1 / (N + 1)
            inside = (1 - 2 * past) / BINS
            counts = self.random.multinomial(left - infinite, [past, *[inside] * BINS, past])
            return ColumnProfile(name=ref.name, counts=counts, missing=missing, infinite=infinite, low=-1.0, high=1.0)
        new = int(self.random.binomial(left, shares[FEATURES + j - NUMBERS])) if j < NUMBERS + CHOICES else 0
        levels = len(ref.levels)
        return ColumnProfile(name=ref.name, counts=self.random.multinomial(left - new, [1 / levels] * levels), missing=missing, new=new)


class Checked:
    """A world, and what its first days taught."""

    def __init__(self, regime: str, rows: int, seed: tuple[int, ...], days: int = REFERENCE_DAYS) -> None:
        self.world = World(regime, rows, seed)
        plan = layout(self.world.reference)
        self.days = gather([read(plan, self.world.draw(), number) for number in range(days)])
        self.bands = bands.learn(self.world.reference, self.days, DAY_S)
        self.present: list[tuple[int, int]] = []

    def check(self, profile: Profile) -> list[Finding]:
        """What the product finds in the next day."""
        number = self.world.day - 1
        found = quality.check(self.world.reference, profile, bands=self.bands, number=number)
        known = arrivals.usual(zip(self.days.numbers.tolist(), self.days.rows().tolist(), strict=True), self.present, DAY_S)
        crowd = arrivals.volume(known, number, profile.rows) if known is not None else None
        self.present.append((number, profile.rows))
        return [*found, *([crowd] if crowd is not None else [])]

    def fixed(self, profile: Profile) -> int:
        """How many columns break limits read off the reference: nothing missing, outside, new or infinite that was not so before."""
        held = 0
        for ref, now in zip(self.world.columns, profile.columns, strict=True):
            outside = now.counts[0] + now.counts[-1] if len(ref.edges) else 0
            held += bool((now.missing and not ref.missing) or outside or now.new or now.infinite)
        return held + bool(profile.duplicates)


def false_findings(regime: str, rows: int, seed: tuple[int, ...], days: int = YEAR) -> tuple[list[str], int]:
    """What is said of so many sound days, and on how many of them fixed limits find something."""
    checked = Checked(regime, rows, seed)
    said: list[str] = []
    fixed = 0
    for _ in range(days):
        profile = checked.world.draw()
        said += [finding.because for finding in checked.check(profile)]
        fixed += checked.fixed(profile) > 0
    return said, fixed


def broken(profile: Profile, fault: str) -> Profile:
    """The same day with a fault in its second number, or in its first choice."""
    place = NUMBERS if fault == "5 % new levels" else 1
    column = profile.columns[place]
    if fault.endswith("missing"):
        lost = column.counts if fault.startswith("all") else np.rint(column.counts * int(fault.split()[0]) / 100).astype(np.int64)
        column = replace(column, counts=column.counts - lost, missing=column.missing + int(lost.sum()))
    elif fault == "one value":
        counts = np.zeros_like(column.counts)
        counts[3] = column.counts.sum()
        column = replace(column, counts=counts, low=0.5, high=0.5)
    elif fault == "5 % outside":
        moved = np.rint(column.counts * 0.05).astype(np.int64)
        counts = column.counts - moved
        counts[-1] += moved.sum()
        column = replace(column, counts=counts)
    elif fault == "one infinite":
        column = replace(column, infinite=1)
    elif fault == "5 % new levels":
        moved = np.rint(column.counts * 0.05).astype(np.int64)
        column = replace(column, counts=column.counts - moved, new=column.new + int(moved.sum()))
    elif fault == "10 % copies":
        return replace(profile, duplicates=profile.duplicates + profile.rows // 10)
    else:
        return replace(profile, rows=profile.rows * 5 if fault == "five times the rows" else profile.rows // 5)
    return replace(profile, columns=(*profile.columns[:place], column, *profile.columns[place + 1 :]))


FAULTS = (
    "all missing", "one value", "5 % missing", "2 % missing", "5 % outside", "one infinite", "5 % new levels", "10 % copies",
    "five times the rows", "a fifth of the rows",
)  # fmt: skip


def seen(regime: str, rows: int, seed: tuple[int, ...], fault: str) -> str | None:
    """The gravest severity of what is found on the first day of a fault; None = nothing."""
    checked = Checked(regime, rows, seed)
    for _ in range(10 + seed[-1] % 7):
        checked.check(checked.world.draw())
    found = checked.check(broken(checked.world.draw(), fault))
    order = ("low", "medium", "high", "critical")
    return max((finding.severity for finding in found), key=order.index, default=None)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=30)
    parser.add_argument("--rows", default="200,1000,10000")
    parser.add_argument("--regimes", default="A,B,C")
    parser.add_argument("--runs", type=int, default=40, help="of each fault; 0 leaves them out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file too")
    given = parser.parse_args()
    cells = [(regime, int(rows)) for regime in given.regimes.split(",") for rows in given.rows.split(",")]
    figures: dict[str, Any] = {"seed": given.seed, "years": given.years, "false_findings_a_year": {}, "fixed_days_a_year": {}, "seen": {}}
    names = [f"{regime} {rows:,}" for regime, rows in cells]
    lines = ["| findings a model-year, nothing wrong | " + " | ".join(names) + " |", "|---" + "|---" * len(cells) + "|"]
    learnt, fixed = [], []
    for regime, rows in cells:
        runs = [false_findings(regime, rows, (given.seed, ord(regime), rows, year)) for year in range(given.years)]
        for because in (text for said, _ in runs for text in said):
            print(f"{regime} {rows}: {because}", file=sys.stderr, flush=True)
        learnt.append(sum(len(said) for said, _ in runs) / given.years)
        fixed.append(sum(days for _, days in runs) / given.years)
        figures["false_findings_a_year"][f"{regime} {rows}"] = learnt[-1]
        figures["fixed_days_a_year"][f"{regime} {rows}"] = fixed[-1]
        print(f"{regime} {rows}: {learnt[-1]:.3f} ({fixed[-1]:.0f} days by fixed limits)", file=sys.stderr, flush=True)
    lines.append("| fixed limits (days with one) | " + " | ".join(f"{rate:.0f}" for rate in fixed) + " |")
    lines.append("| **learnt bands** | " + " | ".join(f"{rate:.2f}" for rate in learnt) + " |")
    if given.runs:
        chosen = [(regime, rows) for regime, rows in cells if regime == "B"]
        lines += ["", f"| seen on its first day, of {given.runs} | " + " | ".join(f"B {rows:,}" for _, rows in chosen) + " |"]
        lines.append("|---" + "|---" * len(chosen) + "|")
        for fault in FAULTS:
            each = [[seen(regime, rows, (given.seed, rows, 77, run), fault) for run in range(given.runs)] for regime, rows in chosen]
            for (regime, rows), found in zip(chosen, each, strict=True):
                figures["seen"][f"{fault}, {regime} {rows}"] = sum(one is not None for one in found)
            lines.append(f"| {fault} | " + " | ".join(str(sum(one is not None for one in found)) for found in each) + " |")
    print("\n".join(lines))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if given.markdown:
        given.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
