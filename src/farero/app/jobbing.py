"""Jobs: what is done by itself or was asked for, one run at a time per model. The part of App that queues, carries out and lists runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from farero.app.handling import Handling
from farero.core import job as rules
from farero.core.gate import Verdict
from farero.core.job import Job, JobRun, JobStatus, JobView
from farero.core.schedule_words import words
from farero.core.version import Version
from farero.errors import Conflict, FareroError, LeaseHeld, NotFound, OutsideError, counted
from farero.flow.jobs import Queue
from farero.flow.retrain import Trained
from farero.loop import Turn, at_once
from farero.project.jobs import retraining
from farero.store import job_runs, meta
from farero.telemetry import log

if TYPE_CHECKING:
    from farero.ports import Jobs, PredictionLog, Step
    from farero.serving.meters import Meters

T = TypeVar("T")

KEPT = "jobs.beat"
LATELY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What carries jobs out.

    Attributes:
        jobs: every job by name.
        adapter: takes runs off our hands; None = this process carries them out in the thread that asks, as a command does.
        stop: ends whatever a run of this process has started in processes of its own.
    """

    jobs: Mapping[str, Job]
    queue: Queue
    adapter: Jobs | None
    stop: Callable[[], None]


class Jobbing(Handling):
    """The half of App that deals with jobs."""

    meters: Meters
    _work: Work
    _log: PredictionLog
    _new_id: Callable[[], str]
    _hand_over: Callable[[], int]

    def jobs(self) -> list[JobView]:
        """Every job with its next moment and its last run, by name."""
        return [self.job(name) for name in sorted(self._work.jobs)]

    def job(self, name: str) -> JobView:
        """One job.

        Raises:
            NotFound: there is none of this name.
        """
        job = self._job(name)
        last = self.job_runs(job=name, last=1)
        told = words(job.schedule) if job.schedule else f"after {', '.join(job.after)}" if job.after else "by decision, or by hand"
        return JobView(
            name=name, model=job.model, verb=job.verb, words=told, after=job.after, next_at=rules.next_at(job, self._clock.now()),
            schedule=job.schedule.text if job.schedule else None, zone=str(job.schedule.zone) if job.schedule else None,
            last=last[0] if last else None,
        )  # fmt: skip

    def schedules(self, count: int) -> list[tuple[JobView, list[tuple[datetime, str]]]]:
        """Every job that has a schedule, with its next moments: in UTC, and as the clocks of its zone show them."""
        found = []
        for name, job in sorted(self._work.jobs.items()):
            if job.schedule is None:
                continue
            moments: list[tuple[datetime, str]] = []
            at = rules.next_at(job, self._clock.now())
            while at is not None and len(moments) < count:
                moments.append((at, f"{at.astimezone(job.schedule.zone):%a %Y-%m-%d %H:%M:%S %Z}"))
                at = rules.next_at(job, at)
            found.append((self.job(name), moments))
        return found

    def is_kept(self) -> bool:
        """Whether a service has been at work on the jobs in the last half minute."""
        with self._store.read() as conn:
            beat = meta.get(conn, KEPT)
        return beat is not None and abs(self._clock.now() - datetime.fromisoformat(beat)) < LATELY

    def job_runs(
        self, *, job: str | None = None, model: str | None = None, status: JobStatus | None = None, last: int | None = 50
    ) -> list[JobRun]:  # fmt: skip
        """Runs of jobs, newest first."""
        with self._store.read() as conn:
            return job_runs.all(conn, job=job, model=model, status=status, last=last)

    def job_run(self, id: str) -> JobRun:
        """One run with its steps and its log."""
        with self._store.read() as conn:
            return job_runs.get(conn, id)

    def run_job(self, name: str, *, by: str, because: str = "") -> JobRun:
        """Queue a run now, whatever the schedule says."""
        job = self._job(name)
        reason = f"asked for by {by}" + (f": {because.strip()}" if because.strip() else "")
        return self._work.queue.add(rules.order(job, id=f"{name}/{self._new_id()[:12]}", because=reason, at=self._clock.now()))

    def cancel_job(self, id: str, *, by: str) -> JobRun:
        """Take a waiting run out of the queue, or stop one that is under way."""
        return self._work.queue.cancel(id, by=by)

    def retrain(self, model: str, *, because: str) -> Turn:
        """Train, judge and promote now, in this process, whatever the policy says.

        Raises:
            LeaseHeld: another process is renewing this model right now.
        """
        self.project(model)
        self._hand_over()
        decision = self._loops[model].ask(self._clock.now(), because=because)
        turn = Turn(window=decision.window, observation=None, incidents=(), decision=decision)
        run = self._work.queue.add(self._renewal(model, turn))
        done = self.carry_out(run.id, at_once)
        if done is None:
            self.cancel_job(run.id, by="farero")
            raise LeaseHeld(f"Another process is renewing {model} right now.", hint="Follow it with: farero jobs history.")
        return done

    def start_jobs(self, carry_out: Callable[[str, Step], None]) -> None:
        """Let the adapter begin to carry runs out."""
        if self._work.adapter is not None:
            self._work.adapter.start(carry_out)

    def stop_jobs(self, timeout_s: float) -> bool:
        """Let the adapter end; says whether it did in time."""
        return self._work.adapter is None or self._work.adapter.stop(timeout_s)

    def beat(self) -> None:
        """Say that the runs of this process live, and end those that were cancelled or took too long."""
        if self._work.queue.beat():
            self._work.stop()

    def turns(self, now: datetime) -> list[Turn]:
        """Queue what is due, see that it is carried out, and take every model's complete windows through the loop."""
        self._plan(now)
        self._dispatch()
        turns: list[Turn] = []
        for model, loop in self._loops.items():
            turns += loop.turn(now, renew=self._renewer(model), free=lambda model=model: not self._is_renewing(model))  # type: ignore[misc]
        return turns

    def carry_out(self, id: str, step: Step) -> Turn | None:
        """Carry a run out, if nobody else does. What a renewal came to, else None.

        Raises:
            FareroError: it failed; the run says so, and whether it will be tried again.
        """
        try:
            run = self._work.queue.claim(id)
        except Conflict as held:  # somebody was faster: what there is to know is in the run
            log("job.passed", level="debug", run=id, because=held.message)
            return None
        try:
            turn, status, result = self._do(run, step)
            if status == "failed":
                run = self._work.queue.fail(id, FareroError(result), mendable=False)
            else:
                run = self._work.queue.end(id, status, result=result)
        except LeaseHeld:
            return None
        except Exception as failure:
            if self._failed(run, failure).status == "cancelled":
                return None
            raise
        finally:
            self._work.queue.release(id)  # whatever happened: a run that nobody carries out must not look alive
        self.meters.counter("farero_job_runs_total", job=run.job, status=run.status).add()
        return turn

    def _failed(self, run: JobRun, failure: Exception) -> JobRun:
        # A bug is tried again too: it may lie in what the run met, and a run must end as failed, never be lost.
        mendable = failure.retryable if isinstance(failure, OutsideError) else not isinstance(failure, FareroError)
        try:
            run = self._work.queue.fail(run.id, failure, mendable=mendable, settle=self._settle)
        except FareroError as unstored:  # the database is gone: the run stays as it is, and is taken up when it is back
            log("error", level="error", error=unstored, where="noting that a run failed", run=run.id)
        self.meters.counter("farero_job_runs_total", job=run.job, status="retried" if run.is_open else run.status).add()
        return run

    def _settle(self, run: JobRun, error: str) -> None:
        """Give the decision that ordered a run its end, where it has none: what is failed must not look as if it were still to come."""
        loop = self._loops[run.model]
        if run.window is not None and loop.decide.verdict(run.window) is None:
            loop.decide.outcome(run.window, candidate=None, verdict=None, failed=error)

    def _do(self, run: JobRun, outer: Step) -> tuple[Turn | None, JobStatus, str]:
        def step(name: str, do: Callable[[], T]) -> T:
            return self._work.queue.step(run.id, name, lambda: outer(name, do), _said)

        if run.verb == "compact":
            step("compact", lambda: self._log.compact(run.model))
            return None, "succeeded", "the log is compact"
        loop = self._loops[run.model]
        window = run.window
        if window is None:  # asked for, or scheduled: the span that it is booked under is fixed with its first step
            self._hand_over()
            policy = "scheduled" if run.scheduled_for is not None else "forced"
            window = self._work.queue.book(run.id, lambda: loop.ask(self._clock.now(), because=run.because, policy=policy).window)
        turn = loop.renew(window, step)
        if turn.failed is not None:
            return turn, "failed", turn.failed
        candidate, verdict = turn.candidate, turn.verdict
        said = f"{candidate.number} is in {candidate.state}" if candidate is not None else "nothing was trained"
        return turn, "succeeded", said if verdict is None or verdict.accepted else f"{said}: {'; '.join(verdict.because)}"

    def _plan(self, now: datetime) -> None:
        """Queue what schedules and finished runs ask for. A job seen for the first time, or with a new schedule, starts from now."""
        for job in self._work.jobs.values():
            if job.schedule is not None:
                self._plan_scheduled(job, now)
            elif job.after:
                found = {name: next(iter(self.job_runs(job=name, status="succeeded", last=1)), None) for name in job.after}
                run = rules.following(job, now, found, next(iter(self.job_runs(job=job.name, last=1)), None))
                if run is not None:
                    self._work.queue.add(run)

    def _plan_scheduled(self, job: Job, now: datetime) -> None:
        name, spec = f"job.planned/{job.name}", str(job.schedule)
        with self._store.read() as conn:
            stored = (meta.get(conn, name) or "").rpartition("|")
        # Where the clock went back, moments come again: they have the ids of the runs that they had.
        since = min(datetime.fromisoformat(stored[2]), now) if stored[0] == spec else now
        run = rules.scheduled(job, since, now)
        if run is not None:
            self._work.queue.add(run)
        if run is not None or stored[0] != spec or stored[2] > now.isoformat():
            with self._store.write() as conn:
                meta.set(conn, name, f"{spec}|{(run.scheduled_for if run else None) or now}")

    def _dispatch(self) -> None:
        if self._work.adapter is not None:
            with self._store.write() as conn:
                meta.set(conn, KEPT, self._clock.now().isoformat())
        for run in self._work.queue.runnable():
            if self._work.adapter is not None:
                self._work.adapter.submit(run.id)
            elif run.verb == "retrain" and run.window is not None:  # what a process that was killed has left half done
                self.carry_out(run.id, at_once)

    def _renewer(self, model: str) -> Callable[[Turn], Turn]:
        def renew(turn: Turn) -> Turn:
            run = self._work.queue.add(self._renewal(model, turn))
            if self._work.adapter is not None:
                self._work.adapter.submit(run.id)
                return turn
            done = self.carry_out(run.id, at_once)
            return turn if done is None else replace(turn, candidate=done.candidate, verdict=done.verdict, failed=done.failed)

        return renew

    def _renewal(self, model: str, turn: Turn) -> JobRun:
        """The run that carries a decision out; it has the same name whoever orders it."""
        window, decision = turn.window, turn.decision
        id = f"{retraining(model)}/{window.start:%Y%m%dT%H%M%S}-{window.end:%Y%m%dT%H%M%S.%f}"  # noqa: A001
        run = rules.order(self._work.jobs[retraining(model)], id=id, because="; ".join(decision.because), at=self._clock.now())
        return replace(run, window=window)

    def _is_renewing(self, model: str) -> bool:
        """Whether a renewal of this model is to be done first, as it is in a replay."""
        return any(run.verb == "retrain" for run in self._work.queue.open(model))

    def _job(self, name: str) -> Job:
        if name not in self._work.jobs:
            raise NotFound(f"There is no job {name!r}.", hint=f"There are: {', '.join(sorted(self._work.jobs))}.")
        return self._work.jobs[name]


def _said(value: object) -> str:
    """The value of a step in a few words."""
    if isinstance(value, Trained):
        return f"{value.version.number}, trained on {value.version.trained_rows} rows"
    if isinstance(value, Verdict):
        return f"{'accepted' if value.accepted else 'rejected'}: {'; '.join(value.because)}"
    if isinstance(value, Version):
        return f"{value.number} is in {value.state}"
    if isinstance(value, int):
        return f"{counted(value, 'message')} delivered"
    return "done" if value is None else str(value)
