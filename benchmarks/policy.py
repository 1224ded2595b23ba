"""What the default policy is worth: beside never, always and the textbook rule, each look-back by itself, and every fourth window.

    python benchmarks/policy.py [--data FOLDER] [--only bikes,energy] [--results FILE] [--markdown FILE]

Four streams with the stand-in project's features and train function. farero and textbook are replayed by the product; never and the kinds
of always need no loop and are fitted in this process, with the same train function, on rows whose labels were known at the same moments.
Three of the streams come with the examples. elec2 states no licence and is not among them: put `elec2.parquet` (columns ts, dow, period,
nswprice, nswdemand, vicprice, vicdemand, transfer, class; from OpenML's "electricity" or scikit-multiflow's streaming-datasets, with
half-hours from 1996-05-07 on as ts) into FOLDER. --results keeps what was measured, so that streams can be measured one by one.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.serving.report import Table, machine, markdown, text  # noqa: E402

from farero.core import performance  # noqa: E402
from farero.core.prediction import Outputs  # noqa: E402
from farero.core.window import parse_duration, parse_window, window_at  # noqa: E402
from farero.project.frame import frame, series  # noqa: E402
from farero.project.infer import infer  # noqa: E402
from farero.project.learning import TrainingSet  # noqa: E402
from farero.replay import history  # noqa: E402
from farero.serving import stored  # noqa: E402

BEGIN = "<!-- figures: python benchmarks/policy.py --markdown docs/explanation/policy.md -->"
END = "<!-- end of figures -->"
LOOK_BACKS = ("365d", "180d", "90d")
EVERY = 4
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One recorded stream: its file, and how it is replayed. `keep`: every so manieth row."""

    name: str
    file: str
    time: str
    label: str
    window: str
    drop: tuple[str, ...] = ()
    keep: int = 1
    train_until: str = "0.25"


STREAMS = (
    Stream(name="elec2", file="elec2.parquet", time="ts", label="class", window="1w"),
    Stream(name="flights", file="flights/flights.parquet", time="time_hour", label="late", window="1w", keep=5),
    Stream(name="bikes", file="bikes/hours.parquet", time="ts", label="cnt", window="1w"),
    Stream(name="energy", file="energy/countries.csv", time="time", label="renewables_share_energy", window="365d",
        drop=("iso_code", "country", "name")),
)  # fmt: skip


def prepared(stream: Stream, data: Path | None, folder: Path, *, shuffled: bool = False) -> Path | None:
    """The stream's file as it is replayed; shuffled, every row gets the time of another, so that nothing changes over time."""
    source = next((path for path in ((data or folder) / stream.file, ROOT / "examples" / stream.file) if path.is_file()), None)
    if source is None:
        return None
    rows = pd.read_parquet(source) if source.suffix == ".parquet" else pd.read_csv(source)
    rows = rows.drop(columns=list(stream.drop), errors="ignore").sort_values(stream.time, kind="stable")[:: stream.keep]
    if shuffled:
        times = rows[stream.time].to_numpy()
        rows = rows.sample(frac=1.0, random_state=0)
        rows[stream.time] = times
    path = folder / f"{stream.name}{'-shuffled' if shuffled else ''}.parquet"
    rows.reset_index(drop=True).to_parquet(path)
    return path


def replayed(stream: Stream, path: Path, policies: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The totals of each policy, by the product itself."""
    with tempfile.TemporaryDirectory() as nowhere:
        command = [sys.executable, "-m", "farero", "replay", str(path), "--time", stream.time, "--label", stream.label, "--window",
            stream.window, "--train-until", stream.train_until, "--json", "--jobs", "1", "--project", nowhere]  # fmt: skip
        command += [word for policy in policies for word in ("--policy", policy)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer = json.loads(done.stdout)
    years = (pd.Timestamp(answer["to"]) - pd.Timestamp(answer["train_until"])) / pd.Timedelta(days=365)
    return {
        one["name"]: {**one["totals"], "windows": len(one["windows"]), "years": years, "better": answer["higher_is_better"],
            "metric_name": answer["metric"]}
        for one in answer["policies"]
    }  # fmt: skip


class Plain:
    """Fits and serves without a loop: what is fitted at a moment answers until the next fit."""

    def __init__(self, stream: Stream, path: Path, folder: Path) -> None:
        loaded = infer(path, time=stream.time, label=stream.label, root=folder)
        (self.project,) = loaded.projects.values()
        self.size = parse_window(stream.window)
        self.rows = history.read(path, self.project.schema, self.project.label_spec, time=stream.time, label_column=stream.label)
        self.until = history.train_until(self.rows, stream.train_until, self.size)
        self.first = int(np.searchsorted(self.rows.times, stored.moment(self.until)))
        self.x = frame(self.project.schema, self.rows.rows.columns)
        self.windows = list(self._windows())

    def serve(self, *, every: int | None, look_back: str | None = None) -> dict[str, Any]:
        """The served metric, and how many fits it took. `every` None = never again."""
        begun, fits = process_time(), 0
        model = self._fit(self.until, None)
        answers = np.empty(self.rows.count - self.first)
        for number, (begin, end, closes) in enumerate(self.windows, start=1):
            answers[begin - self.first : end - self.first] = self._answer(model, begin, end)
            if every is not None and number % every == 0 and number < len(self.windows):
                made = self._fit(closes, look_back)
                model, fits = (made, fits + 1) if made is not None else (model, fits)
        labels = self.rows.labels[self.first :]
        known = ~np.isnan(labels)
        outputs = Outputs(value=answers if self.project.kind == "number" else (answers >= 0.5).astype(float), probability=answers)
        figure = performance.evaluate(self.project.kind, labels[known], stored.pick(outputs, known), [self.project.metric])
        return {"metric": figure[self.project.metric], "retrainings": fits, "trainings": fits, "cpu_s": process_time() - begun}

    def _windows(self) -> Iterator[tuple[int, int, datetime]]:
        """First row, row behind the last, and end of each window that holds rows."""
        begin = self.first
        while begin < self.rows.count:
            closes = window_at(stored.aware(self.rows.times[begin]), self.size.span).end
            end = int(np.searchsorted(self.rows.times, stored.moment(closes)))
            yield begin, end, closes
            begin = end

    def _fit(self, until: Any, look_back: str | None) -> Any:
        at = stored.moment(until)
        which = (self.rows.times < at) & (self.rows.known <= at)
        if look_back is not None:
            which &= self.rows.times >= stored.moment(until - parse_duration(look_back))
        if which.sum() < 20:
            return None
        y = series(self.project.label_spec, self.rows.labels[which])
        return self.project.train(TrainingSet(X=self.x[which].reset_index(drop=True), y=y, seed=self.project.seed, until=until))

    def _answer(self, model: Any, begin: int, end: int) -> Any:
        rows = self.x.iloc[begin:end]
        return model.predict(rows) if self.project.kind == "number" else model.predict_proba(rows)[:, 1]


def measure(stream: Stream, data: Path | None, results: Path | None) -> dict[str, Any] | None:
    """Every figure of one stream; those that the results file has are not measured again."""
    known: dict[str, Any] = json.loads(results.read_text()) if results is not None and results.is_file() else {}
    mine: dict[str, Any] = known.setdefault(stream.name, {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = prepared(stream, data, folder)
        if path is None:
            print(f"{stream.name}: {stream.file} is not there; see --data", file=sys.stderr)
            return mine or None

        def keep(key: str, found: dict[str, Any]) -> None:
            mine[key] = found
            print(f"{stream.name:8} {key:22} {found['metric']:.4f}  {found['retrainings']} retrainings", file=sys.stderr, flush=True)
            if results is not None:
                results.write_text(json.dumps(known, indent=1))

        for policy in ("farero", "textbook"):
            if policy not in mine:
                keep(policy, replayed(stream, path, [policy])[policy])
        if "shuffled" not in mine:
            other = prepared(stream, data, folder, shuffled=True)
            assert other is not None
            keep("shuffled", replayed(stream, other, ["farero"])["farero"])
        plain: Plain | None = None
        plans: dict[str, tuple[int | None, str | None]] = {"never": (None, None), "always": (1, None), "every fourth": (EVERY, None)}
        plans |= {f"always {look_back}": (1, look_back) for look_back in LOOK_BACKS}
        for key, (every, look_back) in plans.items():
            if key not in mine:
                plain = plain or Plain(stream, path, folder)
                keep(key, plain.serve(every=every, look_back=look_back))
    return mine


def table(stream: Stream, found: dict[str, Any]) -> Table:
    """One stream's table: served metric, share of always' gain, what it took."""
    never, always = found["never"]["metric"], found["always"]["metric"]
    gain = always - never
    shown = []
    for key in ("never", "farero", "textbook", "always", *(f"always {look_back}" for look_back in LOOK_BACKS), "every fourth"):
        one = found[key]
        share = f"{(one['metric'] - never) / gain + 0.0:.0%}" if gain else "-"
        shown.append([key, f"{one['metric']:.4g}", share, str(one["retrainings"]), str(one["trainings"]), f"{one['cpu_s']:.0f}"])
    own, calm = found["farero"], found["shuffled"]
    better = "higher" if own["better"] else "lower"
    notes = [
        f"{own['windows']} windows of {stream.window}; {better} is better.",
        f"Rows shuffled over the same {calm['years']:.1f} years, so that nothing changes: {calm['retrainings']} by farero, "
        f"{calm['rejections']} of them for nothing.",
    ]
    if stream.keep > 1:
        notes.append(f"Every {stream.keep}th row of the file.")
    header = ["policy", f"served {own['metric_name']}", "share of always' gain", "retrainings", "trainings", "CPU s"]
    return Table(title=stream.name, header=header, rows=shown, notes=notes)


def put(path: Path, tables: Sequence[Table]) -> None:
    """Write the tables between the marks of a document."""
    before, found, rest = (path.read_text() if path.exists() else "").partition(BEGIN)
    after = rest.partition(END)[2] if found else "\n"
    said = "; ".join(f"{name} {value}" for name, value in machine().items())
    path.write_text("\n".join([f"{before}{BEGIN}", "", *map(markdown, tables), f"Measured on: {said}.", "", f"{END}{after}"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with elec2.parquet")
    parser.add_argument("--only", default=",".join(stream.name for stream in STREAMS))
    parser.add_argument("--results", type=Path, help="a JSON file to keep figures in")
    parser.add_argument("--markdown", type=Path, help="write the tables between the marks of this document")
    wanted = parser.parse_args()
    chosen = [stream for stream in STREAMS if stream.name in wanted.only.split(",")]
    measured = [(stream, measure(stream, wanted.data, wanted.results)) for stream in chosen]
    made = [table(stream, found) for stream, found in measured if found]
    print("\n".join(map(text, made)))
    if wanted.markdown:
        put(wanted.markdown, made)
