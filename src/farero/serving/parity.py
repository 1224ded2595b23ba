"""Whether a compiled engine answers as the original model does: no label may differ, and no number by more than rounding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from farero.core.label import LabelSpec
from farero.core.matrix import to_columns
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Schema
from farero.errors import PredictFailed
from farero.serving import nodes, probes
from farero.serving.answers import Quick
from farero.serving.compile.ensemble import Ensemble
from farero.serving.sample import Sample, answers_of

TOLERANCE: Final = 1e-6
"""Largest difference of a probability; of a number, times max(1, its size)."""
DRAWN: Final = 2000
CHUNK: Final = 4000
"""Rows asked at once: some ten milliseconds, in which other threads come to their turn."""
TIME_S: Final = 3.0
"""After so long no further rows for thresholds are asked; those asked until then are spread over all of them."""
BATCHES: Final = (1, 2, 7, 100)
_SEED: Final = 0


class Predicts(Protocol):
    """Answers rows: the part of an engine that is compared."""

    def predict(self, columns: Columns, count: int) -> Outputs:
        """The answers to `count` rows."""
        ...


class Compiled(Predicts, Protocol):
    """What a compiled engine must offer to be compared. A row that it leaves to the original is answered with NaN."""

    @property
    def detail(self) -> str:
        """Which kernel answers."""
        ...

    @property
    def reads(self) -> Sequence[object]:
        """What was read from each of its models: an `Ensemble` where it has trees."""
        ...

    @property
    def quick(self) -> Quick | None:
        """The short way, where there is one."""
        ...

    def forget(self) -> None:
        """Let go what was read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How a compiled engine did beside the original.

    Attributes:
        rows: asked of both. `left` more rows the compiled engine left to the original.
        flips: rows with another label.
        worst: largest difference of an answer [probability; for numbers relative to max(1, size)].
        covered: share of the rows for thresholds that were asked before the time was up [0-1].
        because: what was wrong, in words; empty where it passed. It names no value of a row: rows may be personal.
    """

    passed: bool
    rows: int
    left: int
    flips: int
    worst: float
    covered: float
    because: str
    seconds: float


def check(
    original: Predicts, compiled: Compiled, schema: Schema, label: LabelSpec, sample: Sample | None, *, time_s: float = TIME_S
) -> Parity:
    """Ask both about the same rows until one answer differs, or none does.

    The rows: those stored with the version, drawn ones of every kind that the schema allows, the ends of what it allows, gaps and new
    levels, ways to the nodes of the trees, and values at their thresholds. Then in small batches, and on the short way.
    """
    with np.errstate(all="ignore"):  # the ends of what is allowed overflow on purpose
        return _check(original, compiled, schema, label, sample, time_s)


def _check(original: Predicts, compiled: Compiled, schema: Schema, label: LabelSpec, sample: Sample | None, time_s: float) -> Parity:
    begun = perf_counter()
    tally = _Tally(original=original, compiled=compiled, schema=schema, label=label)
    covered = 1.0
    asked = 0
    because = ""
    for name, rows, total in _blocks(compiled, schema, sample):
        if total and perf_counter() - begun > time_s:
            covered = asked / total
            break
        asked += len(rows) if total else 0
        because = tally.ask(name, rows)
        if because:
            break
    because = because or _same_in_small_batches(compiled, schema, label, _few(schema, sample))
    return Parity(
        passed=not because, rows=tally.rows, left=tally.left, flips=tally.flips, worst=tally.worst, covered=covered, because=because,
        seconds=perf_counter() - begun,
    )  # fmt: skip


def moved(original: Predicts, schema: Schema, label: LabelSpec, sample: Sample) -> float:
    """How far the original's answers are from those that it gave when it was trained; infinite where it does not answer any more."""
    try:
        now = answers_of(label, original.predict(to_columns(schema, sample.rows), len(sample.rows)))
    except PredictFailed:
        return float("inf")
    return float("inf") if now.shape != sample.answers.shape else _worst(label, sample.answers, now)[0]


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What was asked so far."""

    original: Predicts
    compiled: Compiled
    schema: Schema
    label: LabelSpec
    rows: int = 0
    left: int = 0
    flips: int = 0
    worst: float = 0.0

    def ask(self, name: str, rows: NDArray[np.float64]) -> str:
        """Compare some rows; what is wrong, in words."""
        try:
            fast = self.compiled.predict(to_columns(self.schema, rows), len(rows))
        except PredictFailed as failure:
            return f"it fails at {name}: {failure.message}"
        answers = answers_of(self.label, fast)
        given = ~np.isnan(answers).any(axis=1)
        self.left += int(len(rows) - given.sum())
        kept = np.flatnonzero(given)
        if not kept.size:
            return ""
        try:
            slow = self.original.predict(to_columns(self.schema, rows[kept]), kept.size)
        except PredictFailed as failure:
            return f"it answers {name} that the original refuses: {failure.message}"
        self.rows += int(kept.size)
        worst, at = _worst(self.label, answers_of(self.label, slow), answers[kept])
        self.worst = max(self.worst, worst)
        flipped = np.flatnonzero(slow.value != fast.value[kept]) if self.label.kind != "number" else np.empty(0, dtype=np.intp)
        self.flips += int(flipped.size)
        if flipped.size:
            return f"it answers another label in {flipped.size} of {kept.size} {name}, first in row {kept[flipped[0]]}"
        if worst > TOLERANCE:
            return f"it differs by {worst:.2g} in row {kept[at]} of {kept.size} {name}"
        return ""


def _blocks(compiled: Compiled, schema: Schema, sample: Sample | None) -> Iterator[tuple[str, NDArray[np.float64], int]]:
    """Rows to ask about, named; with how many rows for thresholds there are in all, 0 for rows of another kind."""
    random = np.random.default_rng(_SEED)
    known = None if sample is None else sample.rows
    if known is not None:
        yield "rows that it was trained on", known, 0
    made_up = probes.drawn(schema, DRAWN, random, known)
    yield "drawn rows", made_up, 0
    base = made_up if known is None else np.concatenate([known, made_up[: len(known) // 4]])
    for rows in probes.ends(schema, base):
        yield "rows at the ends of what is allowed", rows, 0
    rows = probes.gaps(schema, base, random)
    if len(rows):
        yield "rows with gaps", rows, 0
    ensembles = [read for read in compiled.reads if isinstance(read, Ensemble)]
    most = nodes.MOST_NODES // max(len(ensembles), 1)
    parts = [part for read in ensembles for part in (
        nodes.at_nodes(schema, base, read, random, most), probes.at_thresholds(schema, base, nodes.thresholds(read), random)
    )]  # fmt: skip
    rows = np.concatenate(parts) if parts else base[:0]
    if len(ensembles) > 1:  # what is asked until the time is up is of all of them
        rows = rows[random.permutation(len(rows))]
    for start in range(0, len(rows), CHUNK):
        yield "rows at thresholds", rows[start : start + CHUNK], len(rows)


def _few(schema: Schema, sample: Sample | None) -> NDArray[np.float64]:
    made_up = probes.drawn(schema, 2 * max(BATCHES), np.random.default_rng(_SEED + 1), None if sample is None else sample.rows)
    return made_up if sample is None else np.concatenate([sample.rows[: max(BATCHES)], made_up])


def _same_in_small_batches(compiled: Compiled, schema: Schema, label: LabelSpec, rows: NDArray[np.float64]) -> str:
    """An answer depends on its row alone: not on the rows beside it, nor on the way that it took."""
    whole = answers_of(label, compiled.predict(to_columns(schema, rows), len(rows)))
    for size in BATCHES:
        for start in range(0, min(len(rows), 20 * size), size):
            batch = rows[start : start + size]
            answers = answers_of(label, compiled.predict(to_columns(schema, batch), len(batch)))
            if not np.array_equal(answers, whole[start : start + size], equal_nan=True):
                return f"it answers a row otherwise in a batch of {size}"
    quick = compiled.quick
    if quick is None:
        return ""
    room = len(quick.rows)
    for size in sorted({min(size, room) for size in BATCHES}):
        for start in range(0, min(len(rows), 20 * size), size):
            batch = rows[start : start + size]
            quick.rows[: len(batch)] = batch
            quick.run(len(batch))
            if not np.array_equal(quick.answers[: len(batch)], whole[start : start + size], equal_nan=True):
                return f"it answers otherwise on its short way, {size} rows at a time"
    return ""


def _worst(label: LabelSpec, expected: NDArray[np.float64], answers: NDArray[np.float64]) -> tuple[float, int]:
    """The largest difference and its row; see `TOLERANCE` for its scale."""
    if not len(expected):
        return 0.0, 0
    off = np.abs(answers - expected)
    if label.kind == "number":
        off /= np.maximum(1.0, np.abs(expected))
    each = np.where(np.isnan(off), np.inf, off).max(axis=1)
    at = int(each.argmax())
    return float(each[at]), at
