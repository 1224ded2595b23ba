"""appraise: how well the answers were, by metric, segment, version and window, as far as labels are in. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import chdtri

from farero.core import maturity, performance, reliability, weakness
from farero.core.appraisal import Appraisal, AtAge, Condition, VersionFigures, WeakSegment, WeakSegments, WindowFigures
from farero.core.finding import Finding
from farero.core.intervals import LEAST_DAYS, LEVEL, spread_by_day
from farero.core.label import LabelSpec
from farero.core.maturity import Cohort, LabelsIn
from farero.core.measured import FEW, Measured, measure, pick, usable
from farero.core.prediction import Outputs
from farero.core.schema import Schema
from farero.core.segments import BySegment, by_segment, cut, cuts, features_named
from farero.errors import BadInput, counted
from farero.ports import PredictionLog
from farero.serving import stored
from farero.serving.stored import Labelled
from farero.store import labels
from farero.store.database import Store

WINDOWS = 90
"""How many windows are looked at, beside those that labels may still reach, where nobody says how far back."""

MOST_WINDOWS = 100
"""Windows of a report, at most: where there would be more, days, weeks or four weeks are put together."""

EARLIER = 30
"""Earlier windows that a window which labels may still reach is compared with."""

AGES = (0.0, 0.125, 0.25, 0.5, 1.0)
"""At which shares of the time that labels may take mature windows are looked at."""

MOST_VERSIONS = 20

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Rows that judged a version before it served, with labels and the answers it gave."""

    version: str
    rows: Labelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraise:
    """Appraises one model."""

    model: str
    schema: Schema
    label: LabelSpec
    metric: str
    window_size: timedelta
    seed: int
    store: Store
    log: PredictionLog

    def report(
        self, *, at: datetime, start: datetime | None = None, end: datetime | None = None, by: Sequence[str] = (),
        version: str | None = None, judged: Judged | None = None,
    ) -> Appraisal:  # fmt: skip
        """The whole report.

        Args:
            at: now; labels known later do not count.
            start, end: of the predictions, [start, end); default: as many windows as `WINDOWS` and labels may take, until now.
            by: features to divide the rows by.
            version: only rows that it answered.
            judged: rows that judged a version before it served.

        Raises:
            BadInput: a feature that is none, or a span that ends before it starts.
        """
        fields = features_named(self.model, self.schema, by)
        until = min(end or at, at)
        since = start or until - self.label.arrives_within - WINDOWS * self.window_size
        if since >= until:
            raise BadInput(
                f"Nothing can be predicted from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC.", hint="Give an earlier --from."
            )
        times, rows = self._read(since, until, at, version)
        found = _Found(kind=self.label, metric=self.metric, rows=rows)
        windows, ages, late = self._windows(found, times, at)
        metric = performance.METRICS[self.metric]
        return Appraisal(
            model=self.model, start=since, end=until, at=at, version=version, rows=len(times), labelled=rows.count,
            metric=self.metric, higher_is_better=metric.higher_is_better, level=LEVEL,
            arrives_within_s=self.label.arrives_within.total_seconds(),
            metrics=found.measured(), baseline=_baseline(self.label, judged), baseline_version=None if judged is None else judged.version,
            calibration=reliability.of_answers(self.label.kind, rows.labels, found.outputs, days=found.days),
            versions=_versions(found),
            by=tuple(self._by(found, field.name) for field in fields),
            weak=self._weak(found), windows=windows, ages=ages, findings=late,
            caveats=_caveats(found, windows, divided=bool(fields)),
        )  # fmt: skip

    def _read(self, start: datetime, end: datetime, at: datetime, version: str | None) -> tuple[NDArray[np.datetime64], Labelled]:
        """When each prediction was made, and the rows whose labels are known."""
        with self.store.read() as conn:
            known = labels.between(conn, self.model, start, end, at)
        table = self.log.read(self.model, start, end)
        if version is not None:
            table = table.filter(pc.equal(table["version"], version))
        rows = stored.join(self.schema, self.label, table, known)
        return stored.times(table), rows

    def _by(self, found: _Found, name: str) -> BySegment:
        field = next(field for field in self.schema.features if field.name == name)
        made = cut(field, found.rows.columns[name])
        return by_segment(self.label.kind, found.rows.labels, found.outputs, made, days=found.days)

    def _windows(
        self, found: _Found, times: NDArray[np.datetime64], at: datetime
    ) -> tuple[tuple[WindowFigures, ...], tuple[AtAge, ...], tuple[Finding, ...]]:
        if not len(times):
            return (), (), ()
        size = maturity.cohort_size(self.window_size, stored.aware(times.max()) - stored.aware(times.min()), MOST_WINDOWS)
        numbers, predicted = np.unique(stored.window_numbers(times, size), return_counts=True)
        spans = [stored.window_of(int(number), size) for number in numbers]
        codes = np.searchsorted(numbers, stored.window_numbers(found.rows.times, size))
        known_us = found.rows.known.astype("datetime64[us]").astype(np.int64)
        every = maturity.cohorts(spans, predicted.tolist(), codes, known_us)
        seen = maturity.labels_in(every, at=at, arrives_within=self.label.arrives_within)
        delays_us = known_us - np.array([_us(span.end) for span in spans], dtype=np.int64)[codes]
        made = _Aged(found=found, codes=codes, delays_us=delays_us)
        figures = made.windows(seen)
        finding = maturity.late(seen)
        return figures, made.ages(seen, every, self.label.arrives_within), () if finding is None else (finding,)

    def _weak(self, found: _Found) -> WeakSegments:
        name = found.comparable
        losses, kept = found.losses(name)
        rows = found.rows.where(kept)
        looked = weakness.search(cuts(self.schema, rows.columns), losses, days=found.days[kept], seed=self.seed)

        def figure(own: NDArray[np.intp]) -> Measured:
            return found.one(kept[own])

        return WeakSegments(
            searched=looked.searched, loss=name, false_alarm_rate=weakness.ALPHA, because=looked.because,
            segments=tuple(
                WeakSegment(
                    where=tuple(Condition(feature=feature, segment=text) for feature, text in zip(one.features, one.names, strict=True)),
                    rows=len(one.rows), share=len(one.rows) / (len(one.rows) + len(one.rest)), loss=one.loss, rest_loss=one.rest_loss,
                    p_value=one.p_value, metric=figure(one.rows), rest=figure(one.rest),
                )
                for one in looked.found
            ),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The labelled rows of a report."""

    kind: LabelSpec
    metric: str
    rows: Labelled

    @property
    def outputs(self) -> Outputs:
        assert self.rows.outputs is not None  # rows of the log always carry answers
        return self.rows.outputs

    @property
    def days(self) -> NDArray[np.int64]:
        return self.rows.days

    @property
    def comparable(self) -> str:
        """The metric whose loss of a row can be had: the project's, or a plainer one."""
        name = performance.row_metric(self.kind.kind, self.metric, self.outputs)
        if name == "mape" and bool(np.any(self.rows.labels == 0)):
            return "mae"
        return "log_loss" if name == "roc_auc" else name

    def losses(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """The losses of the rows that have one, and which rows these are."""
        every = performance.loss(self.kind.kind, name, self.rows.labels, self.outputs)
        kept = np.flatnonzero(np.isfinite(every))
        return every[kept], kept

    def measured(self) -> tuple[Measured, ...]:
        return measure(self.kind.kind, self.rows.labels, self.outputs, days=self.days)

    def one(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Measured:
        """The project's metric on some rows."""
        outputs = pick(self.outputs, which)
        return measure(self.kind.kind, self.rows.labels[which], outputs, days=self.days[which], names=[self.metric])[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aged:
    """Labelled rows with the place of their window, and how long after its end the label was known [us]."""

    found: _Found
    codes: NDArray[np.intp]
    delays_us: NDArray[np.int64]

    def windows(self, seen: Sequence[LabelsIn]) -> tuple[WindowFigures, ...]:
        newest_mature = max((place for place, one in enumerate(seen) if one.mature), default=-1)
        figures: list[WindowFigures] = []
        for place, one in enumerate(seen):
            earlier = self._in_at(range(max(0, place - EARLIER), place), one.age_s) if not one.mature or place == newest_mature else None
            figures.append(
                WindowFigures(
                    start=one.window.start,
                    end=one.window.end,
                    rows=one.rows,
                    labelled=one.labelled,
                    share=one.share,
                    age_s=one.age_s,
                    mature=one.mature,
                    usual=one.usual,
                    least=one.least,
                    late=one.late,
                    metric=self.found.one(self.codes == place),
                    same_age=self.found.one(earlier) if earlier is not None and earlier.any() else None,
                )
            )
        return tuple(figures)

    def ages(self, seen: Sequence[LabelsIn], every: Sequence[Cohort], arrives_within: timedelta) -> tuple[AtAge, ...]:
        mature = [place for place, one in enumerate(seen) if one.mature]
        predicted = sum(every[place].rows for place in mature)
        if not mature or not predicted:
            return ()
        made: list[AtAge] = []
        for part in AGES:
            age_s = part * arrives_within.total_seconds()
            rows = self._in_at(mature, age_s)
            made.append(AtAge(age_s=age_s, share=int(rows.sum()) / predicted, metric=self.found.one(rows)))
        return tuple(made)

    def _in_at(self, places: Sequence[int], age_s: float) -> NDArray[np.bool_]:
        """Rows of these windows whose label was known when the window had that age."""
        wanted = np.zeros(int(self.codes.max(initial=-1)) + 1, dtype=np.bool_)
        wanted[[place for place in places if place < len(wanted)]] = True
        return np.asarray(wanted[self.codes] & (self.delays_us <= age_s * 1e6))


def _baseline(label: LabelSpec, judged: Judged | None) -> tuple[Measured, ...]:
    if judged is None or judged.rows.outputs is None or not judged.rows.count:
        return ()
    rows, outputs = judged.rows, judged.rows.outputs
    return measure(label.kind, rows.labels, outputs, days=rows.days)


def _versions(found: _Found) -> tuple[VersionFigures, ...]:
    names = sorted(set(found.rows.versions.tolist()), key=_version_order)[-MOST_VERSIONS:]
    masks = [found.rows.versions == name for name in names]
    return tuple(
        VersionFigures(version=name, rows=int(mask.sum()), metric=found.one(mask)) for name, mask in zip(names, masks, strict=True)
    )


def _version_order(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split(".") if part.isdigit())


def _caveats(found: _Found, windows: Sequence[WindowFigures], *, divided: bool) -> tuple[str, ...]:
    told: list[str] = []
    count, unsure = usable(found.kind.kind, found.rows.labels, found.outputs)
    if not found.rows.count:
        return ("No label is known for these predictions. Hand labels in with: farero label FILE.",)
    if count < found.rows.count:
        told.append(f"{counted(found.rows.count - count, 'labelled row')} without a finite answer left aside.")
    if unsure:
        told.append(f"{counted(unsure, 'labelled row')} without a probability from 0 to 1: left aside where a metric needs it.")
    if count < FEW:
        told.append(f"Only {counted(count, 'labelled row')}: intervals of means and areas are approximate, and wide.")
    waiting = sum(not window.mature for window in windows)
    if waiting:
        told.append(
            f"Labels may still come for {counted(waiting, 'window')}. Rows whose labels come quickly are no random sample of all rows: "
            "compare such a window with earlier ones at the same age, never with mature ones."
        )
    different = len(np.unique(found.days))
    if different < LEAST_DAYS:
        told.append(
            f"The labelled rows span {counted(different, 'day')}: intervals take rows to be independent, and are too narrow where rows of "
            "one day go together."
        )
    if _days_differ(found) and any((window.end - window.start) < LEAST_DAYS * _DAY for window in windows):
        told.append(
            "Days differ by more than chance. Intervals of windows of fewer than ten days take rows to be independent, and tell of that "
            "window alone: judge a change by how windows scatter."
        )
    if divided:
        told.append(
            "Each interval of a segment holds the truth in 95 % of cases by itself; among twenty segments, one misses it on average."
        )
    return tuple(told)


def _days_differ(found: _Found) -> bool:
    """Whether mean losses differ among days by more than chance gives once in a thousand cases (chi-squared)."""
    losses, kept = found.losses(found.comparable)
    spread = spread_by_day(losses - losses.mean(), found.days[kept]) if len(kept) else None
    alone = float(losses.var()) / len(losses) if len(kept) else 0.0
    return spread is not None and spread[0] ** 2 > alone * float(chdtri(spread[1], 0.001)) / spread[1]


def _us(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // _MICROSECOND
