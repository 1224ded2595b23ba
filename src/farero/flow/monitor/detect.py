"""The detectors of one model: fitted with a version's first window, taken one window further at a time, kept in the state database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
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
from farero.core.window import Window
from farero.serving import frozen, stored
from farero.serving.pool import Loaded
from farero.serving.stored import Labelled
from farero.store import detectors
from farero.store.database import Store
from farero.store.detectors import StoredDetector

Name: TypeAlias = Literal["inputs", "label", "loss"]

SHARES: dict[Name, float] = {"inputs": 0.7, "label": 0.1, "loss": 0.2}
"""How the one false alarm a year is laid out over a model's detectors: the rates of each add up to it."""

KEPT = 8
"""Detectors whose baselines stay in memory: those of the versions that answer now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What a detector is fitted on."""

    plan: Layout
    days: Days


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
    window_size: timedelta
    preset: PresetName
    models: int
    store: Store
    a_year: float = 1.0
    _fitted: dict[tuple[str, Name], tuple[bytes, Baseline]] = field(default_factory=dict)

    def inputs(self, version: Loaded, reference: Reference, window: Window, profile: Profile) -> Watch | None:
        """What the inputs and answers of a window add to the evidence.

        None where the version's reference is not known window by window: it was made before such were kept, or for windows of another
        length.
        """

        def source() -> _Source | None:
            known = frozen.days(version.folder, self.window_size)
            return None if known is None else _Source(plan=scores.layout(reference), days=known)

        return self._look(version.version.number, "inputs", source, lambda plan: scores.read(plan, profile, self.number(window)))

    def labels(self, version: Loaded, rows: Labelled, until: Window) -> Watch | None:
        """What the labels of windows whose labels have had their time add to the evidence; None where the version keeps none.

        Args:
            version: whose labels are the reference.
            rows: labelled rows, whichever version answered them.
            until: the window that has just closed.
        """
        known = frozen.labels(version.folder)
        return None if known is None else self._series(version, "label", known, rows, rows.labels, until)

    def losses(self, version: Loaded, rows: Labelled, until: Window) -> Watch | None:
        """What the losses of this version's rows add to the evidence; None where nothing judged it.

        Args:
            version: the one that answers.
            rows: labelled rows that it answered.
            until: the window that has just closed.
        """
        judged = frozen.judged(version.folder, self.schema)
        if judged is None or judged.outputs is None or rows.outputs is None or not judged.count:
            return None
        # The log keeps one probability a row: of several classes, what it tells of each answer is whether it was right.
        metric = self.metric if rows.outputs.probabilities is not None or self.label.kind != "classes" else "accuracy"
        before = performance.loss(self.label.kind, metric, judged.labels, judged.outputs)
        known = series.of_losses(before, stored.window_numbers(judged.times, self.window_size))
        return self._series(version, "loss", known, rows, performance.loss(self.label.kind, metric, rows.labels, rows.outputs), until)

    def standing(self, version: str, name: Name) -> Watch | None:
        """What a detector knew after the last window; None before the first."""
        with self.store.read() as conn:
            kept = detectors.watch(conn, self.model, version, name)
        return None if kept is None else Watch.from_bytes(kept)

    def settle(self, version: str, name: Name, since: Sequence[WindowScores]) -> None:
        """Somebody said that this is the new normal: these windows are what is compared with from now on.

        Raises:
            ValueError: there are none, or they were read on another reference.
        """
        with self.store.write() as conn:
            kept = detectors.get(conn, self.model, version, name)
            if kept is None:
                return
            made = self._fit(_Source(plan=Baseline.from_bytes(kept.baseline).plan, days=gather(since)), name)
            settled = watch.settle(Watch.from_bytes(kept.watch), made)
            detectors.put(conn, self.model, version, name, StoredDetector(baseline=made.to_bytes(), watch=settled.to_bytes()))

    def _series(
        self, version: Loaded, name: Name, known: Series, rows: Labelled, values: NDArray[np.float64], until: Window
    ) -> Watch | None:
        """Take every window further whose labels have had their time, oldest first."""
        source = _Source(plan=known.plan(), days=known.days)
        numbers = stored.window_numbers(rows.times, self.window_size)
        ripe = stored.window_numbers(np.array([stored.moment(until.end - self.label.arrives_within)]), self.window_size)[0]
        seen = self.standing(version.version.number, name)
        last = seen.state.last if seen is not None else None
        for number in np.unique(numbers[numbers < ripe]).tolist():
            if last is None or number > last:
                seen = self._look(
                    version.version.number, name, lambda: source, partial(_given, known.window(values[numbers == number], number))
                )
        return seen

    def _look(self, version: str, name: Name, source: Callable[[], _Source | None], read: Callable[[Layout], WindowScores]) -> Watch | None:
        with self.store.read() as conn:
            found = detectors.get(conn, self.model, version, name)
        if found is None:
            made_of = source()
            if made_of is None:
                return None
            baseline = self._fit(made_of, name)
            found = StoredDetector(baseline=baseline.to_bytes(), watch=watch.begin(baseline).to_bytes())
            with self.store.write() as conn:
                detectors.put(conn, self.model, version, name, found)
        baseline, kept = self._baseline(version, name, found.baseline), Watch.from_bytes(found.watch)
        after = watch.look(kept, baseline, read(baseline.plan))
        if after is not kept:
            with self.store.write() as conn:
                detectors.put_watch(conn, self.model, version, name, after.to_bytes())
        return after

    def _baseline(self, version: str, name: Name, stored_baseline: bytes) -> Baseline:
        """The stored baseline, read anew only where another process has stored another."""
        known = self._fitted.get((version, name))
        if known is not None and known[0] == stored_baseline:
            return known[1]
        # The budget may have been changed since; what was learnt from the reference stands.
        baseline = replace(Baseline.from_bytes(stored_baseline), limit=self._limit(name))
        while len(self._fitted) >= KEPT:
            self._fitted.pop(next(iter(self._fitted)))
        self._fitted[version, name] = stored_baseline, baseline
        return baseline

    def _fit(self, source: _Source, name: Name) -> Baseline:
        size_s = self.window_size.total_seconds()
        return detector.fit(source.plan, source.days, preset=self.preset, size_s=size_s, limit=self._limit(name))

    def _limit(self, name: Name) -> float:
        """Windows between two false alarms of this detector, in the mean."""
        return detector.windows_a_year(self.window_size.total_seconds()) * self.models / SHARES[name] / self.a_year

    def number(self, window: Window) -> int:
        """A window's number on the fixed grid."""
        return int(stored.window_numbers(np.array([stored.moment(window.start)]), self.window_size)[0])


def _given(window: WindowScores, plan: Layout) -> WindowScores:  # noqa: ARG001 (read already)
    return window
