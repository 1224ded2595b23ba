"""What the detectors say of recorded histories that nobody simulated, beside the textbook rule.

    python benchmarks/real_streams.py [--elec2 FILE] [--markdown FILE]

A model learns from the first 80 % of the reference, the earliest quarter of each history, and stays: nothing is retrained, so everything
that changes is seen against the same reference. Its answers and losses on the other 20 % are the reference of answers and losses. Labels
are taken for known at once. `bikes` and `flights` are the examples that `farero new` writes; elec2, the prices of electricity in New South
Wales with `ts`, seven numbers and `class`, is no part of the product, so its file must be named.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from farero.core import detector, performance, scores, series, watch
from farero.core.days import Days, days_of
from farero.core.drift import compare, verdict
from farero.core.label import LabelSpec
from farero.core.matrix import to_matrix
from farero.core.prediction import Outputs
from farero.core.profile import build
from farero.core.reference import build_reference
from farero.core.schema import Columns, Field, Schema
from farero.core.scores import Layout, WindowScores
from farero.core.watch import Watch
from farero.flow.monitor.detect import SHARES, Name
from farero.project.load import load
from farero.replay import history
from farero.serving import stored

REFERENCE, LEARNT = 0.25, 0.8
SIZES = (("days", timedelta(days=1)), ("weeks", timedelta(weeks=1)))
ELEC2 = ("dow", "period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One history, its model's answers to all of it, and the rows that the reference ends with."""

    name: str
    schema: Schema
    label: LabelSpec
    size: timedelta
    columns: Columns
    times: NDArray[np.datetime64]
    labels: NDArray[np.float64]
    answers: Outputs
    learnt: int
    known: int

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(n,) the window of each row."""
        return stored.window_numbers(self.times, self.size)

    def rows(self, first: int, last: int) -> tuple[Columns, Outputs]:
        """Some rows and their answers."""
        return {name: values[first:last] for name, values in self.columns.items()}, _part(self.answers, slice(first, last))


class Alarms:
    """One detector, and when alarms began to stand: from the first one until all that raised any is calm again."""

    def __init__(self, name: Name, plan: Layout, days: Days, size: timedelta) -> None:
        size_s = size.total_seconds()
        limit = detector.windows_a_year(size_s) / SHARES[name]
        self.baseline = detector.fit(plan, days, preset="sensitive", size_s=size_s, limit=limit)
        self.watch: Watch = watch.begin(self.baseline)
        self.begun: list[str] = []
        self.standing = 0

    def look(self, window: WindowScores, size: timedelta) -> None:
        """Take one more window into account."""
        before = self.watch.standing
        self.watch = watch.look(self.watch, self.baseline, window)
        self.standing += bool(self.watch.standing)
        if self.watch.standing and not before:
            self.begun.append(f"{stored.window_of(window.number, size).start:%Y-%m-%d} {', '.join(self.watch.columns[:3])}")

    def said(self) -> str:
        """How often alarms began to stand, for how many windows in all, and the first times."""
        first = "; ".join(self.begun[:3]) + (" …" if len(self.begun) > 3 else "")
        return f"{len(self.begun)} ({self.standing}){': ' + first if first else ''}"


def prepared(name: str, path: Path, schema: Schema, label: LabelSpec, time: str, size: timedelta) -> Stream:
    """Read a history, and let a model learn from its earliest part and answer all of it."""
    found = history.read(path, schema, label, time=time)
    held = ~np.isnan(found.labels)
    columns = {field.name: found.rows.columns[field.name][held] for field in schema.features}
    times, labels = found.times[held], found.labels[held]
    numbers = stored.window_numbers(times, size)
    known = int(np.searchsorted(numbers, numbers[int(len(numbers) * REFERENCE)]))  # whole windows
    learnt = int(np.searchsorted(numbers, numbers[int(known * LEARNT)]))
    choices: Any = [field.kind == "choice" for field in schema.features]  # scikit-learn's stub knows one of its kinds alone
    matrix = to_matrix(schema, columns, len(labels))
    if label.kind == "number":
        value = HistGradientBoostingRegressor(categorical_features=choices, random_state=0).fit(matrix[:learnt], labels[:learnt])
        answers = Outputs(value=value.predict(matrix))
    else:
        model = HistGradientBoostingClassifier(categorical_features=choices, random_state=0).fit(matrix[:learnt], labels[:learnt])
        probability = model.predict_proba(matrix)[:, 1]
        answers = Outputs(value=(probability >= 0.5).astype(np.float64), probability=probability)
    return Stream(
        name=name, schema=schema, label=label, size=size, columns=columns, times=times, labels=labels, answers=answers, learnt=learnt,
        known=known,
    )  # fmt: skip


def told(stream: Stream) -> str:
    """One line of the table."""
    numbers, metric = stream.numbers, "mae" if stream.label.kind == "number" else "log_loss"
    losses = performance.loss(stream.label.kind, metric, stream.labels, stream.answers)
    before, held = stream.rows(0, stream.known)[0], slice(stream.learnt, stream.known)
    judged = _part(stream.answers, held)
    reference = build_reference(stream.schema, before, judged, numbers[: stream.known])
    plan = scores.layout(reference)
    of_labels = series.of_labels(stream.label.kind, stream.label.classes, stream.labels[: stream.known], numbers[: stream.known])
    of_losses = series.of_losses(losses[held], numbers[held])
    inputs = Alarms("inputs", plan, days_of(reference, before, judged, numbers[: stream.known], numbers[held]), stream.size)
    label = Alarms("label", of_labels.plan(), of_labels.days, stream.size)
    loss = Alarms("loss", of_losses.plan(), of_losses.days, stream.size)
    windows = textbook = 0
    for first, last in _windows(numbers, stream.known):
        number = int(numbers[first])
        profile = build(reference, *stream.rows(first, last))
        inputs.look(scores.read(plan, profile, number), stream.size)
        label.look(of_labels.window(stream.labels[first:last], number), stream.size)
        loss.look(of_losses.window(losses[first:last], number), stream.size)
        textbook += verdict("textbook", reference, compare(reference, profile), last - first)[0].alarm
        windows += 1
    known = f"{len(np.unique(numbers[: stream.known]))} + {windows}"
    return f"| {stream.name} | {known} | {textbook} | {inputs.said()} | {label.said()} | {loss.said()} |"


def _windows(numbers: NDArray[np.int64], start: int) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(numbers[start:], prepend=numbers[start] - 1)) + start
    yield from zip(edges.tolist(), [*edges[1:].tolist(), len(numbers)], strict=True)


def _part(answers: Outputs, rows: slice) -> Outputs:
    return Outputs(value=answers.value[rows], probability=None if answers.probability is None else answers.probability[rows])


def main() -> None:
    """Look at each history and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elec2", type=Path, help="a Parquet or CSV file with ts, seven numbers and class")
    parser.add_argument("--markdown", type=Path, help="write the table to this file too")
    given = parser.parse_args()
    lines = ["| history | windows | textbook alarms | inputs and answers | labels | losses |", "|---|---|---|---|---|---|"]
    print("\n".join(lines))
    with tempfile.TemporaryDirectory() as name:
        for example, data, time in (("flights", "flights.parquet", "time_hour"), ("bikes", "hours.parquet", "ts")):
            folder = Path(name) / example
            command = [str(Path(sys.executable).parent / "farero"), "new", str(folder), "--example", example]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            (project,) = load(folder).projects.values()
            for words, size in SIZES:
                lines.append(told(prepared(f"{example}, {words}", folder / data, project.schema, project.label_spec, time, size)))
                print(lines[-1], flush=True)
    if given.elec2:
        schema = Schema(fields=tuple(Field(name=name, kind="number") for name in ELEC2))
        label = LabelSpec(name="class", kind="binary", arrives_within=timedelta(days=1))
        for words, size in SIZES:
            lines.append(told(prepared(f"elec2, {words}", given.elec2, schema, label, "ts", size)))
            print(lines[-1], flush=True)
    if given.markdown:
        given.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
