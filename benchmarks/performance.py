"""Whether intervals of realized performance hold the truth, how often weak segments and late labels are cried without cause, and the CPU.

    python benchmarks/performance.py [--runs 1000] [--markdown FILE]

Rows are drawn with replacement from a population whose metrics are known, so that an interval can be seen to hold the truth or not.
The peer of the last table is the customary way: scikit-learn's metrics on 1,000 bootstrap samples (timed on 10, times 100).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from farero.core.label import LabelKind
from farero.core.maturity import Cohort, labels_in, late
from farero.core.measured import Measured, measure, pick
from farero.core.performance import evaluate
from farero.core.prediction import Outputs
from farero.core.reliability import calibrate
from farero.core.segments import Cut
from farero.core.weakness import search
from farero.core.window import Window

Rows = tuple[NDArray[np.float64], Outputs]
POPULATION = 20_000
A_DAY = 40
T0 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def binary(draw: np.random.Generator, count: int, mood: NDArray[np.float64]) -> Rows:
    probability = draw.beta(1, 2, count)
    labels = (draw.random(count) < np.clip(probability**1.2 * np.exp(0.6 * mood), 0, 1)) * 1.0
    return labels, Outputs(value=(probability >= 0.4) * 1.0, probability=np.clip(probability, 0.01, 0.99))


def classes(draw: np.random.Generator, count: int, mood: NDArray[np.float64]) -> Rows:
    probabilities = draw.dirichlet(np.array([2.0, 1.0, 1.0]), count)
    labels = (draw.random(count)[:, None] > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, 2).astype(np.float64)
    labels = np.where(draw.random(count) < 0.5 * (mood > 0.8), draw.integers(0, 3, count), labels)
    probabilities = 0.9 * probabilities + 0.1 / 3
    value = probabilities.argmax(axis=1).astype(np.float64)
    return labels, Outputs(value=value, probability=probabilities.max(axis=1), probabilities=probabilities)


def number(draw: np.random.Generator, count: int, mood: NDArray[np.float64]) -> Rows:
    expected = draw.uniform(15, 45, count)
    return expected + draw.exponential(2.0, count) - 1.5 + 1.5 * mood, Outputs(value=expected)


MADE: dict[LabelKind, Callable[[np.random.Generator, int, NDArray[np.float64]], Rows]] = {
    "binary": binary,
    "classes": classes,
    "number": number,
}


def coverage(runs: int) -> Iterator[str]:
    """One line a metric: how often its interval held the truth."""
    yield "| label | metric | 30 rows | 100 rows | 1,000 rows | 25 days of 40 rows, days differ | the same, rows taken as independent |"
    yield "|---|---|---|---|---|---|---|"
    for kind, make in MADE.items():
        draw = np.random.default_rng(1)
        plain = make(draw, POPULATION, np.zeros(POPULATION))
        moody = make(draw, POPULATION, draw.normal(size=POPULATION // A_DAY).repeat(A_DAY))
        columns = [_held(draw, kind, plain, runs, count) for count in (30, 100, 1000)]
        columns += [_held_by_day(draw, kind, moody, runs, together) for together in (True, False)]
        for name in columns[0]:
            yield f"| {kind} | {name} | {' | '.join(f'{column[name]:.1%}' for column in columns)} |"


def _held(draw: np.random.Generator, kind: LabelKind, rows: Rows, runs: int, count: int) -> dict[str, float]:
    """Share of intervals that held the truth, of those that were defined."""
    samples = (draw.integers(0, POPULATION, count) for _ in range(runs))
    return _share(kind, rows, ((chosen, None) for chosen in samples))


def _held_by_day(draw: np.random.Generator, kind: LabelKind, rows: Rows, runs: int, together: bool) -> dict[str, float]:
    days = np.repeat(np.arange(25), A_DAY)
    samples = ((draw.integers(0, POPULATION // A_DAY, 25)[:, None] * A_DAY + np.arange(A_DAY)).ravel() for _ in range(runs))
    return _share(kind, rows, ((chosen, days if together else None) for chosen in samples))


def _share(kind: LabelKind, rows: Rows, samples: Iterator[tuple[NDArray[np.intp], NDArray[np.intp] | None]]) -> dict[str, float]:
    labels, outputs = rows
    truth = evaluate(kind, labels, outputs)
    if kind == "binary" and outputs.probability is not None:
        truth["gap"] = float(np.mean(outputs.probability - labels))
    hits, seen = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0)
    for chosen, days in samples:
        found: list[Measured] = list(measure(kind, labels[chosen], pick(outputs, chosen), days=days))
        if kind == "binary" and outputs.probability is not None:
            found.append(calibrate(labels[chosen] == 1, outputs.probability[chosen], of="positive class", days=days).gap)
        for one in found:
            if one.low is not None and one.high is not None:
                seen[one.name] += 1
                hits[one.name] += one.low <= truth[one.name] <= one.high
    return {name: hits[name] / max(seen[name], 1) for name in truth}


def segments(runs: int) -> Iterator[str]:
    """How often segments are named: without cause, and where one was planted."""
    yield "| 4,000 rows, 40 days, 10 features of 5 parts | a segment is named | the planted one is | an own interval above the mean |"
    yield "|---|---|---|---|"
    draw = np.random.default_rng(2)
    days = np.arange(4000) // 100
    for words, factor, pair in (
        ("no weak segment, long-tailed losses", 1.0, False),
        ("the same, days differ", 0.0, False),
        ("one part loses 1.3 times as much", 1.3, False),
        ("one part loses 1.5 times as much", 1.5, False),
        ("one part loses twice as much", 2.0, False),
        ("a pair loses twice as much", 2.0, True),
        ("a pair loses 3 times as much", 3.0, True),
    ):
        named = right = naive = 0
        for run in range(runs):
            cuts = [Cut(feature=f"f{at}", names=tuple("abcde"), codes=draw.integers(0, 5, 4000)) for at in range(10)]
            losses = draw.exponential(1.0, 4000) * (np.exp(draw.normal(0, 0.5, 40))[days] if factor == 0 else 1.0)
            weak = (cuts[2].codes == 1) & ((cuts[7].codes == 3) if pair else True)
            losses[weak] *= factor or 1.0
            found = search(cuts, losses, days=days, seed=run).found
            named += bool(found)
            right += any(one.features == (("f2", "f7") if pair else ("f2",)) and one.names[0] == "b" for one in found)
            naive += any(_stands_out(losses, cut.codes == part) for cut in cuts for part in range(5))
        yield f"| {words} | {named / runs:.1%} | {'–' if factor <= 1 else f'{right / runs:.0%}'} | {naive / runs:.0%} |"


def _stands_out(losses: NDArray[np.float64], rows: NDArray[np.bool_]) -> bool:
    """What people do by eye: pick any segment that looks worse."""
    own = losses[rows]
    return bool(own.mean() - 1.96 * own.std() / np.sqrt(len(own)) > losses.mean())


def lateness(runs: int) -> Iterator[str]:
    """False findings a year of looking daily, and how soon a stop is seen. Labels take 3 days on average and up to 14; 90 % ever come."""
    yield "| labels, 300 rows a day | findings a year | median days until found |"
    yield "|---|---|---|"
    draw = np.random.default_rng(3)
    for words, noise, ever, mean_days in (
        ("as ever", 0.0, 0.9, 3.0), ("as ever, days differ", 0.3, 0.9, 3.0), ("stop", 0.3, 0.0, 3.0), ("a half stays away", 0.3, 0.45, 3.0),
        ("take twice as long", 0.3, 0.9, 6.0),
    ):  # fmt: skip
        change = None if (ever, mean_days) == (0.9, 3.0) else 60
        told, years, delays = 0, 0.0, []
        for _ in range(max(runs // 50, 4)):
            days = 425 if change is None else 90
            every = [
                _delays(draw, noise, *((ever, mean_days) if change is not None and day >= change else (0.9, 3.0))) for day in range(days)
            ]
            first = None
            for now in range(60, days):
                seen = [
                    Cohort.of(Window(start=T0 + day * DAY, end=T0 + (day + 1) * DAY), 300, every[day][every[day] <= (now - day) * 86400])
                    for day in range(max(0, now - 75), now + 1)
                ]
                if late(labels_in(seen, at=T0 + (now + 1) * DAY, arrives_within=14 * DAY)) is not None:
                    told += 1
                    first = now if first is None else first
            years += (days - 60) / 365
            delays.append(np.inf if first is None or change is None else first - change + 1)
        middle = float(np.median(delays))
        soon = "–" if change is None else "not in 30" if np.isinf(middle) else f"{middle:.0f}"
        yield f"| {words} | {f'{told / years:.2f}' if change is None else '–'} | {soon} |"


def _delays(draw: np.random.Generator, noise: float, ever: float, mean_days: float) -> NDArray[np.float64]:
    delays = draw.exponential(mean_days * 86400 * np.exp(noise * draw.normal()), 300)
    return np.sort(delays[draw.random(300) < ever])


def cost() -> Iterator[str]:
    """CPU seconds for 100,000 rows."""
    yield "| 100,000 rows, binary, 7 metrics | CPU | |"
    yield "|---|---|---|"
    draw = np.random.default_rng(4)
    labels, outputs = binary(draw, 100_000, np.zeros(100_000))
    days = np.arange(100_000) // 1000
    measure("binary", labels, outputs, days=days)
    started = time.process_time()
    for _ in range(5):
        measure("binary", labels, outputs, days=days)
    own = (time.process_time() - started) / 5
    started = time.process_time()
    assert outputs.probability is not None
    for _ in range(10):
        chosen = draw.integers(0, 100_000, 100_000)
        y, value, probability = labels[chosen], outputs.value[chosen], outputs.probability[chosen]
        sk.accuracy_score(y, value), sk.precision_score(y, value), sk.recall_score(y, value), sk.f1_score(y, value)
        sk.roc_auc_score(y, probability), sk.log_loss(y, probability), sk.brier_score_loss(y, probability)
    peer = (time.process_time() - started) * 100
    yield f"| farero, intervals by row and by day | {own:.3f} s | |"
    yield f"| scikit-learn, 1,000 bootstrap samples | {peer:.0f} s | {peer / own:,.0f} times as much |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--markdown", type=Path)
    asked = parser.parse_args()
    parts = [
        f"How often intervals of 95 % held the truth ({asked.runs:,} runs each).", "", *coverage(asked.runs), "",
        *segments(max(asked.runs // 5, 20)), "", *lateness(asked.runs), "", *cost(),
    ]  # fmt: skip
    text = "\n".join(parts)
    print(text)
    if asked.markdown:
        asked.markdown.write_text(text + "\n")


if __name__ == "__main__":
    main()
