"""The detectors of one model: fitted with a version's first window, taken one window further at a time, kept in the state database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core import detector, performance, scores, series, watch
from farero.core.baseline import Baseline, PresetName
from farero.core.days import Days, gather
from farero.core.label import LabelSpec
from farero.core.profile import Profile
from farero.core.reference import Reference
from farero.core.schema import Schema
from farero.core.scores import Layout, WindowScores
from farero.core.series import Series
from farero.core.watch import Watch
from farero.core.window import Window, WindowSize
from farero.serving import frozen, stored
from farero.serving.pool import Loaded
from farero.serving.stored import Labelled
from farero.store import detectors, steps
from farero.store.database import Store
from farero.store.detectors import StoredDetector

Name: TypeAlias = Literal["inputs", "label", "loss"]

SHARES: dict[Name, float] = {"inputs": 0.6, "label": 0.2, "loss": 0.2}
"""How the one false alarm a year is laid out over a model's detectors: the rates of each add up to it."""

KEPT = 8
"""Detectors whose baselines and series stay in memory: those of the versions that answer now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A detector that can be taken further."""

    version: str
    name: Name
    baseline: Baseline
    watch: Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Detect:
    """Runs the detectors of one model.

    Attributes:
        preset: how large a change must be to count.
        models: of the installation, which share the budget of one false alarm a year and model.
        a_year: false alarms a year and model of that budget.
    """

    model: str
    schema: Schema
    label: LabelSpec
    metric: str
    window_size: WindowSize
    preset: PresetName
    models: int
    store: Store
    a_year: float = 1.0
    _fitted: dict[tuple[str, Name], tuple[bytes, Baseline]] = field(default_factory=dict)
    _known: dict[tuple[str, str], Series | None] = field(default_factory=dict)

    def inputs(self, version: Loaded, reference: Reference, window: Window, profile: Profile) -> Watch | None:
        """What the inputs and answers of a window add to the evidence.

        None where the version's reference is not known window by window: it was made before such were kept, or for windows of another
        size.
        """
        number = version.version.number
        ready = self._ready(number, "inputs")
        if ready is None:
            known = frozen.days(version.folder, self.window_size)
            if known is None:
                return None
            ready = self._begin(number, "inputs", scores.layout(reference), known)
        return self._take(ready, [scores.read(ready.baseline.plan, profile, self.number(window))])

    def labels(self, version: Loaded, rows: Labelled, until: Window) -> Watch | None:
        """What the labels of windows whose labels have had their time add to the evidence; None where the version keeps none.

        Args:
            version: whose labels are the reference.
            rows: labelled rows, whichever version answered them.
            until: the window that has just closed.
        """
        number = version.version.number
        known = self._series(number, "label", lambda: frozen.labels(version.folder))
        return None if known is None else self._further(number, "label", known, rows, rows.labels, until)

    def losses(self, version: Loaded, rows: Labelled, until: Window) -> Watch | None:
        """What the losses of this version's rows add to the evidence; None where nothing judged it.

        Args:
            version: the one that answers.
            rows: labelled rows that it answered.
            until: the window that has just closed.
        """
        if rows.outputs is None:
            return None
        number, metric = version.version.number, performance.row_metric(self.label.kind, self.metric, rows.outputs)
        known = self._series(number, f"loss by {metric}", lambda: self._judged(version, metric))
        if known is None:
            return None
        return self._further(number, "loss", known, rows, performance.loss(self.label.kind, metric, rows.labels, rows.outputs), until)

    def standing(self, version: str, name: Name) -> Watch | None:
        """What a detector knew after the last window; None before the first."""
        with self.store.read() as conn:
            kept = detectors.watch(conn, self.model, version, name)
        return None if kept is None else Watch.from_bytes(kept)

    def settle(self, version: str, since: Iterable[tuple[Window, Profile]]) -> None:
        """Somebody said that these inputs and answers are the new normal: these windows are what is compared with from now on.

        Raises:
            ValueError: there are none, or they were read on another reference.
        """
        with self.store.write() as conn:
            kept = detectors.get(conn, self.model, version, "inputs")
            if kept is None:
                return
            plan = Baseline.from_bytes(kept.baseline).plan
            made = self._fit(plan, gather([scores.read(plan, profile, self.number(window)) for window, profile in since]), "inputs")
            settled = watch.settle(Watch.from_bytes(kept.watch), made)
            detectors.put(conn, self.model, version, "inputs", StoredDetector(baseline=made.to_bytes(), watch=settled.to_bytes()))

    def number(self, window: Window) -> int:
        """A window's number: it rises from window to window."""
        return stored.window_number(window.start, self.window_size.step)

    def start(self, number: int) -> datetime:
        """Where the window with this number begins."""
        return stored.window_of(number, self.window_size.step).start

    def numbers(self, times: NDArray[np.datetime64], until: Window) -> NDArray[np.int64]:
        """(n,) the number of the window that holds each row.

        Args:
            times: of rows that went through the loop.
            until: the window that has just closed; rows behind its end belong to one that has not yet.
        """
        if self.window_size.rows is None or not len(times):
            return stored.window_numbers(times, self.window_size.span)
        with self.store.read() as conn:
            known = steps.starts(conn, self.model, "done", ending_after=stored.aware(times.min()))
        starts = np.array([stored.moment(start) for start in sorted({*known, until.start, until.end})])
        return stored.window_numbers(starts, self.window_size.step)[np.maximum(np.searchsorted(starts, times, side="right") - 1, 0)]

    def windows_a_year(self) -> float:
        """How many windows a year has; by count: as many as there have been so far, and at least one a day."""
        if self.window_size.seconds is not None:
            return detector.windows_a_year(self.window_size.seconds)
        with self.store.read() as conn:
            count, span = steps.pace(conn, self.model, "done")
        return max(detector.windows_a_year(span.total_seconds() / count) if count and span else 0.0, 365.0)

    def _further(self, version: str, name: Name, known: Series, rows: Labelled, values: NDArray[np.float64], until: Window) -> Watch | None:
        """Take every window further whose labels have had their time, oldest first; None before the first."""
        ready = self._ready(version, name)
        last = ready.watch.state.last if ready is not None else None
        due = stored.moment(until.end - self.label.arrives_within)
        numbers = self.numbers(np.append(rows.times, due), until)
        numbers, ripe = numbers[:-1], numbers[:-1] < numbers[-1]
        fresh = [number for number in np.unique(numbers[ripe]).tolist() if last is None or number > last]
        if not fresh:
            return None if ready is None else ready.watch
        ready = ready or self._begin(version, name, known.plan(), known.days)
        return self._take(ready, [known.window(values[numbers == number], number) for number in fresh])

    def _series(self, version: str, what: str, read: Callable[[], Series | None]) -> Series | None:
        """A version's own labels or losses: they never change, so they are read once."""
        if (version, what) not in self._known:
            while len(self._known) >= KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[version, what] = read()
        return self._known[version, what]

    def _judged(self, version: Loaded, metric: str) -> Series | None:
        """What a version lost on the rows that judged it."""
        judged = frozen.judged(version.folder, self.schema)
        if judged is None or judged.outputs is None or not judged.count:
            return None
        losses = performance.loss(self.label.kind, metric, judged.labels, judged.outputs)
        return series.of_losses(losses, stored.window_index(judged.times, self.window_size))

    def _ready(self, version: str, name: Name) -> _Ready | None:
        """The detector as it was left; None before its first window."""
        with self.store.read() as conn:
            found = detectors.get(conn, self.model, version, name)
        if found is None:
            return None
        return _Ready(
            version=version, name=name, baseline=self._baseline(version, name, found.baseline), watch=Watch.from_bytes(found.watch)
        )

    def _begin(self, version: str, name: Name, plan: Layout, days: Days) -> _Ready:
        """A new detector, fitted on these windows."""
        baseline = self._fit(plan, days, name)
        begun = watch.begin(baseline)
        kept = StoredDetector(baseline=baseline.to_bytes(), watch=begun.to_bytes())
        with self.store.write() as conn:
            detectors.put(conn, self.model, version, name, kept)
        return _Ready(version=version, name=name, baseline=self._baseline(version, name, kept.baseline), watch=begun)

    def _take(self, ready: _Ready, windows: Sequence[WindowScores]) -> Watch:
        after = ready.watch
        for window in windows:
            after = watch.look(after, ready.baseline, window)
        if after is not ready.watch:
            with self.store.write() as conn:
                detectors.put_watch(conn, self.model, ready.version, ready.name, after.to_bytes())
        return after

    def _baseline(self, version: str, name: Name, stored_baseline: bytes) -> Baseline:
        """The stored baseline, read anew only where another process has stored another."""
        known = self._fitted.get((version, name))
        if known is None or known[0] != stored_baseline:
            while len(self._fitted) >= KEPT:
                self._fitted.pop(next(iter(self._fitted)))
            known = self._fitted[version, name] = stored_baseline, Baseline.from_bytes(stored_baseline)
        # The budget, or how many windows a year has, may have changed since; what was learnt from the reference stands.
        return replace(known[1], limit=self._limit(name))

    def _fit(self, plan: Layout, days: Days, name: Name) -> Baseline:
        return detector.fit(plan, days, preset=self.preset, size_s=self.window_size.seconds, limit=self._limit(name))

    def _limit(self, name: Name) -> float:
        """Windows between two false alarms of this detector, in the mean."""
        return self.windows_a_year() * self.models / SHARES[name] / self.a_year
