"""retrain: the project's own train function, in a limited child, on rows and labels known at that moment and no other."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather

from farero.core import performance
from farero.core.gate import GateRule
from farero.core.label import LabelSpec
from farero.core.policy import PolicyRule
from farero.core.run import Run
from farero.core.schema import Schema
from farero.core.version import Version, next_number, refit_number
from farero.errors import Corrupt, FareroError, NotFound, PredictFailed, TrainFailed
from farero.ports import Child, Clock, Limits, ModelFiles, PredictionLog
from farero.project import trial
from farero.serving import engine, frozen, stored
from farero.serving.layout import RESULT, write_contract
from farero.serving.sample import answers_of, evenly, write_sample
from farero.serving.stored import Labelled
from farero.store import labels, runs, versions
from farero.store.database import Store
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
class Retrain:
    """Trains versions of one model.

    Attributes:
        recipe: what the child needs to find the train function (`project.trial`).
        base: where the rows are kept that `train DATA` brought: digest of a folder of model files, by version tag.
    """

    model: str
    schema: Schema
    label: LabelSpec
    metric: str
    window_size: timedelta
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

    def keep(self, rows: Labelled) -> str:
        """Store rows that no prediction log knows, so that later trainings can use them; returns their digest."""
        with tempfile.TemporaryDirectory(prefix="farero-base-") as name:
            feather.write_feather(_to_table(self.schema, rows), str(Path(name) / "base.feather"), compression="zstd")
            return self.files.put(Path(name))

    def history(self, until: datetime) -> Labelled:
        """Every labelled row that was known at `until`: the kept base and the prediction log with its labels, in time order."""
        with self.store.read() as conn:
            found = labels.between(conn, self.model, None, until, until)
            newest = versions.all(conn, self.model)
        table = self.log.read(self.model, None, until)
        logged = stored.join(
            self.schema, self.label, table, request_ids=found.request_ids, rows=found.rows, values=found.values, known_us=found.known_us
        )
        base = next((version.tags["base"] for version in newest if "base" in version.tags), None)
        if base is None:
            return logged
        try:
            folder = self.files.open(base)
        except NotFound as failure:
            raise Corrupt(f"The rows that {self.model} was first trained on are gone: {failure}", digest=base) from failure
        kept = _from_table(self.schema, feather.read_table(str(folder / "base.feather")))
        at = stored.moment(until)
        return stored.together(kept.where((kept.times < at) & (kept.known <= at)), logged)

    def first(self, rows: Labelled, *, until: datetime, origin: str, because: str, tags: Mapping[str, str]) -> Trained:
        """A version from all the rows. Its baseline is measured by a rehearsal: the same training on the first 80 %, judged on the rest."""
        cut = int(rows.count * 0.8)
        index = np.arange(rows.count)
        rehearsed = None
        if cut >= 10 and rows.count - cut >= 5:
            rehearsed = self._rehearse(rows.where(index < cut), rows.where(index >= cut), until)
        return self._train(rows, None, until, origin, because, tags, rehearsed=rehearsed)

    def again(self, *, until: datetime, origin: str, because: str) -> Trained:
        """A candidate after a decision. The newest of the rows that production has not seen are held out to judge both.

        A version that an earlier, cut-off run of the same origin has made is taken up again, not trained twice.

        Raises:
            TrainFailed: the train function raised, hung, ran out of memory or returned something that is no model.
        """
        with self.store.read() as conn:
            production = versions.production(conn, self.model)
            before = versions.find_by_origin(conn, self.model, origin)
        rows = self._recent(self.history(until), until)
        if before is not None:
            return Trained(version=before, rows=rows, heldout=_unseen(rows, before))
        train, heldout = self._split(rows, production)
        tags = {"base": production.tags["base"]} if production and "base" in production.tags else {}
        return self._train(train, heldout, until, origin, because, tags, whole=rows)

    def refit(self, judged: Trained, *, until: datetime) -> Version:
        """The judged version's recipe, learnt from the held-out rows as well: they are the newest, and change shows in them first.

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
        try:
            whole = self._train(judged.rows, None, until, origin, because, judged.version.tags, refit_of=judged)
        except TrainFailed:
            return judged.version
        return whole.version

    def _recent(self, rows: Labelled, until: datetime) -> Labelled:
        """What of the history the policy wants to learn from."""
        return rows if self.rule.look_back is None else rows.where(rows.times >= stored.moment(until - self.rule.look_back))

    def _split(self, rows: Labelled, production: Version | None) -> tuple[Labelled, Labelled | None]:
        """Rows to learn from, and the newest of those that production has not seen, to judge both on.

        At least as many are held out as the gate needs, and never rows older than the look-back, which would leave nothing to learn from.
        """
        if not self.rule.gated or production is None or production.trained_until is None:
            return rows, None
        fresh = np.flatnonzero(rows.times >= stored.moment(production.trained_until))
        if fresh.size == 0:
            return rows, None
        count = min(max(ceil(fresh.size * self.rule.holdout_share), self.gate.min_rows), fresh.size)
        index = np.arange(rows.count)
        return rows.where(index < fresh[-count]), rows.where(index >= fresh[-count])

    def _rehearse(self, train: Labelled, heldout: Labelled, until: datetime) -> Labelled:
        """The held-out rows, with the answers of a model that learnt from the others."""
        with tempfile.TemporaryDirectory(prefix="farero-train-") as name:
            folder = Path(name)
            self._run_child(folder, train, until)
            outputs = engine.load(folder, self.label, self.schema, gate=False).predict(heldout.columns, heldout.count)
            return frozen.with_outputs(heldout, outputs)

    def _train(
        self,
        train: Labelled,
        heldout: Labelled | None,
        until: datetime,
        origin: str,
        because: str,
        tags: Mapping[str, str],
        *,
        rehearsed: Labelled | None = None,
        refit_of: Trained | None = None,
        whole: Labelled | None = None,
    ) -> Trained:
        run = Run(
            id=f"{self.model}-{origin}", model=self.model, kind=_kind(origin),
            started=self.clock.now(), because=because,
        )  # fmt: skip
        with self.store.write() as conn:
            runs.start(conn, run)
        log("retrain.started", model=self.model, run=run.id, kind=run.kind, rows=train.count)
        try:
            with tempfile.TemporaryDirectory(prefix="farero-train-") as name:
                version = self._build(Path(name), train, heldout, until, origin, because, tags, rehearsed, refit_of)
        except FareroError as failure:
            with self.store.write() as conn:
                runs.finish(conn, run.id, self.clock.now(), "failed", None, str(failure))
            log("retrain.failed", level="error", model=self.model, run=run.id, code=failure.code)
            raise
        with self.store.write() as conn:
            runs.finish(conn, run.id, self.clock.now(), "succeeded", version.number, None)
        log("retrain.finished", model=self.model, run=run.id, version=version.number, trained_rows=version.trained_rows)
        return Trained(version=version, rows=train if whole is None else whole, heldout=heldout)

    def _build(
        self,
        folder: Path,
        train: Labelled,
        heldout: Labelled | None,
        until: datetime,
        origin: str,
        because: str,
        tags: Mapping[str, str],
        rehearsed: Labelled | None,
        refit_of: Trained | None,
    ) -> Version:
        if train.count == 0:
            raise TrainFailed(f"There is no labelled row of {self.model} known at {until:%Y-%m-%dT%H:%MZ} to train on.")
        fingerprint = self._run_child(folder, train, until)
        model = engine.load(folder, self.label, self.schema, gate=False)
        judged, metrics = rehearsed, self._measured(rehearsed)
        if refit_of is not None:
            # A refit has seen the rows that judged: the judged version's figures and answers stand for it, its own would flatter.
            metrics = dict(refit_of.version.metrics)
            judged = frozen.judged(self.files.open(refit_of.version.digest), self.schema)
        elif heldout is not None:
            judged = frozen.with_outputs(heldout, model.predict(heldout.columns, heldout.count))
            metrics = self._measured(judged)
        self._keep_sample(folder, model, train)
        frozen.freeze(folder, self.schema, self.label, self.window_size, train, judged)
        write_contract(folder, self.schema, self.label)
        digest = self.files.put(folder)
        until_trained = stored.aware(heldout.times[0]) if heldout is not None and heldout.count else until
        with self.store.write() as conn:
            known = versions.all(conn, self.model)
            changed = bool(known) and known[0].schema_digest != self.schema.digest()
            return versions.add(
                conn,
                Version(
                    model=self.model,
                    number=refit_number(refit_of.version.number)
                    if refit_of
                    else next_number(versions.numbers(conn, self.model), schema_changed=changed),
                    state="candidate",
                    digest=digest,
                    size_bytes=self.files.size(digest),
                    created_at=self.clock.now(),
                    trained_until=until_trained,
                    trained_rows=train.count,
                    data_fingerprint=fingerprint,
                    schema_digest=self.schema.digest(),
                    origin=origin,
                    because=because,
                    metrics=metrics,
                    environment=self.environment,
                    tags={**tags, "train_cpu_s": _cpu_s(folder)},
                    git_commit=self.git_commit,
                ),
            )

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

    def _run_child(self, folder: Path, rows: Labelled, until: datetime) -> str:
        """Train in the folder; afterwards it holds the model and no training data. Returns the data's fingerprint."""
        table = _to_table(self.schema, rows)
        fingerprint = hashlib.sha256()
        for column in table.select([field.name for field in self.schema.features] + ["label"]).columns:
            for chunk in column.chunks:
                for buffer in chunk.buffers():
                    fingerprint.update(buffer or b"")
        trial.write_spec(folder, self.recipe, seed=self.seed, until=until)
        feather.write_feather(table.drop_columns(["_time", "_known"]), str(folder / "data.feather"), compression="uncompressed")
        self.child.run(trial.train_job, folder, self.limits)
        for name in ("data.feather", "spec.json", "output.txt"):
            (folder / name).unlink(missing_ok=True)
        return fingerprint.hexdigest()

    def _measured(self, judged: Labelled | None) -> dict[str, float]:
        if judged is None or judged.outputs is None:
            return {}
        losses = performance.loss(self.label.kind, self.metric, judged.labels, judged.outputs)
        measured = performance.evaluate(self.label.kind, judged.labels, judged.outputs)
        return {**measured, "loss_mean": float(losses.mean()), "loss_std": float(losses.std()), "measured_rows": float(judged.count)}


def _unseen(rows: Labelled, version: Version) -> Labelled | None:
    """What was held out when this version was trained. Production may be another by now, perhaps this one, so it cannot say."""
    if version.trained_until is None:
        return None
    later = (np.arange(rows.count) >= version.trained_rows) & (rows.times >= stored.moment(version.trained_until))
    return rows.where(later) if later.any() else None


def _kind(origin: str) -> str:
    """What a training was for; only those that a decision asked for count against the cool-down."""
    return "refit" if origin.endswith("/refit") else "retrain" if origin.startswith("loop/") else "train"


def _cpu_s(folder: Path) -> str:
    """What the training took [CPU s], as the child measured it."""
    return f"{json.loads((folder / RESULT).read_text(encoding='utf-8'))['cpu_s']:.3f}"


def _to_table(schema: Schema, rows: Labelled) -> pa.Table:
    arrays = {field.name: pa.array(rows.columns[field.name]) for field in schema.features}
    return pa.table({**arrays, "label": pa.array(rows.labels), "_time": pa.array(rows.times), "_known": pa.array(rows.known)})


def _from_table(schema: Schema, table: pa.Table) -> Labelled:
    return Labelled(
        columns={field.name: table[field.name].to_numpy() for field in schema.features},
        times=np.asarray(table["_time"].to_numpy(), dtype="datetime64[us]"),
        known=np.asarray(table["_known"].to_numpy(), dtype="datetime64[us]"),
        labels=np.asarray(table["label"].to_numpy(), dtype=np.float64),
        versions=np.asarray([], dtype=np.str_),
    )
