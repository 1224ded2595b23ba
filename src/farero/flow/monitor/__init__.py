"""monitor: what a window looked like beside its reference, and what of it is worth a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import hypot, sqrt

import numpy as np
import pyarrow as pa

from farero.core import drift, performance
from farero.core.detector import PRESETS
from farero.core.finding import Finding
from farero.core.label import LabelSpec
from farero.core.observation import ColumnDrift, DriftVerdict, Observation
from farero.core.profile import Profile
from farero.core.reference import Reference
from farero.core.schema import Schema
from farero.core.version import Version
from farero.core.window import Window, WindowSize
from farero.errors import BadInput
from farero.flow.monitor.detect import Detect
from farero.flow.monitor.findings import evidence_findings, judged_by_evidence, loss_findings
from farero.flow.monitor.foresee import Foresee, answered_by
from farero.flow.monitor.sound import Sound
from farero.ports import PredictionLog
from farero.serving import stored
from farero.serving.pool import Loaded
from farero.serving.stored import Labelled
from farero.store import labels, observations, profiles, versions
from farero.store.database import Store
from farero.telemetry import log

FALLBACK = "guarded"
"""The rule for versions whose reference is not known window by window."""

ENOUGH_ROWS = 100
"""Labelled rows that realized performance is measured on at least, taken from the newest mature windows backwards."""

SURELY_JUDGED = 0.5
"""A baseline of at least this share of the rows that judged any version is sure, where a metric has no standard error of its own [0-1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Realized:
    """Performance of one version on the newest labelled rows.

    `fell` = worse than its own baseline by more than the limit and than chance; `fell_from_best` = the same beside the surest baseline of
    any version that served, `best`; `fresh` = rows of the window that has just closed are among them.
    """

    metrics: Mapping[str, float]
    rows: int
    baseline: float | None
    fell: bool
    best: float | None
    fell_from_best: bool
    fresh: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitored:
    """One window's observation, with the performance known at its end and the share of features with p < .05.

    `loss_because` says why the losses of labelled rows stand in an alarm, `below_target` which limit of the project realized
    performance is beyond, `estimated_because` why performance is estimated to be worse; empty where they do not, and it is not.
    """

    observation: Observation
    realized: Realized | None
    drift_share: float
    loss_because: str = ""
    below_target: str = ""
    estimated_because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The least (or, for errors, the largest) value of a metric that its owner accepts."""

    metric: str
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """Watches one model.

    Attributes:
        drift_rule: how drift of the inputs is judged; None = by nobody's rule, and it never alarms.
        detect: the detectors. Those of labels and losses always run; that of the inputs where the rule is one of its presets.
        sound: judges the quality of the rows.
        foresee: estimates performance before labels come.
    """

    model: str
    schema: Schema
    label: LabelSpec
    metric: str
    window_size: WindowSize
    drift_rule: str | None
    detect: Detect
    sound: Sound
    foresee: Foresee
    floors: Sequence[Floor]
    performance_drop: float
    store: Store
    log: PredictionLog

    def check(
        self, window: Window, version: Loaded, rows: int, reference: Reference, profile: Profile, *, known: Sequence[Finding] = ()
    ) -> Monitored:
        """Compare, look for faults, measure what labels allow; store and return the observation. `known`: found of the window before."""
        columns = drift.compare(reference, profile)
        share = _share(columns)
        inputs = self.detect.inputs(version, reference, window, profile) if self.drift_rule in PRESETS else None
        verdict: DriftVerdict | None = None
        if inputs is not None:
            verdict, columns = judged_by_evidence(inputs, columns, self.drift_rule)
        elif self.drift_rule is not None:
            verdict, columns = drift.verdict(FALLBACK if self.drift_rule in PRESETS else self.drift_rule, reference, columns, rows)
        number = version.version.number
        table, recent = self._labelled_until(window)
        expected = self.foresee.expected(version, answered_by(table, number, window))
        realized = self._realized(recent, number, window)
        losses = loss_findings(self.detect.losses(version, recent.where(recent.versions == number), window), self.metric)
        findings = [
            *_drift_findings(verdict),
            *evidence_findings(inputs, "PREDICTION_DRIFT"),
            *known,
            *self.sound.faults(version, reference, profile, self.detect.number(window), self.detect.windows_a_year()),
            *self._performance_findings(realized),
            *evidence_findings(self.detect.labels(version, recent, window), "LABEL_DRIFT"),
            *losses,
        ]
        own = _in(recent, window)
        observation = Observation(
            window=window,
            version=number,
            rows=rows,
            labelled=own.count,
            metrics=self._metrics(own),
            drift=verdict,
            columns=columns,
            findings=tuple(findings),
            estimated=expected,
        )
        with self.store.write() as conn:
            observations.put(conn, self.model, observation)
        self._refresh(recent, before=window.start)
        self._tell(observation)
        return Monitored(
            observation=observation,
            realized=realized,
            drift_share=share,
            loss_because="; ".join(finding.because for finding in losses),
            below_target="; ".join(finding.because for finding in self._below(realized)),
            estimated_because=self.foresee.fallen(version, observation),
        )

    def accept(self, version: Loaded) -> int:
        """Take the inputs and answers since the oldest alarm that stands for the new normal of this version; returns how many windows.

        Raises:
            BadInput: no alarm of the inputs stands.
        """
        number = version.version.number
        seen = self.detect.standing(number, "inputs")
        if seen is None or not seen.standing:
            raise BadInput(f"No drift alarm of {self.model} {number} stands.", hint="See the incidents that are open: farero incidents.")
        start = self.detect.start(seen.standing[0].number)
        with self.store.read() as conn:
            found = profiles.between(conn, self.model, number, start, None)
        self.detect.settle(number, [(window, Profile.from_bytes(body)) for window, body in found])
        return len(found)

    def _tell(self, seen: Observation) -> None:
        kinds = [finding.kind for finding in seen.findings]
        log("monitor.finished", model=self.model, window=seen.window, version=seen.version, rows=seen.rows, findings=kinds)
        for finding in seen.findings:
            if finding.kind == "DATA_DRIFT":
                log("drift_alert", level="warning", model=self.model, window=seen.window, severity=finding.severity,
                    score=finding.value, because=finding.because)  # fmt: skip

    def _labelled_until(self, window: Window) -> tuple[pa.Table, Labelled]:
        """The log up to the window's end, and its rows with labels known by then.

        It begins with the rows whose labels may still be coming in, or where labels just reached one that lies behind them.
        """
        start = window.end - self.label.arrives_within - 4 * self.window_size.span
        with self.store.read() as conn:
            latest = observations.latest(conn, self.model, last=1)
            since = latest[0].window.end if latest else None
            touched = labels.earliest_touched(conn, self.model, since) if since else None
            if touched is not None and touched < start:
                start = touched
            found = labels.between(conn, self.model, start, window.end, window.end)
        table = self.log.read(self.model, start, window.end)
        return table, stored.join(self.schema, self.label, table, found)

    def _realized(self, recent: Labelled, version: str, window: Window) -> Realized | None:
        """The newest windows with labels, back until there are enough rows of the version that answers now."""
        own = recent.where(recent.versions == version)
        if own.count == 0:
            return None
        # The newest labels alone would be a biased sample while a window's labels are still coming in, so rows count by whole windows.
        numbers = self.detect.numbers(own.times, window)
        chosen = np.zeros(own.count, dtype=bool)
        for number in np.unique(numbers)[::-1]:
            chosen |= numbers == number
            if chosen.sum() >= ENOUGH_ROWS:
                break
        newest = own.where(chosen)
        with self.store.read() as conn:
            served = {move.number for move in versions.moves(conn, self.model) if move.target == "production"}
            known = [entry for entry in versions.all(conn, self.model) if entry.number in served and self.metric in entry.metrics]
        metrics = self._metrics(newest)
        mine = next((entry for entry in known if entry.number == version), None)
        best = _best(known, self.metric)
        return Realized(
            metrics=metrics,
            rows=newest.count,
            baseline=mine.metrics[self.metric] if mine else None,
            fell=mine is not None and self._fell(newest, metrics, mine),
            best=best.metrics[self.metric] if best else None,
            fell_from_best=best is not None and self._fell(newest, metrics, best),
            fresh=bool(newest.times.max() >= stored.moment(window.start)),
        )

    def _fell(self, rows: Labelled, metrics: Mapping[str, float], against: Version) -> bool:
        """Whether these rows went worse than a version's baseline: by more than the limit, and by more than chance explains."""
        value = metrics.get(self.metric)
        if value is None or rows.outputs is None or "loss_mean" not in against.metrics:
            return False
        losses = performance.loss(self.label.kind, self.metric, rows.labels, rows.outputs)
        own = max(float(np.std(losses)), against.metrics["loss_std"]) / sqrt(rows.count)
        spread = hypot(own, _error(against))
        beyond = (float(np.mean(losses)) - against.metrics["loss_mean"]) / spread if spread > 0 else 0.0
        fallen = performance.is_worse(self.metric, value, against.metrics[self.metric], self.performance_drop)
        return fallen and beyond > performance.BEYOND_CHANCE

    def _performance_findings(self, realized: Realized | None) -> list[Finding]:
        if realized is None:
            return []
        found: list[Finding] = []
        value = realized.metrics.get(self.metric)
        if realized.fell and value is not None and realized.baseline is not None:
            found.append(_fallen(self.metric, value, realized.rows, realized.baseline, "its baseline was"))
        return [*found, *self._below(realized)]

    def _below(self, realized: Realized | None) -> list[Finding]:
        """Figures that are worse than the project accepts."""
        if realized is None:
            return []
        found = [(floor, realized.metrics.get(floor.metric)) for floor in self.floors]
        return [
            _fallen(floor.metric, value, realized.rows, floor.limit, "the project's limit is")
            for floor, value in found
            if value is not None and performance.is_worse(floor.metric, value, floor.limit, 0.0)
        ]

    def _refresh(self, recent: Labelled, *, before: datetime) -> None:
        """Late labels count in the window that their prediction belongs to: its figures are measured again."""
        with self.store.write() as conn:
            for known in observations.since(conn, self.model, _earliest(recent)):
                if known.window.start >= before:
                    continue
                own = _in(recent, known.window)
                if own.count > known.labelled:
                    observations.put(conn, self.model, replace(known, labelled=own.count, metrics=self._metrics(own)))

    def _metrics(self, rows: Labelled) -> dict[str, float]:
        if rows.count == 0 or rows.outputs is None:
            return {}
        return performance.evaluate(self.label.kind, rows.labels, rows.outputs)


def _best(known: Sequence[Version], metric: str) -> Version | None:
    """The version that is surest to be good: of several that a few rows judged, the best figure is the luckiest one.

    Where the metric is worse whenever the mean loss is, the mean loss and its error tell how sure. Others, such as ROC AUC, hang on
    something else than the loss does: there the best figure counts among versions that enough rows judged.
    """
    measured = [version for version in known if "loss_mean" in version.metrics]
    if measured and metric in performance.MEANS:
        return min(measured, key=lambda version: version.metrics["loss_mean"] + performance.BEYOND_CHANCE * _error(version))
    rows = {version.number: version.metrics.get("measured_rows", 0.0) for version in known}
    enough = SURELY_JUDGED * max(rows.values(), default=0.0)
    pick = max if performance.METRICS[metric].higher_is_better else min
    return pick((version for version in known if rows[version.number] >= enough), key=lambda version: version.metrics[metric], default=None)


def _error(version: Version) -> float:
    return performance.baseline_error(version.metrics)


def _share(columns: Sequence[ColumnDrift]) -> float:
    tested = [p for column in columns if (p := column.p_value if column.p_value is not None else column.chi2_p) is not None]
    return sum(p < 0.05 for p in tested) / len(tested) if tested else 0.0


def _drift_findings(verdict: DriftVerdict | None) -> list[Finding]:
    if verdict is None or not verdict.alarm:
        return []
    return [
        Finding(
            kind="DATA_DRIFT",
            subject=", ".join(verdict.features[:5]),
            severity="high" if verdict.score >= 0.3 else "medium",
            value=verdict.score,
            limit=0.0,
            because=verdict.because,
        )
    ]


def _fallen(metric: str, value: float, rows: int, limit: float, limit_words: str) -> Finding:
    because = f"{metric} is {value:.4g} on {rows} labelled rows, {limit_words} {limit:.4g}"
    return Finding(kind="PERFORMANCE_DEGRADATION", subject=metric, severity="high", value=value, limit=limit, because=because)


def _in(rows: Labelled, window: Window) -> Labelled:
    return rows.where((rows.times >= stored.moment(window.start)) & (rows.times < stored.moment(window.end)))


def _earliest(rows: Labelled) -> datetime | None:
    return stored.aware(rows.times[0]) if rows.count else None
