"""False alarms per model-year of other monitors at their defaults, on rows of the same worlds that `monitoring.py` draws profiles of.

    python benchmarks/peer_alarms.py [--rows 200,1000] [--regimes A,B] [--days 60] [--only evidently,nannyml,alibi] [--seed 1]
        [--markdown FILE]

20 features (15 numbers, 3 choices, 2 flags), a reference of 60 days, then quiet days, then as many on which the first number is moved by a
quarter of its deviation. Alarms on quiet days are false, and shown as days a year; of the others, the share that is told.
Each peer runs in a virtual environment of its own, reads the same Parquet files, and looks at each day by itself:

- Evidently: DataDriftPreset; any column drifted, and its own verdict on the data set (half of the columns).
- NannyML: UnivariateDriftCalculator with daily chunks; any column's alert.
- alibi-detect: TabularDrift (KS and chi-squared, Bonferroni over the columns of a day).
- KS p < .05 for any number, which is the textbook rule, from alibi-detect's p-values.

Farero's detector sees the same days through `farero.core`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from reports import PACKAGES, environment

from farero.core import detector, scores, watch
from farero.core.days import days_of
from farero.core.profile import build, build_reference
from farero.core.schema import Columns, Field, Schema

REGIMES = {"A": (0.0, 0.0, 0.0), "B": (0.04, 0.02, 0.0), "C": (0.04, 0.05, 0.7)}
REFERENCE_DAYS, YEAR, SHIFT = 60, 365, 0.25
CUTS = {"c": (-1.0, -0.3, 0.2, 0.8, 1.5), "f": (0.5,)}
LEVELS = tuple(f"level {i}" for i in range(6))
NAMES = [*(f"n{i}" for i in range(15)), *(f"c{i}" for i in range(3)), *(f"f{i}" for i in range(2))]

READ = """
import json, sys, time
import pandas as pd
before, after = pd.read_parquet(sys.argv[1]), pd.read_parquet(sys.argv[2])
names = [name for name in before if name != "day"]
choices = [name for name in names if name[0] != "n"]
begun = time.process_time()
"""

PEERS: Mapping[str, str] = {
    "evidently": READ
    + """
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
definition = DataDefinition(numerical_columns=[n for n in names if n not in choices], categorical_columns=choices)
reference = Dataset.from_pandas(before[names], data_definition=definition)
found = {"any column": [], "half of the columns": []}
for day, rows in after.groupby("day"):
    told = Report([DataDriftPreset()]).run(Dataset.from_pandas(rows[names], data_definition=definition), reference).dict()
    value = next(m["value"] for m in told["metrics"] if m["metric_name"].startswith("DriftedColumnsCount"))
    found["any column"].append(value["count"] > 0)
    found["half of the columns"].append(value["share"] >= 0.5)
print(json.dumps({"found": found, "cpu_s": time.process_time() - begun}))
""",
    "nannyml": READ
    + """
import nannyml as nml
for frame in (before, after):
    frame["ts"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["day"], unit="D")
calculator = nml.UnivariateDriftCalculator(
    column_names=names, treat_as_categorical=choices, timestamp_column_name="ts", chunk_period="D")
told = calculator.fit(before).calculate(after).filter(period="analysis").to_df()
alerts = told.loc[:, [column for column in told.columns if column[-1] == "alert"]]
print(json.dumps({"found": {"any column": alerts.any(axis=1).astype(bool).tolist()}, "cpu_s": time.process_time() - begun}))
""",
    "alibi": READ
    + """
from alibi_detect.cd import TabularDrift
detector = TabularDrift(before[names].to_numpy(float), p_val=0.05, categories_per_feature={names.index(n): None for n in choices})
found = {"any column, Bonferroni": [], "any column, p < .05": []}
for day, rows in after.groupby("day"):
    told = detector.predict(rows[names].to_numpy(float), drift_type="batch", return_p_val=True)["data"]
    found["any column, Bonferroni"].append(bool(told["is_drift"]))
    found["any column, p < .05"].append(bool((told["p_val"] < 0.05).any()))
print(json.dumps({"found": found, "cpu_s": time.process_time() - begun}))
""",
}
TITLES = {"evidently": "Evidently", "nannyml": "NannyML", "alibi": "alibi-detect"}
WANTED = {**PACKAGES, "nannyml": ("nannyml==0.13.1", "statsmodels")}


class World:
    """Draws days of rows."""

    def __init__(self, regime: str, rows: int, seed: tuple[int, ...]) -> None:
        self.random = np.random.default_rng(seed)
        self.rows, self.day = rows, 0
        pattern, self.size, self.carried = REGIMES[regime]
        self.weekday = pattern * self.random.normal(0, 1, (7, len(NAMES)))
        self.noise = self.size * self.random.normal(0, 1, len(NAMES))

    def draw(self, shift: float = 0.0) -> Columns:
        """One more day."""
        self.noise = self.carried * self.noise + np.sqrt(1 - self.carried**2) * self.size * self.random.normal(0, 1, len(NAMES))
        mean = self.weekday[self.day % 7] + self.noise
        mean[0] += shift
        self.day += 1
        values = mean[:, None] + self.random.normal(0, 1, (len(NAMES), self.rows))
        return {
            name: value if name[0] == "n" else np.searchsorted(CUTS[name[0]], value).astype(np.int32)
            for name, value in zip(NAMES, values, strict=True)
        }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=lambda text: [int(part) for part in text.split(",")], default=[200, 1000])
    parser.add_argument("--regimes", type=lambda text: text.split(","), default=["A", "B"])
    parser.add_argument("--days", type=int, default=60, help="quiet ones, and as many with a shift")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(PEERS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--markdown", type=Path)
    wanted = parser.parse_args()
    cells: dict[str, dict[str, str]] = {}
    heads = [f"{regime} {rows:,}" for regime in wanted.regimes for rows in wanted.rows]
    for regime in wanted.regimes:
        for rows in wanted.rows:
            for name, days in watched(wanted, regime, rows).items():
                quiet, shifted = days[: wanted.days], days[wanted.days :]
                cell = f"{sum(quiet) / wanted.days * YEAR:.0f} / {sum(shifted) / wanted.days:.0%}"
                if name == "farero":
                    first = shifted.index(True) + 1 if True in shifted else None
                    cell = f"{sum(quiet) / wanted.days * YEAR:.0f} / {f'day {first}' if first else 'never'}"
                cells.setdefault(name, {})[f"{regime} {rows:,}"] = cell
                print(f"{regime} {rows}: {name}: {cell}", file=sys.stderr)
    lines = ["| false alarms a year / shifted days told | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    lines += [f"| {name} | " + " | ".join(found.get(head, "") for head in heads) + " |" for name, found in cells.items()]
    print("\n".join(lines))
    if wanted.markdown:
        wanted.markdown.write_text("\n".join(lines) + "\n")


def watched(wanted: argparse.Namespace, regime: str, rows: int) -> dict[str, list[bool]]:
    """Per monitor, whether each day was told."""
    world = World(regime, rows, (wanted.seed, rows, ord(regime)))
    before = [world.draw() for _ in range(REFERENCE_DAYS)]
    after = [world.draw() for _ in range(wanted.days)] + [world.draw(SHIFT) for _ in range(wanted.days)]
    found = {"farero": own(before, after)}
    with tempfile.TemporaryDirectory(prefix="farero-alarms-") as name:
        files = [Path(name) / "before.parquet", Path(name) / "after.parquet"]
        for path, days, first in zip(files, (before, after), (0, REFERENCE_DAYS), strict=True):
            table = {column: np.concatenate([day[column] for day in days]) for column in NAMES}
            table["day"] = np.repeat(np.arange(first, first + len(days)), rows)
            pq.write_table(pa.table(table), path)
        for peer in wanted.only:
            done = subprocess.run([environment(peer, WANTED[peer]), "-c", PEERS[peer], *files], capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{TITLES[peer]} failed: {done.stderr.strip()[-300:]}", file=sys.stderr)
                continue
            told = json.loads(done.stdout.strip().splitlines()[-1])
            found |= {f"{TITLES[peer]}, {way}": days for way, days in told["found"].items()}
    return found


def own(before: list[Columns], after: list[Columns]) -> list[bool]:
    """Farero's detector; an alarm that stands is told on the day that raised it."""
    kinds = {"c": LEVELS, "f": ()}
    fields = [
        Field(name=name, kind="number" if name[0] == "n" else "choice" if name[0] == "c" else "flag", levels=kinds.get(name[0], ()))
        for name in NAMES
    ]
    schema = Schema(fields=tuple(fields))
    table = {name: np.concatenate([day[name] for day in before]) for name in NAMES}
    index = np.repeat(np.arange(len(before)), len(before[0]["n0"]))
    reference = build_reference(schema, table, None, index)
    plan = scores.layout(reference)
    baseline = detector.fit(plan, days_of(reference, table, None, index), preset="sensitive", size_s=86_400, limit=365.0)
    seen, told = watch.begin(baseline), []
    for number, day in enumerate(after, len(before)):
        known = len(seen.standing)
        seen = watch.look(seen, baseline, scores.read(plan, build(reference, day), number))
        told.append(len(seen.standing) > known)
    return told


if __name__ == "__main__":
    main()
