"""retrain: the project's own train function, in a limited child, on rows and labels known at that moment and no other."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from farero.core import blend, performance
from farero.core.blend import Way
from farero.core.competition import Entrant, Heat, entrants
from farero.core.gate import GateRule
from farero.core.label import LabelSpec
from farero.core.policy import PolicyRule
from farero.core.run import Run
from farero.core.schema import Schema
from farero.core.version import Version, next_number, refit_number
from farero.core.window import WindowSize
from farero.errors import FareroError, PredictFailed, TrainFailed
from farero.flow.retrain.contest import Contest
from farero.flow.retrain.sets import Sets, held_out, of_entrants, unseen
from farero.flow.retrain.trainer import Trainer, cpu_s, fingerprint
from farero.ports import Child, Clock, Limits, ModelFiles, PredictionLog
from farero.serving import engine, frozen, stored
from farero.serving.layout import write_contract
from farero.serving.sample import answers_of, evenly, write_sample
from farero.serving.stored import Labelled
from farero.store import runs, versions
from farero.store.database import Store
from farero.store.journal import Journal
from farero.telemetry import log

ASKED_AGAIN = 100
STEADY = 1e-9
"""A model whose answers to the same rows differ by more has no answer that a later load could be compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A new version, with all rows that it might learn from and those of them that were kept back to judge it on (None = none)."""

    version: Version
    rows: Labelled
    heldout: Labelled | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One training, or contest of several.

    Attributes:
        rows: all that is known; `train` is what of it may be learnt from.
        before: name of the leading way that production was trained by.
        rehearsal: rows to learn from and rows to measure on, where nothing else measures the version.
        refit_of: the judged version that is trained once more.
    """

    rows: Labelled
    train: Labelled
    heldout: Labelled | None
    until: datetime
    origin: str
    because: str
    tags: Mapping[str, str]
    ways: Sequence[Way]
    before: str | None = None
    rehearsal: tuple[Labelled, Labelled] | None = None
    refit_of: Trained | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A model in a folder: the way it was trained by, what it learnt from, and the heats that it won."""

    way: Way
    learnt: Labelled
    heats: Sequence[Heat] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrain:
    """Trains versions of one model.

    Attributes:
        recipe: what the child needs to find the train function (`project.trial`).
        sourced: whether the project brings its own rows.
    """

    model: str
    schema: Schema
    label: LabelSpec
    metric: str
    window_size: WindowSize
    seed: int
    recipe: Mapping[str, str]
    environment: Mapping[str, str]
    git_commit: str | None
    limits: Limits
    rule: PolicyRule
    gate: GateRule
    store: Store
    log: PredictionLog
    files: ModelFiles
    child: Child
    clock: Clock
    sourced: bool = False

    @property
    def sets(self) -> Sets:
        """The rows to learn from."""
        return Sets(
            model=self.model, schema=self.schema, label=self.label, sourced=self.sourced, recipe=self.recipe, limits=self.limits,
            store=self.store, log=self.log, files=self.files, child=self.child,
        )  # fmt: skip

    @property
    def trainer(self) -> Trainer:
        """What trains one model."""
        return Trainer(
            model=self.model, schema=self.schema, label=self.label, seed=self.seed, recipe=self.recipe, limits=self.limits, rule=self.rule,
            child=self.child,
        )  # fmt: skip

    @property
    def contest(self) -> Contest:
        """What lets several ways to train compete."""
        return Contest(
            model=self.model, schema=self.schema, label=self.label, metric=self.gate.metric, seed=self.seed, trainer=self.trainer,
            store=self.store, files=self.files, clock=self.clock,
        )  # fmt: skip

    def keep(self, rows: Labelled) -> str:
        """Store rows that no prediction log knows, so that later trainings can use them; returns their digest."""
        return self.sets.keep(rows)

    def history(self, until: datetime) -> Labelled:
        """Every labelled row that was known at `until`, in time order."""
        return self.sets.history(until)

    def first(self, rows: Labelled, *, until: datetime, origin: str, because: str, tags: Mapping[str, str]) -> Trained:
        """A version from all the rows. Its baseline is measured by a rehearsal: the same training on the first 80 %, judged on the rest.

        Of rows that are recorded already it learns the way that the version in production did: contests have found that way best.
        """
        cut = int(rows.count * 0.8)
        index = np.arange(rows.count)
        enough = cut >= 10 and rows.count - cut >= 5
        rehearsal = (rows.where(index < cut), rows.where(index >= cut)) if enough else None
        way = self._way_of_production() if "base" not in tags else None
        ways = (way or Way.of((*self.rule.candidates, Entrant())[0]),)
        return self._train(
            _Job(rows=rows, train=rows, heldout=None, until=until, origin=origin, because=because, tags=tags, ways=ways,
                rehearsal=rehearsal)
        )  # fmt: skip

    def again(self, *, until: datetime, origin: str, because: str) -> Trained:
        """A candidate after a decision: the best of the ways to train that compete. The newest of the rows that production has not seen
        are held out; they judge the ways to train, and then candidate and production.

        A version that an earlier, cut-off run of the same origin has made is taken up again, not trained twice; nor is a heat.

        Raises:
            TrainFailed: no way to train gave a model that answers; a feature gives the label away; or the rows are too few.
        """
        with self.store.read() as conn:
            production = versions.production(conn, self.model)
            before = versions.find_by_origin(conn, self.model, origin)
        rows = self.history(until)
        if before is not None:
            return Trained(version=before, rows=rows, heldout=self._judges(rows, before))
        train, heldout = self._split(rows, production)
        way = blend.from_tags(production.tags) if production else None
        before_name = way.lead.name if way else None
        competing = entrants(
            self.rule.candidates, look_back=self.rule.look_back, window=self.window_size.span, before=way.near if way else None,
            span=stored.aware(rows.times[-1]) - stored.aware(rows.times[0]) if rows.count else timedelta(0),
        )  # fmt: skip
        ways = [Way.of(one) for one in competing]
        if heldout is None:  # nothing could tell which of them is better
            ways = [one for one in ways if one.name == before_name][:1] or ways[:1]
        tags = {"base": production.tags["base"]} if production and "base" in production.tags else {}
        if production is not None and heldout is not None:
            tags["against"] = production.number
        return self._train(
            _Job(rows=rows, train=train, heldout=heldout, until=until, origin=origin, because=because, tags=tags, ways=ways,
                before=before_name)
        )  # fmt: skip

    def refit(self, judged: Trained, *, until: datetime) -> Version:
        """The judged version's way to train, on the held-out rows as well: they are the newest, and change shows in them first.

        Its number is the judged version's next patch and its baseline the judged version's, which those rows measured. Where nothing was
        held out, or this training fails, the judged version is the one to serve.
        """
        if judged.heldout is None or not self.rule.refit:
            return judged.version
        origin = f"{judged.version.origin}/refit"
        with self.store.read() as conn:
            before = versions.find_by_origin(conn, self.model, origin)
        if before is not None:
            return before
        because = f"{judged.version.number} and the rows that judged it"
        tags = {name: text for name, text in judged.version.tags.items() if name not in ("trainings", "contest_cpu_s")}
        try:
            whole = self._train(
                _Job(rows=judged.rows, train=judged.rows, heldout=None, until=until, origin=origin, because=because, tags=tags,
                    ways=(blend.from_tags(tags) or Way.of(Entrant()),), refit_of=judged)
            )  # fmt: skip
        except TrainFailed:
            return judged.version
        return whole.version

    def _way_of_production(self) -> Way | None:
        with self.store.read() as conn:
            production = versions.production(conn, self.model)
        return blend.from_tags(production.tags) if production else None

    def _split(self, rows: Labelled, production: Version | None) -> tuple[Labelled, Labelled | None]:
        if not self.rule.gated or production is None or production.trained_until is None:
            return rows, None
        return held_out(rows, production.trained_until, production.learnt_at, self.rule.holdout_share, self.gate.min_rows)

    def _judges(self, rows: Labelled, version: Version) -> Labelled | None:
        """What was held out when this version was trained. Production may be another by now, so the one that it was to meet says."""
        if version.trained_until is None or "against" not in version.tags:
            return None
        later = rows.times >= stored.moment(version.trained_until)
        with self.store.read() as conn:
            met = next((one for one in versions.all(conn, self.model) if one.number == version.tags["against"]), None)
        if met is not None and met.trained_until is not None:
            later &= unseen(rows, met.trained_until, met.learnt_at)
        return rows.where(later) if later.any() else None

    def _train(self, job: _Job) -> Trained:
        run = Run(id=f"{self.model}-{job.origin}", model=self.model, kind=_kind(job.origin), started=self.clock.now(), because=job.because)
        with self.store.write() as conn:
            runs.start(conn, run)
        log("retrain.started", model=self.model, run=run.id, kind=run.kind, rows=job.train.count)
        journal = Journal(self.store, run.id, self.clock.now)
        try:
            with tempfile.TemporaryDirectory(prefix="farero-train-") as name:
                version = self._build(Path(name), job, journal)
        except FareroError as failure:
            journal.store()
            with self.store.write() as conn:
                runs.finish(conn, run.id, self.clock.now(), "failed", None, str(failure))
            log("retrain.failed", level="error", model=self.model, run=run.id, code=failure.code)
            raise
        journal.store()
        with self.store.write() as conn:
            runs.finish(conn, run.id, self.clock.now(), "succeeded", version.number, None)
        log("retrain.finished", model=self.model, run=run.id, version=version.number, trained_rows=version.trained_rows)
        return Trained(version=version, rows=job.rows, heldout=job.heldout)

    def _build(self, folder: Path, job: _Job, journal: Journal) -> Version:
        if job.train.count == 0:
            raise TrainFailed(f"There is no labelled row of {self.model} known at {job.until:%Y-%m-%dT%H:%MZ} to train on.")
        suspects = self.trainer.suspects(job.train)
        rehearsed = self._rehearse(*job.rehearsal, job, journal) if job.rehearsal is not None else None
        made = self._compete(folder, job, journal) if len(job.ways) > 1 else self._one(folder, job, journal)
        tags = {"leaks": "; ".join(leak.because for leak in suspects)} if suspects else {}
        with journal.step("store"):
            version = self._keep_version(folder, job, made, rehearsed, {**job.tags, **tags})
        self.contest.clear(made.heats)
        return version

    def _one(self, folder: Path, job: _Job, journal: Journal) -> _Made:
        (way,) = job.ways
        newest = job.rows.times[-1]
        learnt = of_entrants(way.entrants, job.train, newest, self.seed)
        if job.refit_of is None and job.rehearsal is None and _kind(job.origin) == "retrain":
            self.trainer.refuse(learnt)
        with journal.step("train"):
            self.trainer.make(folder, way, job.train, newest, job.until, journal)
        return _Made(way=way, learnt=learnt, tags={"trainings": str(len(way.parts))} if len(way.parts) > 1 else {})

    def _compete(self, folder: Path, job: _Job, journal: Journal) -> _Made:
        assert job.heldout is not None  # without rows to judge on, one way alone is trained
        newest = job.rows.times[-1]
        way, heats = self.contest.hold(
            [one.lead for one in job.ways], job.train, job.heldout, newest=newest, until=job.until, origin=job.origin, before=job.before,
            journal=journal,
        )  # fmt: skip
        self.contest.take(way, heats, folder)
        spent = sum(heat.cpu_s for heat in heats) - cpu_s(folder)
        learnt = of_entrants(way.entrants, job.train, newest, self.seed)
        return _Made(way=way, learnt=learnt, heats=heats, tags={"trainings": str(len(heats)), "contest_cpu_s": f"{spent:.3f}"})

    def _rehearse(self, train: Labelled, heldout: Labelled, job: _Job, journal: Journal) -> Labelled:
        """The held-out rows, with the answers of a model that learnt from the others."""
        with journal.step("rehearse"), tempfile.TemporaryDirectory(prefix="farero-train-") as name:
            folder = Path(name)
            self.trainer.make(folder, job.ways[0], train, train.times[-1], job.until, journal)
            outputs = engine.load(folder, self.label, self.schema, gate=False).predict(heldout.columns, heldout.count)
            return frozen.with_outputs(heldout, outputs)

    def _keep_version(self, folder: Path, job: _Job, made: _Made, rehearsed: Labelled | None, tags: Mapping[str, str]) -> Version:
        model = engine.load(folder, self.label, self.schema, gate=False)
        judged, metrics = rehearsed, self._measured(rehearsed)
        if job.refit_of is not None:
            # A refit has seen the rows that judged: the judged version's figures and answers stand for it, its own would flatter.
            metrics = dict(job.refit_of.version.metrics)
            judged = frozen.judged(self.files.open(job.refit_of.version.digest), self.schema)
        elif job.heldout is not None:
            judged = _answered(model, job.heldout)
            metrics = self._measured(judged)
        self._keep_sample(folder, model, made.learnt)
        frozen.freeze(folder, self.schema, self.label, self.window_size, made.learnt, judged)
        write_contract(folder, self.schema, self.label)
        digest = self.files.put(folder)
        add = partial(
            Version, model=self.model, state="candidate", digest=digest, size_bytes=self.files.size(digest), created_at=self.clock.now(),
            trained_until=stored.aware(job.heldout.times[0]) if job.heldout is not None and job.heldout.count else job.until,
            trained_rows=made.learnt.count, data_fingerprint=fingerprint(self.schema, made.learnt), schema_digest=self.schema.digest(),
            origin=job.origin, because=job.because, metrics=metrics, environment=self.environment, git_commit=self.git_commit,
            tags={**tags, **blend.tags(made.way), **made.tags, "train_cpu_s": f"{cpu_s(folder):.3f}", "learnt_at": job.until.isoformat()},
        )  # fmt: skip
        with self.store.write() as conn:
            if job.refit_of is not None:
                return versions.add(conn, add(number=refit_number(job.refit_of.version.number)))
            known = versions.all(conn, self.model)
            changed = bool(known) and known[0].schema_digest != self.schema.digest()
            return versions.add(conn, add(number=next_number(versions.numbers(conn, self.model), schema_changed=changed)))

    def _keep_sample(self, folder: Path, model: engine.Engine, train: Labelled) -> None:
        """Store some of the training's rows with the model's answers, so that a later load can tell whether it still answers so."""
        chosen = np.zeros(train.count, dtype=np.bool_)
        chosen[evenly(train.count)] = True
        rows = train.where(chosen)
        try:
            answers = answers_of(self.label, model.predict(rows.columns, rows.count))
            again = rows.where(np.arange(rows.count) < ASKED_AGAIN)
            second = answers_of(self.label, model.predict(again.columns, again.count))
        except PredictFailed:
            return  # it refuses rows that it learnt from: there is no answer to keep, and the rows that it judges will show it
        if np.abs(answers[:ASKED_AGAIN] - second).max() <= STEADY:  # a model that throws dice cannot be held to what it answered once
            write_sample(folder, self.schema, rows.columns, answers)

    def _measured(self, judged: Labelled | None) -> dict[str, float]:
        if judged is None or judged.outputs is None:
            return {}
        return performance.baseline(self.label.kind, self.metric, judged.labels, judged.outputs)


def _answered(model: engine.Engine, heldout: Labelled) -> Labelled | None:
    """The held-out rows with the model's answers; None where it has none for them: the contest will say so, and refuse it."""
    try:
        return frozen.with_outputs(heldout, model.predict(heldout.columns, heldout.count))
    except PredictFailed:
        return None


def _kind(origin: str) -> str:
    """What a training was for; only those that a decision asked for count against the cool-down."""
    return "refit" if origin.endswith("/refit") else "retrain" if origin.startswith("loop/") else "train"
