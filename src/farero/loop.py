"""THE ORDER. What follows what, once a window of predictions is complete; live running and replay both come through here.

predict -> record -> (label) -> profile -> intake -> lateness -> monitor -> alert -> decide -> retrain -> validate -> promote, at once or
by a rollout -> notify
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from farero.core.gate import Verdict
from farero.core.incident import Incident
from farero.core.observation import Observation
from farero.core.policy import Decision, outdated
from farero.core.version import Version
from farero.core.window import Window
from farero.errors import StaleDecision, TrainFailed
from farero.flow.alert import Alert
from farero.flow.decide import Decide
from farero.flow.intake import Intake
from farero.flow.label import Label
from farero.flow.lateness import Lateness
from farero.flow.monitor import Monitor, Monitored
from farero.flow.notify import Notify
from farero.flow.predict import Predict
from farero.flow.profile import BuildProfile
from farero.flow.promise import Promise
from farero.flow.promote import Promote
from farero.flow.register import Register
from farero.flow.retrain import Retrain, Trained
from farero.flow.rollout import Rollouts
from farero.flow.validate import Validate
from farero.flow.windows import Windows
from farero.ports import Step

T = TypeVar("T")


def at_once(name: str, do: Callable[[], T]) -> T:  # noqa: ARG001 (a step that nobody keeps book of)
    """The step of a renewal that is no job: a replay's, which has its own clock."""
    return do()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one window led to."""

    window: Window
    observation: Observation | None
    incidents: Sequence[Incident]
    decision: Decision
    candidate: Version | None = None
    verdict: Verdict | None = None
    failed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """One model's steps, and their order."""

    predict: Predict
    record: Windows
    label: Label
    profile: BuildProfile
    intake: Intake
    lateness: Lateness
    monitor: Monitor
    alert: Alert
    decide: Decide
    retrain: Retrain
    register: Register
    validate: Validate
    promote: Promote
    rollout: Rollouts
    promise: Promise
    notify: Notify

    def turn(
        self, at: datetime, *, renew: Callable[[Turn], Turn] | None = None, free: Callable[[], bool] = lambda: True
    ) -> list[Turn]:  # fmt: skip
        """Take every window that is complete at `at` through the loop, oldest first.

        Each step's value is stored under its window, so a turn that was cut off anywhere goes on from there
        when it is taken again, and a window taken twice changes nothing.

        Args:
            renew: what a decision to retrain leads to; default: `renew` below, here and now.
            free: whether the next window may be taken; while a renewal is under way elsewhere, it may not.
        """
        self.label.retry_waiting()
        turns: list[Turn] = []
        for window in self.record.due(at):
            if not free():
                break
            turn = self._window(window)
            turns.append((renew or self._renew)(turn) if turn.decision.action == "retrain" else turn)
            self.record.done(window)
        silence = self.intake.silence(at, self.predict.pool.loaded.get(self.predict.model))
        if silence is not None:
            self.alert.silence(silence.window, silence.version, silence.finding)
        self.notify.drain()
        return turns

    def keep_promise(self, at: datetime, failures: float, version: str) -> None:
        """Count requests and failures every few minutes, and tell where what was promised of them is being broken.

        Args:
            failures: requests that failed, as a counter that only rises, and begins anew with the service.
            version: in production, "" for none.
        """
        looked = self.promise.look(at, failures)
        if looked is not None:
            self.alert.promise(looked[0], version, looked[1])

    def force(self, at: datetime, *, because: str) -> Turn:
        """Train, judge and promote now, because somebody asked: what a decision to retrain leads to, without the decision."""
        return self.renew(self.ask(at, because=because).window)

    def ask(self, at: datetime, *, because: str, policy: str = "forced") -> Decision:
        """Decide to retrain, because somebody or a schedule asked for it."""
        self.label.retry_waiting()
        return self.decide.forced(self.record.until(at), because=because, at=at, policy=policy)

    def renew(self, window: Window, step: Step = at_once) -> Turn:
        """Carry out the decision to retrain that is stored for a window. Taken again after a cut-off, it goes on from its last value.

        Args:
            step: given the name of each step and what it does; it does it, and may keep book.

        Raises:
            NotFound: nothing was decided about this window.
        """
        turn = self._renew(Turn(window=window, observation=None, incidents=(), decision=self.decide.decision(window)), step)
        step("notify", self.notify.drain)
        return turn

    def _window(self, window: Window) -> Turn:
        summary = self.profile.build(window)
        arrived = [*self.intake.check(window, summary.rows, summary.loaded), *self.lateness.check(window, summary.rows)]
        monitored = self.monitor.check(window, summary.loaded, summary.rows, summary.reference, summary.profile, known=arrived)
        incidents = self.alert.update(window, summary.version, monitored.observation.findings)
        decision = self._decide(window, monitored)
        return Turn(window=window, observation=monitored.observation, incidents=incidents, decision=decision)

    def _decide(self, window: Window, monitored: Monitored) -> Decision:
        drift, realized = monitored.observation.drift, monitored.realized
        return self.decide.choose(
            window,
            drift_alarm=drift is not None and drift.alarm,
            drift_because=drift.because if drift is not None else "",
            drift_share=monitored.drift_share,
            performance=realized.metrics.get(self.decide.metric) if realized else None,
            baseline=realized.best if realized else None,
            performance_fell=realized is not None and realized.fell_from_best,
            performance_fresh=realized is not None and realized.fresh,
            loss_because=monitored.loss_because,
            below_target=monitored.below_target,
            estimated_because=monitored.estimated_because,
            at=window.end,
        )

    def _renew(self, turn: Turn, step: Step = at_once) -> Turn:
        """A candidate, a contest, and a promotion or a refusal. A failed training leaves production as it is."""
        window, decision = turn.window, turn.decision
        because = "; ".join(decision.because)
        try:
            trained = step("train", lambda: self.retrain.again(until=window.end, origin=f"loop/{window}", because=because))
        except TrainFailed as failure:
            self.decide.outcome(window, candidate=None, verdict=None, failed=str(failure))
            return replace(turn, failed=str(failure))
        # A verdict that was stored before a cut-off stands: this turn itself may have changed production since.
        verdict = step("judge", lambda: self._judge(decision, trained, self.decide.verdict(window)))
        try:
            candidate = self._carry_out(window, trained, verdict, step)
        except StaleDecision:  # somebody changed production during the contest: one more, against the version that is there now
            verdict = step("judge", lambda: self._judge(decision, trained, None))
            candidate = self._carry_out(window, trained, verdict, step)
        return replace(turn, candidate=candidate, verdict=verdict)

    def _judge(self, decision: Decision, trained: Trained, known: Verdict | None) -> Verdict:
        """A tie goes to the candidate where labels complain of production, and the winner learns the rows that judged before it serves."""
        tie = outdated(decision) and self.retrain.rule.refit
        verdict = known or self.validate.judge(trained.version, self.decide.production(), trained.heldout, outdated=tie)
        self.decide.outcome(decision.window, candidate=trained.version.number, verdict=verdict, failed=None)
        return verdict

    def _carry_out(self, window: Window, trained: Trained, verdict: Verdict, step: Step) -> Version:
        version = trained.version
        if verdict.accepted:
            version = step("refit", lambda: self.retrain.refit(trained, until=window.end))
        return step("promote", lambda: self._promote(trained, version, verdict))

    def _promote(self, trained: Trained, version: Version, verdict: Verdict) -> Version:
        if verdict.accepted and self.rollout.goes_by_stages():
            moved = self.rollout.carry_out(version, verdict)
        else:
            moved = self.promote.apply(version, verdict, by="farero")
        if version.number != trained.version.number:
            self.promote.shelve(
                trained.version.number, by="farero", because=f"{version.number} learnt from the rows that judged it as well"
            )
        return moved
