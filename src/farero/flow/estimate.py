"""estimate: how windows without labels are going, by what the rows that judged their version say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from farero.core import performance
from farero.core.estimate import Estimator
from farero.core.estimated import Basis, EstimateReport, WindowEstimate, backtested, caveat
from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.errors import BadInput
from farero.ports import PredictionLog
from farero.serving import estimating, frozen, stored
from farero.serving.pool import Loaded, Pool
from farero.store import labels, versions
from farero.store.database import Store

WINDOWS = 60
"""Windows at most that are estimated where nobody says from when."""

_ROWS_AT_ONCE = 20
_NEEDED = ("time", "request_id", "row", "version", "prediction", "probability")
_FIRST_STEPS = (
    "Rows that the version had not learnt from are kept when it is trained by `farero train DATA` (the last fifth of them), retrained by "
    "the loop, or registered with --reference DATA."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A version that can be estimated."""

    loaded: Loaded
    estimator: Estimator


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateWindows:
    """Estimates the windows of one model."""

    model: str
    label: LabelSpec
    metric: str
    window_size: timedelta
    store: Store
    log: PredictionLog
    pool: Pool
    known: dict[str, _Known | Basis] = field(default_factory=dict)
    """By version: what it takes to estimate it, or why that cannot be done."""

    def report(self, start: datetime | None, end: datetime | None, version: str | None, *, now: datetime) -> EstimateReport:
        """The estimates of every window that starts in [start, end), with what became of those whose labels have come.

        Args:
            start: None = the newest `WINDOWS` windows.
            version: only what this version answered.
            now: labels known by then count.

        Raises:
            BadInput: no version that answered can be estimated; says why and what to do.
            VersionNotFound: there is no such version.
        """
        if version is not None:
            with self.store.read() as conn:
                versions.get(conn, self.model, version)
        notes: list[str] = []
        found: list[WindowEstimate] = []
        span = self.log.span(self.model)
        if span is not None:
            first, last = span[0], span[1] + timedelta(microseconds=1)
            begin = stored.window_number(max(first, start) if start else first, self.window_size)
            until = min(last, end) if end else last
            if start is None:
                newest = stored.window_number(until, self.window_size)
                begin = max(begin, newest - WINDOWS + 1)
            for table in self._batches(stored.window_of(begin, self.window_size).start if start is None else max(first, start), until):
                found += self._windows(table, version, now)
        if not found:
            self._refuse(version)
            notes.append("There is no prediction in this span.")
        judged = {number: one.estimator.judged[self.metric] for number, one in self._usable() if self.metric in one.estimator.judged}
        made, backtest = backtested(sorted(found, key=lambda one: (one.start, one.version)), self.metric, judged)
        return EstimateReport(
            model=self.model,
            metric=self.metric,
            higher_is_better=performance.METRICS[self.metric].higher_is_better,
            caveat=caveat(self.metric),
            versions=tuple(_basis(number, one) for number, one in self.known.items()),
            windows=made,
            backtest=backtest,
            notes=tuple(notes),
        )

    def _usable(self) -> Iterator[tuple[str, _Known]]:
        return ((number, one) for number, one in self.known.items() if isinstance(one, _Known))

    def _refuse(self, version: str | None) -> None:
        """Where rows were answered, but by versions that cannot be estimated, that is the answer."""
        if version is not None:
            self._version(version)
        refused = [one for one in self.known.values() if isinstance(one, Basis)]
        if refused and len(refused) == len(self.known):
            reasons = "; ".join(f"{one.version}: {one.note}" for one in refused)
            raise BadInput(f"Nothing can be estimated for {self.model} ({reasons}).", hint=_FIRST_STEPS)

    def _batches(self, start: datetime, end: datetime) -> Iterator[pa.Table]:
        """The log from `start` to `end`, a few whole windows at a time, so that memory does not grow with the span."""
        names = list(_NEEDED) if self.label.kind == "binary" else None
        at = start
        while at < end:
            number = stored.window_number(at, self.window_size)
            until = min(stored.window_of(number + _ROWS_AT_ONCE - 1, self.window_size).end, end)
            table = self.log.read(self.model, at, until, names)
            if table.num_rows:
                yield table
            at = until

    def _windows(self, table: pa.Table, version: str | None, now: datetime) -> Iterator[WindowEstimate]:
        by_version = stored.versions(table)
        numbers = stored.window_numbers(stored.times(table), self.window_size)
        truth = self._labels(table, now)
        for answered in np.unique(by_version).tolist():
            if version is not None and answered != version:
                continue
            known = self._version(answered)
            if isinstance(known, Basis):
                continue
            rows = np.flatnonzero(by_version == answered)
            outputs, matrix = estimating.answers(known.loaded, self.label, table.take(pa.array(rows)))
            for number in np.unique(numbers[rows]).tolist():
                yield self._window(known, int(number), numbers[rows] == number, outputs, matrix, truth[rows])

    def _window(
        self, known: _Known, number: int, mask: NDArray[np.bool_], outputs: Outputs, matrix: NDArray[np.float64] | None,
        truth: NDArray[np.float64],
    ) -> WindowEstimate:  # fmt: skip
        own = stored.pick(outputs, mask)
        tally = known.estimator.tally(own, None if matrix is None else matrix[mask])
        estimated = known.estimator.estimates(tally)
        labelled = np.isfinite(truth[mask])
        window = stored.window_of(number, self.window_size)
        return WindowEstimate(
            start=window.start,
            end=window.end,
            version=known.loaded.version.number,
            rows=int(mask.sum()),
            estimated=estimated.metrics,
            effective_rows=estimated.effective_rows,
            labelled=int(labelled.sum()),
            realized=performance.evaluate(self.label.kind, truth[mask], own),
        )

    def _labels(self, table: pa.Table, now: datetime) -> NDArray[np.float64]:
        """(n,) the label of each row, NaN where none is known."""
        times = stored.times(table)
        with self.store.read() as conn:
            end = stored.aware(times[-1]) + timedelta(microseconds=1)
            found = labels.between(conn, self.model, stored.aware(times[0]), end, now)
        values = np.full(table.num_rows, np.nan)
        places, known, _ = stored.matched(table, found)
        values[places] = known
        return values

    def _version(self, number: str) -> _Known | Basis:
        if number not in self.known:
            self.known[number] = self._learn(number)
        return self.known[number]

    def _learn(self, number: str) -> _Known | Basis:
        with self.store.read() as conn:
            loaded = self.pool.get(versions.get(conn, self.model, number), gate=False)
        try:
            return _Known(loaded=loaded, estimator=estimating.learn(loaded, self.label))
        except ValueError as reason:
            judged = frozen.judged(loaded.folder, loaded.schema)
            return _unknown(number, judged.count if judged is not None else 0, f"{reason}")


def _unknown(number: str, rows: int, reason: str) -> Basis:
    return Basis(version=number, judged_rows=rows, judged={}, cross_fitted={}, note=reason)


def _basis(number: str, one: _Known | Basis) -> Basis:
    if isinstance(one, Basis):
        return one
    made: Mapping[str, float] = one.estimator.judged
    note = ""
    if one.estimator.losses is not None and max(one.estimator.losses.skill.values()) < 0.01:
        note = "its inputs say nothing of how large its errors are, so every window is expected to lose what the judged rows lost"
    return Basis(version=number, judged_rows=one.estimator.rows, judged=made, cross_fitted=one.estimator.cross_fitted, note=note)
