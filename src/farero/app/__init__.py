"""App: one short method for each thing that Farero can do. Faces translate, call one of these, and translate back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farero.app.explaining import Explaining
from farero.app.jobbing import Jobbing, Work
from farero.app.judging import Judging
from farero.app.measuring import Measuring
from farero.app.performing import Performing
from farero.app.profiling import Profiling
from farero.app.promising import Promising
from farero.app.recording import Records
from farero.app.rolling import Rolling
from farero.app.tracking import Tracking
from farero.app.tuning import Tuning
from farero.core.health import Health
from farero.core.label import LabelReceipt, LabelRow
from farero.core.policy import PolicyRule
from farero.core.prediction import Served
from farero.core.replayed import ReplayResult
from farero.core.schema import Fault, Rows, check_columns, check_rows
from farero.core.version import Version
from farero.errors import FareroError, LogUnavailable, NotReady, SchemaMismatch, counted
from farero.flow.health import HealthCheck
from farero.flow.predict import tolerated
from farero.flow.record import attempt, settle
from farero.loop import Loop, Turn
from farero.replay import asked, report, side_by_side
from farero.replay import history as recorded
from farero.serving import stored
from farero.serving.memory import Upkeep
from farero.serving.spool import Spool
from farero.store import endpoints, meta, versions
from farero.telemetry import Sample, log

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from farero.core.rollout import RolloutRule
    from farero.core.window import WindowSize
    from farero.ports import Clock, PredictionLog
    from farero.project.declare import Project
    from farero.project.settings import Settings
    from farero.serving.answers import Engine
    from farero.serving.lane import Lane
    from farero.serving.meters import Meters
    from farero.serving.pool import Pool
    from farero.store.database import Store


GIVE_BACK = timedelta(seconds=10)
"""How often a process that answers looks whether it keeps memory that it does not use any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePredicted:
    """Predictions for a file: those of the rows that fit, in order, and the faults of the others."""

    served: Served
    positions: tuple[int, ...]
    faults: tuple[Fault, ...]


class App(Explaining, Jobbing, Judging, Performing, Profiling, Promising, Rolling, Tracking, Tuning):
    """One installation: its models, their state, and everything that can be done with them."""

    def __init__(
        self,
        *,
        root: Path,
        settings: Settings,
        projects: Mapping[str, Project],
        loops: Mapping[str, Loop],
        store: Store,
        log: PredictionLog,
        pool: Pool,
        spool: Spool,
        clock: Clock,
        new_id: Callable[[], str],
        hand_over: Callable[[], int],
        replay_command: str,
        farero_version: str,
        meters: Meters,
        figures: Callable[[bool], Sequence[Sample]],
        keeps_log: bool,
        on_demand: bool,
        work: Work,
        records: Records,
    ) -> None:
        self.root = root
        self.settings = settings
        super().__init__(projects=projects, store=store, loops=loops, pool=pool, clock=clock)
        self._log = log
        self._spool = spool
        self._health = HealthCheck(models=tuple(projects), store=store, log=log, pool=pool, spool=spool)
        self._work = work
        self._records = records
        self._new_id = new_id
        self._hand_over = hand_over
        self._replay_command = replay_command
        self._farero_version = farero_version
        self.meters = meters
        self._figures = figures
        self._keeps_log = keeps_log
        self._answers = not keeps_log
        self._on_demand = on_demand
        self._started = clock.now()
        self._measuring = Measuring(
            meters=meters, pool=pool, router=self._router, spool=spool, store=store, root=root, models=tuple(projects),
            started=self._started, version=farero_version,
            caches={model: loop.predict.cache for model, loop in loops.items() if loop.predict.cache is not None},
        )  # fmt: skip
        self._memory = Upkeep()
        self._handed_over = self._given_back = self._started
        self._stamp: Mapping[str, tuple[str, int]] | None = None
        self._broken: dict[str, FareroError] = {}

    def predict(
        self, model: str, rows: Sequence[object], *, request_id: str | None = None, endpoint: str = "predict", prefix: str = "rows",
        in_time: Callable[[], bool] = lambda: True,
    ) -> Served:  # fmt: skip
        """Answer rows, recorded before this returns.

        Args:
            in_time: asked before the record is written: whether somebody still waits for the answer.

        Raises:
            SchemaMismatch: a row does not fit; names every fault of every row. Nothing is stored.
            NotReady: no version is in production.
            PredictFailed: the model raised or answered nonsense.
            LogUnavailable: the answer could not be recorded, so it is not given.
            TookTooLong: nobody waits any more; nothing was recorded.
        """
        schema = self.project(model).schema
        checked = check_rows(schema, rows, prefix=prefix)
        if checked.faults:
            self._loops[model].predict.refuse(checked.faults, self._clock.now().date())
            self.meters.counter("farero_refused_total", model=model, reason="schema-mismatch").add()
            log("prediction.refused", level="warning", model=model, rows=len(rows), faults=len(checked.faults), request_id=request_id)
            where = f"{counted(len(checked.faults), 'fault')} in {counted(len(rows), 'row')}"
            raise SchemaMismatch(f"{where}; nothing was predicted.", faults=checked.faults)
        return self._answer(model, checked.rows, request_id, endpoint, in_time)

    def lane(self, model: str, max_rows: int, endpoint: str | None = None) -> Lane:
        """The short way for small requests, for one thread; what it leaves goes to `predict`. Give its frames to `commit`."""
        self.project(model)
        return self._loops[model].predict.lane(self._clock.now, max_rows, endpoint)

    def commit(self, frames: bytes, done: Callable[[FareroError | None], object]) -> None:
        """Record what lanes have scored. `done` is called with None when it is safe, or with why it is not; perhaps by another thread."""
        if self.settings.log.unlogged == "answer":

            def tell(failure: LogUnavailable | None) -> None:
                tolerated(failure)
                done(None)

            self._spool.commit(frames, tell)
        else:
            self._spool.commit(frames, done)

    def predict_table(self, model: str, table: Mapping[str, NDArray[Any]]) -> FilePredicted:
        """Answer the rows of a table that fit and name the faults of the others."""
        schema = self.project(model).schema
        names = {field.name for field in schema.fields} | ({schema.key} if schema.key else set())
        checked = check_columns(schema, {name: values for name, values in table.items() if name in names})
        if checked.rows.count == 0:
            raise SchemaMismatch("No row of the input fits the declared features.", faults=checked.faults)
        served = self._answer(model, checked.rows, None, "file")
        positions = tuple(int(position) for position in checked.fits.nonzero()[0])
        return FilePredicted(served=served, positions=positions, faults=checked.faults)

    def _answer(self, model: str, rows: Rows, request_id: str | None, endpoint: str, in_time: Callable[[], bool] = lambda: True) -> Served:
        if model in self._broken:
            # Whoever asks a server shall try again; whoever types a command shall know what is wrong.
            kind = type(self._broken[model]) if endpoint == "file" else NotReady
            raise kind(f"{model} cannot be served: {self._broken[model]}", hint="Put another version back with: farero rollback.")
        predict = self._loops[model].predict
        answered = predict.answer(rows, request_id=request_id or self._new_id(), endpoint=endpoint, at=self._clock.now(), in_time=in_time)
        self.meters.counter("farero_predictions_total", model=model, version=answered.version).add()
        self.meters.counter("farero_prediction_rows_total", model=model, version=answered.version).add(rows.count)
        self.meters.counter("farero_careful_requests_total", model=model).add()
        log(
            "prediction", model=model, version=answered.version, rows=rows.count, endpoint=endpoint, request_id=answered.request_id,
            latency_us=answered.latency_us,
        )  # fmt: skip
        return predict.spell(answered)

    def label(self, model: str, rows: Sequence[LabelRow], *, prefix: str = "labels") -> LabelReceipt:
        """Take labels; the receipt reports each that was a duplicate, a contradiction, unknown or invalid."""
        self.project(model)
        attempt(self._hand_over)  # a label may come right after its prediction, before the worker has handed that over
        receipt = self._loops[model].label.take(rows, prefix=prefix)
        self.meters.counter("farero_labels_total", model=model).add(receipt.stored)
        log("label.stored", model=model, rows=len(rows), stored=receipt.stored, duplicates=receipt.duplicates)
        return receipt

    def verify(self, model: str, number: str) -> Engine:
        """Check every file of a version against its manifest, load it, and give the engine that would answer.

        Raises:
            Corrupt: a file is changed, missing or one too many.
        """
        return self._pool.get(self.version(model, number), fresh=True).engine

    def promote(
        self, model: str, number: str, *, to: str = "production", by: str, because: str, force: bool = False, at_once: bool = False,
        stages: RolloutRule | None = None,
    ) -> Version:  # fmt: skip
        """Move a version to staging or production; to production by stages where the project, a freeze or the caller wants that.

        A version that lost its contest goes to production by force only, and with a reason; so does a first one that the gate refuses.

        Args:
            at_once: without stages, whatever the project and a freeze want.
            stages: by these instead of the project's.

        Raises:
            Denied: people who must approve it have not.
            IllegalMove: it was rejected, or is no good first version, and `force` is not set; or force comes without a reason.
            Corrupt: its files are not what was stored.
        """
        self.project(model)
        if to == "production" and not force:
            self.check_first(model, number)
        if to == "production":
            begun = None if at_once else self._by_stages(model, number, by=by, because=because.strip(), force=force, stages=stages)
            if begun is not None:
                return begun
            if not force:
                self._loops[model].rollout.permit(number, by=by)
        moved = self._loops[model].promote.asked(number, to=to, by=by, because=because.strip(), force=force)
        if moved.state == "production":
            self._broken.pop(model, None)
        return moved

    def rollback(self, model: str, *, to: str | None = None, by: str, because: str) -> Version:
        """Put the version back that was in production before, or the one named."""
        self.project(model)
        moved = self._loops[model].promote.back(to=to, by=by, because=because.strip() or "asked for")
        self._broken.pop(model, None)
        return moved

    def delete(self, model: str, number: str, *, by: str, because: str) -> Version:
        """Take a version out of all lists, and its files from the disk where no other needs them; never the one in production."""
        self.project(model)
        self.check_unrouted(model, number)
        self._hand_over()
        self._loops[model].record.check_free(number)
        return self._loops[model].promote.delete(number, by=by, because=because.strip())

    def train(self, model: str, data: Path | None, *, time: str | None, until: datetime | None, because: str) -> Version:
        """A new candidate, from a file or from the prediction log and its labels.

        Raises:
            TrainFailed: the train function failed; says how.
            BadInput: the file cannot be used; names every fault.
        """
        retrain = self._loops[model].retrain
        now = self._clock.now()
        at = until or now
        origin = f"train/{self._new_id()}"
        if data is None:
            rows = retrain.history(at)
            return retrain.first(rows, until=at, origin=origin, because=because or "asked for", tags={}).version
        rows = recorded.for_training(data, self.project(model).schema, self.project(model).label_spec, time=time, now=now)
        rows = rows.where(rows.times <= stored.moment(at)) if until else rows
        kept = retrain.keep(rows)
        trained = retrain.first(rows, until=at, origin=origin, because=because or f"trained on {data.name}", tags={"base": kept})
        return trained.version

    def health(self) -> Health:
        """How the installation is doing: as bad as the worst of its models and parts."""
        uptime_s = (self._clock.now() - self._started).total_seconds()
        # The log does not have the newest rows yet; what every process has answered since the start stands beside it.
        answered = dict.fromkeys(self._projects, 0)
        for sample in self._figures(False):
            if sample.name == "farero_prediction_rows_total" and sample.labels[0] in answered:
                answered[sample.labels[0]] += int(sample.value)
        return self._health.assess(version=self._farero_version, uptime_s=uptime_s, answered=answered, broken=self._broken)

    def metrics(self) -> list[Sample]:
        """What Prometheus scrapes: the figures of every process of this service."""
        return list(self._figures(True))

    def measure(self) -> None:
        """Publish this process's figures; called a few times a second."""
        self._measuring.own(self._clock.now())

    def refresh(self) -> None:
        """Hand recorded rows over where it is time to, and pick up promotions that another process made. Cheap while nothing changed."""
        now = self._clock.now()
        if now - self._handed_over >= timedelta(seconds=self.settings.log.handover_s):
            self._handed_over = now
            if self._keeps_log:
                attempt(self._hand_over)
                self._measuring.installation()
            else:
                self._spool.rotate()
                if now - self._given_back >= GIVE_BACK:
                    self._given_back = now
                    self._memory.look()
        with self._store.read() as conn:
            stamp, routed = versions.production_stamp(conn), endpoints.stamp(conn)
        if stamp != self._stamp:
            for model, (number, revision) in stamp.items():
                if model in self._projects and (self._stamp is None or self._stamp.get(model) != (number, revision)):
                    self._load(model, number)
            self._stamp = stamp
        self.follow_endpoints(routed)
        self._router.rest(now)

    def _load(self, model: str, number: str) -> None:
        """A version that cannot be loaded must not take the whole server down: its model says so and the others go on."""
        resting = self._pool.expected(model) is not None
        bring = self._pool.expect if self._on_demand or resting else self._pool.swap
        try:
            bring(model, self.version(model, number))
            self._broken.pop(model, None)
        except FareroError as failure:
            self._pool.drop(model)
            self._broken[model] = failure
            log("model.refused", level="error", error=failure, model=model, version=number)

    def tick(self) -> list[Turn]:
        """One turn of everything that goes on by itself: hand over, refresh, close windows and decide, deliver messages."""
        self._hand_over()
        self.refresh()
        now = self._clock.now()
        self.roll()
        self.keep_promises()
        turns = self.turns(now)
        self.keep_reports()
        with self._store.write() as conn:
            meta.set(conn, "worker.beat", now.isoformat())
        return turns

    def replay(
        self,
        model: str,
        data: Path,
        *,
        time: str,
        label: str | None = None,
        label_time: str | None = None,
        window: WindowSize | None = None,
        train_until: str = "0.25",
        rules: Sequence[PolicyRule] = (),
        keep: bool = False,
        inferred: bool = False,
        at_once: int = 2,
        progress: side_by_side.ProgressOf = lambda name, share, words: None,
    ) -> ReplayResult:
        """Live recorded history through the loop under each policy. With `keep`, the first one's state becomes the installation's."""
        return asked.replay(
            asked.Question(
                root=self.root, model=model, project=self.project(model), data=data, time=time, label=label, label_time=label_time,
                window=window, train_until=train_until, rules=rules, keep=keep, inferred=inferred,
            ),
            self._replay_command, at_once=at_once, progress=progress,
        )  # fmt: skip

    def label_file(self, model: str, path: Path) -> LabelReceipt:
        """Take the labels of a file: request_id[, row], label — or key, time, label; known_at if it is there.

        Raises:
            BadInput: the file cannot be read or lacks a column.
        """
        project = self.project(model)
        rows = recorded.label_rows(path, project.label_spec, now=self._clock.now())
        settle(self._hand_over, self._spool.backlog_bytes, self.settings.log.handover_s + 1)
        return self.label(model, rows, prefix=path.name)

    def close(self) -> None:
        """Hand over what is recorded and let go of everything, also where the log takes nothing and this raises."""
        for loop in self._loops.values():
            loop.predict.shadow.close()
        self._spool.close()
        with closing(self._store):
            self._hand_over()


def replay_report(result: ReplayResult) -> str:
    """A replay as one HTML page that needs nothing else."""
    return report.page(result)
