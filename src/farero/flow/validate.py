"""validate: candidate and production answer the same held-out rows; a lost contest is a result, not an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from farero.core import contest, fitness, gate, guards, performance, segments
from farero.core.gate import GateRule, Verdict
from farero.core.guards import Check
from farero.core.label import LabelSpec
from farero.core.matrix import to_columns
from farero.core.prediction import Outputs
from farero.core.regression import Regression, beside_baseline, regression
from farero.core.schema import Schema
from farero.core.version import Version
from farero.errors import Corrupt, PredictFailed
from farero.ports import Clock
from farero.serving import frozen, pace, parity
from farero.serving.pool import Loaded, Pool
from farero.serving.sample import answers_of, read_sample
from farero.serving.scanned import scanned
from farero.serving.stored import Labelled
from farero.store import verdicts
from farero.store.database import Store
from farero.telemetry import log

_NO_FIGURES = {"current": None, "candidate": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Validate:
    """Judges candidates of one model.

    Attributes:
        gated: False = every candidate that answers at all is accepted.
        stopwatch: seconds from any point; None = only what is answered is judged, not what it is served by. A replay does so: its
            verdicts must not hang on how busy a machine was.
    """

    schema: Schema
    label: LabelSpec
    rule: GateRule
    gated: bool
    pool: Pool
    store: Store
    clock: Clock
    stopwatch: Callable[[], float] | None = None

    def judge(self, candidate: Version, production: Version | None, heldout: Labelled | None, *, outdated: bool = False) -> Verdict:
        """The verdict on rows that neither has seen; stored under the candidate.

        Args:
            heldout: labelled rows newer than what either was trained on; None where nothing was held out.
            outdated: whether a tie goes to the candidate; see `core.gate.judge`.

        Raises:
            Corrupt: the files of the version in production are not what was stored.
        """
        if production is None:
            verdict = self._first(candidate)
        else:
            verdict = replace(self._contest(candidate, production, heldout, outdated), against=production.number)
        with self.store.write() as conn:
            verdicts.add(conn, candidate.model, candidate.number, verdict, self.clock.now())
        log("validate.finished", model=candidate.model, version=candidate.number, against=verdict.against, accepted=verdict.accepted,
            rows=verdict.rows, failed=[check.name for check in verdict.checks if check.passed is False])  # fmt: skip
        return verdict

    def regression(self, version: Version, against: Version) -> Regression:
        """Whether a version still does what it did, and no worse than the baseline: the rows that are stored with `against`.

        Its files are verified and its model is loaded anew, with the libraries that are installed now. The baseline's answers to the rows
        that judged it are stored with their labels; the version answers the same rows. Its own known rows must get the answers that they
        got when it was trained.
        """
        try:
            loaded = self.pool.get(version, fresh=True, gate=False)
        except (Corrupt, PredictFailed) as failure:
            return regression(version.model, version.number, against.number, (Check(name="files", passed=False, because=str(failure)),))
        checks = [Check(name="files", passed=True, because="every file is as it was stored")]
        baseline = loaded if against.digest == version.digest else self.pool.get(against, gate=False)
        try:
            checks += self._beside(baseline, loaded, against.number)
            checks += self._still(loaded)
        except PredictFailed as failure:
            checks.append(Check(name="answers", passed=False, because=str(failure)))
        found = scanned(loaded.folder, version.tags)
        checks.append(Check(name="scan", passed=found.passed, because=found.because))
        made = regression(version.model, version.number, against.number, tuple(checks))
        log("validate.checked", model=version.model, version=version.number, against=against.number, passed=made.passed,
            failed=[check.name for check in checks if check.passed is False])  # fmt: skip
        return made

    def _beside(self, baseline: Loaded, loaded: Loaded, number: str) -> list[Check]:
        """The figures and the distribution of answers to the rows that judged the baseline."""
        judged = frozen.judged(baseline.folder, baseline.schema)
        if judged is None or judged.outputs is None or judged.count == 0:
            return [Check(name="baseline", passed=None, because=f"no labelled rows are stored with {number}")]
        if baseline.schema.digest() != loaded.schema.digest():
            return [Check(name="baseline", passed=None, because=f"{number} was trained on other features")]
        kind, labels = loaded.label.kind, judged.labels
        now = loaded.engine.predict(judged.columns, judged.count)
        figures = [performance.evaluate(kind, labels, outputs) for outputs in (judged.outputs, now)]
        return [
            *beside_baseline(kind, figures[0], figures[1]),
            guards.distribution(kind, loaded.label.classes, labels, judged.outputs, now),
        ]

    def _still(self, loaded: Loaded) -> list[Check]:
        """Whether it answers its known rows as it did when it was trained."""
        sample = read_sample(loaded.folder, loaded.schema)
        if sample is None:
            return [Check(name="known rows", passed=None, because="no rows are stored with their answers")]
        moved = parity.moved(loaded.engine, loaded.schema, loaded.label, sample)
        same = moved <= parity.TOLERANCE
        rows = len(sample.rows)
        told = f"{rows} known rows are answered as they were" if same else f"{rows} known rows: the largest change is {moved:.3g}"
        figures = {"rows": float(rows), **({"largest": moved} if np.isfinite(moved) else {})}
        return [Check(name="known rows", passed=same, because=told, figures=figures)]

    def _first(self, candidate: Version) -> Verdict:
        """There is nobody to beat: it must reach the floors, and say more than one answer to every row would."""
        won = "there is no version in production to beat"
        if not self.gated:
            return _verdict([], won)
        loaded = self._loaded(candidate)
        if isinstance(loaded, Check):
            return _verdict([loaded], won)
        checks = [Check(name="files", passed=True, because="every file is as it was stored")]
        if "sha256" not in candidate.tags:  # of a file that was brought in nobody knows what it learnt from
            checks.append(fitness.learnt(candidate.trained_rows))
        checks += fitness.floors(candidate.metrics, self.rule.floors)
        judged = frozen.judged(loaded.folder, loaded.schema)
        if judged is None or judged.outputs is None or judged.count == 0:
            checks.append(Check(name="better than a constant", passed=None, because="no labelled rows were kept to measure it on"))
        else:
            checks.append(fitness.better_than_a_constant(self.label.kind, self.rule.metric, judged.labels, judged.outputs))
        return _verdict([*checks, *self._served_by(candidate, loaded)], won)

    def _contest(self, candidate: Version, production: Version, heldout: Labelled | None, outdated: bool) -> Verdict:
        if not self.gated:
            return _verdict([], "the policy promotes without a contest")
        if heldout is None or heldout.count == 0:
            return _verdict([Check(name="rows", passed=False, because="no labelled rows were held out to judge on")])
        new = self._loaded(candidate)
        if isinstance(new, Check):
            return replace(_verdict([new]), rows=heldout.count)
        files = Check(name="files", passed=True, because="every file is as it was stored")
        try:
            answers = new.engine.predict(heldout.columns, heldout.count)
        except PredictFailed as failure:
            return replace(_verdict([files, Check(name="answers", passed=False, because=str(failure))]), rows=heldout.count)
        old = self.pool.get(production, gate=False)
        before = old.engine.predict(heldout.columns, heldout.count)
        checks = [files, fitness.learnt(candidate.trained_rows), *self._answers(heldout, before, answers)]
        checks += [*self._known_rows(old, new), *self._served_by(candidate, new)]
        verdict = self._compared(heldout, before, answers, checks, outdated)
        if self.stopwatch is None or not verdict.accepted:
            return verdict
        return self._timed(verdict, candidate, production, heldout, self.stopwatch)

    def _loaded(self, candidate: Version) -> Loaded | Check:
        """The candidate, its files verified, or what is wrong with it."""
        try:
            return self.pool.get(candidate, gate=False)
        except (Corrupt, PredictFailed) as failure:
            return Check(name="files", passed=False, because=str(failure))

    def _compared(self, heldout: Labelled, before: Outputs, answers: Outputs, more: list[Check], outdated: bool) -> Verdict:
        """What `core.gate` says of the two."""
        kind, metric = self.label.kind, self.rule.metric
        losses = [performance.loss(kind, metric, heldout.labels, outputs) for outputs in (answers, before)]
        return gate.judge(
            self.rule,
            current=performance.evaluate(kind, heldout.labels, before),
            candidate=performance.evaluate(kind, heldout.labels, answers),
            higher_is_better=performance.METRICS[metric].higher_is_better,
            loss_difference=losses[0] - losses[1],
            share_answered=float(np.isfinite(answers.value).mean()),
            differences=contest.compare_all(kind, self.rule.metrics, heldout.labels, before, answers, days=heldout.days),
            more=more,
            outdated=outdated,
        )

    def _answers(self, heldout: Labelled, before: Outputs, answers: Outputs) -> list[Check]:
        """What the answers themselves show: their distribution, their calibration, the segments of the rows."""
        kind, labels = self.label.kind, heldout.labels
        checks = [guards.distribution(kind, self.label.classes, labels, before, answers)]
        if self.rule.calibration is not None:
            found = guards.calibration(kind, labels, before, answers, room=self.rule.calibration)
            checks += [found] if found is not None else []
        fields = {field.name: field for field in self.schema.features}
        cuts = [segments.cut(fields[name], heldout.columns[name]) for name in self.rule.by if name in fields]
        return [
            *checks,
            *guards.segments(
                kind, self.rule.metric, labels, before, answers, cuts, room=self.rule.segment_room, min_rows=self.rule.segment_rows,
                days=heldout.days,
            ),
        ]  # fmt: skip

    def _known_rows(self, old: Loaded, new: Loaded) -> list[Check]:
        """How the candidate answers the rows that are kept with the version in production."""
        if self.stopwatch is None and self.rule.max_changed is None:
            return []
        sample = read_sample(old.folder, old.schema)
        if sample is None:
            return [Check(name="known rows", passed=None, because="production keeps no rows with its answers")]
        if old.schema != new.schema:
            return [Check(name="known rows", passed=None, because="the features have changed since")]
        try:
            now = answers_of(self.label, new.engine.predict(to_columns(new.schema, sample.rows), len(sample.rows)))
        except PredictFailed as failure:
            return [Check(name="known rows", passed=False, because=f"it does not answer rows that production does: {failure}")]
        return [fitness.known_rows(self.label.kind, sample.answers, now, most=self.rule.max_changed)]

    def _served_by(self, candidate: Version, loaded: Loaded) -> list[Check]:
        """The files: their size, and what the scan says of the model."""
        checks = [fitness.size(candidate.size_bytes, most_mb=self.rule.max_size_mb)]
        if self.stopwatch is not None:
            found = scanned(loaded.folder, candidate.tags)
            checks.append(Check(name="scan", passed=found.passed, because=found.because))
        return checks

    def _timed(
        self, verdict: Verdict, candidate: Version, production: Version, heldout: Labelled, stopwatch: Callable[[], float]
    ) -> Verdict:
        """The verdict, after both engines that would serve were timed on the same rows."""
        engines = [self.pool.get(version).engine for version in (production, candidate)]
        seconds = pace.side_by_side(engines[0], engines[1], heldout.columns, heldout.count, stopwatch)
        check = fitness.pace(seconds, most=self.rule.max_slowdown)
        passed = check.passed is not False
        return replace(
            verdict, accepted=passed, because=verdict.because if passed else (check.because,), checks=(*verdict.checks, check)
        )  # fmt: skip


def _verdict(checks: list[Check], won: str = "") -> Verdict:
    """A verdict without figures of a contest."""
    failed = tuple(check.because for check in checks if check.passed is False)
    return Verdict(accepted=not failed, metric=_NO_FIGURES, because=failed or (won,), checks=tuple(checks))
