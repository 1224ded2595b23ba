"""From farero.toml to adapters to App. The only file that names an adapter."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from time import monotonic, perf_counter
from uuid import uuid4

from farero import telemetry
from farero.adapters.child_process import PRELOAD, ChildProcess
from farero.adapters.console_notifier import ConsoleNotifier
from farero.adapters.dbos_jobs import DbosJobs
from farero.adapters.delta_log import DeltaLog
from farero.adapters.folder_models import FolderModels
from farero.adapters.manual_clock import ManualClock
from farero.adapters.memory_log import MemoryLog
from farero.adapters.memory_notifier import MemoryNotifier
from farero.adapters.mlflow_tracker import MlflowTracker, without_password
from farero.adapters.processes import is_gone, this_process
from farero.adapters.system_clock import SystemClock
from farero.adapters.thread_jobs import ThreadJobs
from farero.adapters.webhook import Webhook
from farero.app import App
from farero.app.jobbing import Work
from farero.app.recording import Records, records
from farero.core.finding import Severity
from farero.core.masking import Mask
from farero.core.performance import METRICS
from farero.core.policy import PolicyRule
from farero.core.replayed import PolicyResult
from farero.core.rollout import STAGING
from farero.core.window import WindowSize
from farero.errors import LogUnavailable
from farero.flow.alert import Alert
from farero.flow.decide import Decide
from farero.flow.intake import Intake
from farero.flow.jobs import Queue
from farero.flow.label import Label
from farero.flow.lateness import Lateness
from farero.flow.monitor import Floor, Monitor
from farero.flow.monitor.detect import Detect
from farero.flow.monitor.foresee import Foresee
from farero.flow.monitor.sound import Sound
from farero.flow.notify import Notify
from farero.flow.predict import Predict
from farero.flow.profile import BuildProfile
from farero.flow.promise import Promise
from farero.flow.promote import Promote
from farero.flow.record import hand_over
from farero.flow.register import Register
from farero.flow.retrain import Retrain
from farero.flow.rollout import Rollouts
from farero.flow.rollout.measured import Measure
from farero.flow.rollout.smoke import SmokeTest
from farero.flow.validate import Validate
from farero.flow.windows import Windows
from farero.loop import Loop
from farero.ports import Child, Clock, Jobs, Limits, LogShape, ModelFiles, Notifier, PredictionLog
from farero.project.declare import Project
from farero.project.infer import infer
from farero.project.jobs import declared
from farero.project.load import Loaded, load
from farero.project.secret_values import secret_values
from farero.project.settings import HOME, ChannelSettings
from farero.replay import Bench, run
from farero.replay import history as recorded
from farero.replay.side_by_side import Plan, serve
from farero.serving.cache import AnswerCache
from farero.serving.meters import Meters, read_all
from farero.serving.pool import Pool
from farero.serving.privacy import Protector, log_shape
from farero.serving.router import Router
from farero.serving.shadow import SUFFIX, Shadow
from farero.serving.spool import Spool
from farero.serving.tally import Tally
from farero.store.database import Store

REPLAY_COMMAND = "from farero.wiring import replay_process; replay_process()"
WARM = (*PRELOAD, "farero.project.trial")
"""What a child finds imported: a training of a fifth of a second must not wait as long again for its own imports."""

METERS = Path(".farero") / "run"
"""Where the processes of a running service keep their figures and say who they are, below the installation's folder."""

LIVE_GRACE = timedelta(seconds=30)


def open_app(root: Path, *, clock: Clock | None = None, answering: str | None = None, keeping: bool = False) -> App:
    """The installation in a folder, with everything that farero.toml names.

    Args:
        answering: the name of a process that only answers requests: it leaves the hand-over of what it records to the keeper.
        keeping: this process is the keeper, the one that hands over and runs the loop beside processes that answer.

    Raises:
        ConfigInvalid: farero.toml or a project file has faults; lists all of them.
        StoreUnavailable: the state database does not answer.
    """
    slot = answering or ("keeper" if keeping else None)
    return _app(load(root.resolve()), clock or SystemClock(), slot=slot, keeps_log=answering is None, keeping=keeping)


def open_inferred(data: Path, *, time: str, label: str, root: Path) -> App:
    """An installation in an empty folder whose project is read off a data file."""
    return _app(infer(data, time=time, label=label, root=root), SystemClock())


def _app(loaded: Loaded, clock: Clock, *, slot: str | None = None, keeps_log: bool = True, keeping: bool = False) -> App:
    settings = loaded.settings
    home = loaded.root / ".farero"
    home.mkdir(exist_ok=True)
    store = Store.open(settings.state.resolved(loaded.root), clock=clock)
    log = DeltaLog(home / "log", shapes(loaded.projects))
    files = FolderModels(home / "models")
    spool = Spool(home / "spool", _writer(), mode=settings.log.record)
    pool = Pool(files, max_loaded=settings.models.max_loaded)
    child = _child(loaded)
    meters = Meters(loaded.root / METERS if slot else None, slot or "farero")
    channels: dict[str, Severity] = {channel.name: channel.min_severity for channel in settings.channels}
    rooms = _Rooms(
        loaded=loaded, store=store, log=log, files=files, child=child, clock=clock, pool=pool, spool=spool,
        router=Router(pool), meters=meters,
        key=settings.privacy.key(loaded.root), channels=channels, notifiers={c.name: _notifier(c, loaded.root) for c in settings.channels},
        stopwatch=perf_counter, by_stages=True,
    )  # fmt: skip
    return App(
        root=loaded.root,
        settings=settings,
        projects=loaded.projects,
        loops={
            model: rooms.loop(model, rule=project.rule, size=project.window, grace=LIVE_GRACE) for model, project in loaded.projects.items()
        },
        store=store,
        log=log,
        pool=pool,
        spool=spool,
        clock=clock,
        new_id=lambda: uuid4().hex,
        hand_over=_hand_over(spool, home / "spool", log, meters),
        replay_command=REPLAY_COMMAND,
        farero_version=metadata.version("farero"),
        meters=meters,
        figures=(lambda use: read_all(loaded.root / METERS, use=use)) if slot else (lambda use: meters.samples()),
        keeps_log=keeps_log,
        on_demand=keeping or settings.models.load == "demand",
        work=_work(loaded, store, clock, stop=child.close, keeping=keeping),
        records=_records(rooms),
    )


def _records(rooms: _Rooms) -> Records:
    """What writes reports, and tells MLflow where farero.toml names one."""
    named, root = rooms.loaded.settings.tracking, rooms.loaded.root
    uri = named.resolved(root)
    tracker = MlflowTracker(
        uri, experiment=named.experiment, artifacts=named.files(root), lock=root / HOME / "mlflow.lock",
        token=named.token.read(root) if named.token else None, timeout_s=named.timeout_s,
    ) if uri else None  # fmt: skip
    return records(
        rooms.loaded.projects, store=rooms.store, log=rooms.log, files=rooms.files, pool=rooms.pool, clock=rooms.clock,
        channels=rooms.channels, tracker=tracker, where=without_password(uri),
    )  # fmt: skip


def _work(loaded: Loaded, store: Store, clock: Clock, *, stop: Callable[[], None], keeping: bool) -> Work:
    """What carries jobs out: only the keeper takes them off the queue by itself; a command does what it was asked for."""
    name = this_process()
    adapter: Jobs | None = None
    if keeping:
        adapter = _dbos(loaded, store, name) if loaded.settings.worker.jobs == "dbos" else ThreadJobs()
    return Work(
        jobs=declared(loaded.settings, loaded.projects), adapter=adapter, stop=stop,
        queue=Queue(store=store, clock=clock, executor=name, is_gone=is_gone, steady=monotonic),
    )  # fmt: skip


def _dbos(loaded: Loaded, store: Store, name: str) -> DbosJobs:
    """DBOS with its tables beside those of the state: another file, or another schema of the same database."""
    url = loaded.settings.state.resolved(loaded.root)
    if url.startswith("sqlite"):
        return DbosJobs(f"sqlite:///{Path(url.removeprefix('sqlite:///')).with_name('jobs.db')}", name, is_gone=is_gone)
    schema = store.schema()
    return DbosJobs(url, name, is_gone=is_gone, schema="farero_jobs" if schema == "public" else f"{schema}_jobs")


def shapes(projects: Mapping[str, Project]) -> Mapping[str, LogShape]:
    """What each model's prediction log holds, and the log of its shadow versions' answers."""
    own = {model: log_shape(project.schema, text_prediction=project.label_spec.kind == "classes") for model, project in projects.items()}
    return own | {model + SUFFIX: shape for model, shape in own.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rooms:
    """The parts that loops are put together from."""

    loaded: Loaded
    store: Store
    log: PredictionLog
    files: ModelFiles
    child: Child
    clock: Clock
    pool: Pool
    spool: Spool
    router: Router
    key: bytes
    channels: Mapping[str, Severity]
    notifiers: Mapping[str, Notifier]
    stopwatch: Callable[[], float] | None = None
    meters: Meters | None = None
    by_stages: bool = False
    """Whether versions go to production as projects declare it; a replay's go at once."""

    def loop(self, model: str, *, rule: PolicyRule, size: WindowSize, grace: timedelta) -> Loop:
        """One model's steps under one policy."""
        project = self.loaded.projects[model]
        schema, label, train, kept = project.schema, project.label_spec, self.loaded.settings.train, self.loaded.settings.cache
        protector = Protector(self.key, schema)
        tally = Tally(model=model, span=size.span, log=self.log)
        return Loop(
            predict=Predict(model=model, schema=schema, store=self.store, label=label, thresholds=project.thresholds, pool=self.pool,
                spool=self.spool, protector=protector, router=self.router, meters=self.meters,
                shadow=Shadow(
                    model, schema=schema, label=label, router=self.router, protector=protector, spool=self.spool, meters=self.meters
                ),
                answer_unlogged=self.loaded.settings.log.unlogged == "answer",
                cache=AnswerCache(kept.entries, kept.ttl_s, monotonic) if kept.entries else None,
            ),
            record=Windows(model=model, size=size, grace=grace, store=self.store, log=self.log),
            label=Label(model=model, label=label, store=self.store, log=self.log, clock=self.clock),
            profile=BuildProfile(model=model, schema=schema, label=label, store=self.store, log=self.log, pool=self.pool),
            intake=Intake(model=model, window_size=size, grace=grace, store=self.store, tally=tally),
            lateness=Lateness(model=model, window_size=size, arrives_within=label.arrives_within, store=self.store, tally=tally),
            monitor=Monitor(
                model=model, schema=schema, label=label, metric=project.metric, window_size=size, drift_rule=project.drift_rule,
                detect=Detect(
                    model=model, schema=schema, label=label, metric=project.metric, window_size=size,
                    preset="quiet" if project.drift_rule == "quiet" else "sensitive", models=len(self.loaded.projects), store=self.store,
                    a_year=project.drift_a_year,
                ),
                sound=Sound(window_size=size, max_missing=project.max_missing),
                foresee=Foresee(model=model, label=label, metric=project.metric, drop=rule.performance_drop, store=self.store),
                floors=[Floor(metric=m, limit=limit) for m, limit in project.floors],
                performance_drop=rule.performance_drop, store=self.store, log=self.log,
            ),
            alert=Alert(model=model, store=self.store, channels=self.channels),
            decide=Decide(
                model=model, metric=project.metric, higher_is_better=METRICS[project.metric].higher_is_better,
                contest_higher_is_better=METRICS[project.gate_rule.metric].higher_is_better, rule=rule, store=self.store,
            ),
            retrain=Retrain(
                model=model, schema=schema, label=label, metric=project.metric, window_size=size, seed=project.seed,
                recipe=self.loaded.recipe(model), environment=_environment(), git_commit=_git_commit(self.loaded.root),
                limits=Limits(timeout_s=train.timeout_s, memory_bytes=train.memory_mb << 20), rule=rule, gate=project.gate_rule,
                store=self.store, log=self.log, files=self.files, child=self.child, clock=self.clock, sourced=project.source is not None,
            ),
            register=Register(
                model=model, schema=schema, label=label, metric=project.metric, window_size=size, environment=_environment(),
                limits=Limits(timeout_s=train.timeout_s, memory_bytes=train.memory_mb << 20), store=self.store, files=self.files,
                child=self.child, clock=self.clock,
            ),
            validate=Validate(
                schema=schema, label=label, rule=project.gate_rule, gated=rule.gated, pool=self.pool, store=self.store, clock=self.clock,
                stopwatch=self.stopwatch,
            ),
            promote=Promote(model=model, store=self.store, pool=self.pool, clock=self.clock, channels=self.channels),
            rollout=Rollouts(
                model=model, rule=project.rollout_rule if self.by_stages else None, store=self.store, pool=self.pool, clock=self.clock,
                channels=self.channels, smoke=SmokeTest(schema=schema, label=label, endpoint=f"{model}{STAGING}"),
                measure=Measure(model=model, label=label, metric=project.gate_rule.metric, store=self.store, log=self.log),
            ),
            promise=Promise(model=model, objective=project.objective, store=self.store, log=self.log),
            notify=Notify(store=self.store, clock=self.clock, channels=self.notifiers),
        )  # fmt: skip


def replay_process() -> None:
    """Replay one policy in this process: what `replay.side_by_side` starts."""
    serve(_replay)


def _replay(plan: Plan, progress: Callable[[float, str], None]) -> PolicyResult:
    loaded = load(plan.root) if not plan.inferred else infer(plan.data, time=plan.time, label=plan.label or "", root=plan.root)
    project = loaded.projects[plan.model]
    with tempfile.TemporaryDirectory(prefix="farero-replay-") as name:
        installed = bench(loaded, plan, Path(name))
        history = recorded.read(
            plan.data, project.schema, project.label_spec, time=plan.time, label_column=plan.label, label_time=plan.label_time
        )
        return run(installed, history, policy=plan.rule.name, until=plan.until, size=plan.size, progress=progress)


def bench(loaded: Loaded, plan: Plan, folder: Path, *, child: Child | None = None) -> Bench:
    """An installation of its own in memory and a temporary folder, or, where it shall be kept, the project's own state."""
    project = loaded.projects[plan.model]
    clock = ManualClock(plan.until)
    kept = plan.home / ".farero" if plan.home is not None else None
    if kept is not None:
        kept.mkdir(exist_ok=True)
        store = Store.open(loaded.settings.state.resolved(loaded.root), clock=clock)
    else:
        store = Store.memory(clock=clock)
    home = kept or folder
    log: PredictionLog = DeltaLog(home / "log", shapes(loaded.projects)) if kept else MemoryLog(shapes(loaded.projects))
    files = FolderModels(home / "models")
    spool = Spool(home / "spool", _writer())
    pool = Pool(files, compiled=False)
    rooms = _Rooms(
        loaded=loaded, store=store, log=log, files=files, child=child or _child(loaded), clock=clock, pool=pool, spool=spool,
        router=Router(pool),
        key=b"replay" * 6 if kept is None else loaded.settings.privacy.key(loaded.root),
        # A replay announces to nobody, but counts what would have been announced.
        channels={"replay": "low"}, notifiers={"replay": MemoryNotifier()},
    )  # fmt: skip
    return Bench(
        model=plan.model,
        label=project.label_spec,
        metric=project.metric,
        loop=rooms.loop(plan.model, rule=plan.rule, size=plan.size, grace=timedelta(0)),
        clock=clock,
        store=store,
        hand_over=_hand_over(spool, home / "spool", log),
    )


def _hand_over(spool: Spool, folder: Path, log: PredictionLog, meters: Meters | None = None) -> Callable[[], int]:
    def move() -> int:
        spool.rotate()
        try:
            moved = hand_over(folder, log)
        except LogUnavailable:
            if meters is not None:
                meters.counter("farero_handover_failures_total").add()
            raise
        if meters is not None:
            meters.counter("farero_handover_rows_total").add(moved.rows)
        if moved.segments:
            telemetry.log("record.handed-over", segments=moved.segments, rows=moved.rows)
        for name in moved.corrupt:
            telemetry.log("record.corrupt", segment=name, folder=str(folder))
        return moved.rows

    return move


def _child(loaded: Loaded) -> ChildProcess:
    """Runs trainings; what they print and raise is shown without the installation's secrets."""
    return ChildProcess(WARM, hide=Mask.of(secret_values(loaded.settings, loaded.root, os.environ)))


def _notifier(channel: ChannelSettings, root: Path) -> Notifier:
    return Webhook(channel.resolved_url(root)) if channel.kind == "webhook" else ConsoleNotifier(sys.stderr)


def _writer() -> str:
    """A name that no other process ever had: marks in the log are kept by it."""
    return uuid4().hex[:16]


def _environment() -> dict[str, str]:
    """The libraries that decide what a model answers."""
    found = {"python": platform.python_version()}
    for name in ("farero", "numpy", "pandas", "scikit-learn", "scipy", "lightgbm", "xgboost", "catboost"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _git_commit(root: Path) -> str | None:
    """The commit that the project's folder is at, if it is under git."""
    try:
        done = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
