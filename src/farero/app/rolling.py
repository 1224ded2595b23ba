"""Versions on their way to production: the part of App that sends, watches, stops and reads them out, and hears who approves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from farero.app.routing import Routing
from farero.core.approval import Approval
from farero.core.freeze import Freeze
from farero.core.rollout import Rollout, RolloutRule
from farero.core.version import Version
from farero.errors import BadInput, FareroError, IllegalMove
from farero.flow.rollout.smoke import Door
from farero.flow.rollout.split_test import SplitTest
from farero.store import approvals, freezes, rollouts
from farero.telemetry import log

if TYPE_CHECKING:
    from farero.core.prediction import Served
    from farero.core.split_test import Readout
    from farero.loop import Loop
    from farero.ports import PredictionLog
    from farero.telemetry import Sample

_FAILED: Mapping[str, str] = {"farero_prediction_failures_total": "", "farero_shadow_failures_total": ".shadow"}
"""The counters of failed requests and copies, and what stands behind a version's number for each."""


class Rolling(Routing):
    """Rollouts, approvals and freezes."""

    _loops: Mapping[str, Loop]
    _figures: Callable[[bool], Sequence[Sample]]
    _log: PredictionLog
    _hand_over: Callable[[], int]
    _door: Door | None = None
    predict: Callable[..., Served]

    def rollouts(self, model: str | None = None, last: int | None = 50) -> list[Rollout]:
        """Rollouts of one model or of all, newest first."""
        if model is not None:
            self.project(model)
        with self._store.read() as conn:
            return rollouts.all(conn, model, last=last)

    def rollout(self, model: str, id: int | None = None) -> Rollout:
        """One rollout; the newest unless one is named.

        Raises:
            BadInput: there was none yet.
            NotFound: there is none with that id.
        """
        self.project(model)
        with self._store.read() as conn:
            if id is not None:
                return rollouts.get(conn, model, id)
            found = rollouts.all(conn, model, last=1)
        if not found:
            raise BadInput(f"No version of {model} went to production by stages yet.", hint="Declare fa.Policy(rollout=fa.Rollout()).")
        return found[0]

    def stop_rollout(self, model: str, *, by: str, because: str) -> Rollout:
        """End the open rollout: production answers everything again, the version stays in staging."""
        self.project(model)
        return self._loops[model].rollout.stop(by=by, because=because)

    def approve(self, model: str, number: str, *, by: str, role: str, approved: bool, because: str) -> Approval:
        """Keep what a person says of a version before it may serve.

        Raises:
            Denied: this person may not speak on it.
            BadInput: a refusal without a reason.
        """
        self.project(model)
        return self._loops[model].rollout.say(number, by=by, role=role, approved=approved, because=because)

    def approvals(self, model: str, number: str) -> tuple[Approval, ...]:
        """What was said of a version, oldest first."""
        self.version(model, number)
        with self._store.read() as conn:
            return approvals.of(conn, model, number)

    def freeze(self, model: str, *, by: str, because: str) -> Freeze:
        """From now on nothing moves into this model's production by itself."""
        self.project(model)
        return self._loops[model].rollout.freeze(by=by, because=because)

    def unfreeze(self, model: str, *, by: str) -> Freeze | None:
        """Let versions of this model move again; the freeze that was there, or None."""
        self.project(model)
        return self._loops[model].rollout.unfreeze(by=by)

    def frozen(self, model: str) -> Freeze | None:
        """The freeze of a model, or None."""
        self.project(model)
        with self._store.read() as conn:
            return freezes.of(conn, model)

    def readout(self, endpoint: str, *, smallest: float | None = None) -> Readout:
        """Which of the versions behind an endpoint is better, since it was last changed.

        Args:
            smallest: the difference of mean losses that would matter [metric's unit]; None = a twentieth of the first version's loss.

        Raises:
            EndpointNotFound: there is none of that name.
            BadInput: fewer than two versions answer there, or the difference is not above 0.
        """
        found = self.endpoint(endpoint)
        project = self.project(found.model)
        self._hand_over()
        test = SplitTest(
            model=found.model, label=project.label_spec, metric=project.gate_rule.metric, store=self._store, log=self._log
        )  # fmt: skip
        return test.read(found, self._clock.now(), smallest=smallest)

    def promote_winner(self, endpoint: str, *, by: str, because: str) -> Version:
        """Let the version that won behind an endpoint serve alone: into production, and all requests of the endpoint to it.

        Raises:
            IllegalMove: no version is better beyond doubt.
        """
        read = self.readout(endpoint)
        if read.winner is None:
            raise IllegalMove(
                f"No version behind {endpoint} is better beyond doubt: {'; '.join(pair.because for pair in read.pairs)}.",
                hint="Wait for more labels, or promote one by hand: farero promote V.",
            )
        told = "; ".join([*([because] if because else []), *(pair.because for pair in read.pairs)])
        moved = self._loops[read.model].promote.to_production(read.winner, by=by, because=told)
        self.change_endpoint(endpoint, lambda known: replace(known, routes=()), by=by, because=told)
        return moved

    def open_door(self, door: Door) -> None:
        """Say how a request reaches the service: a version is tried on that way before others' requests can reach it."""
        self._door = door

    def roll(self) -> None:
        """Look at every open rollout, and do what is to be done."""
        failures: dict[str, dict[str, float]] = {}
        for sample in self._figures(False):
            if sample.name in _FAILED:
                model, number = sample.labels[:2]
                failures.setdefault(model, {})[number + _FAILED[sample.name]] = sample.value
        door = self._door or Door(how="in this process, no service runs here", post=self._post)
        for model, loop in self._loops.items():
            try:
                loop.rollout.tick(door, failures.get(model, {}))
            except FareroError as failure:  # the others go on, and the next look goes on with this one from what is stored
                log("error", level="error", error=failure, where=f"the rollout of {model}")

    def _by_stages(
        self, model: str, number: str, *, by: str, because: str, force: bool, stages: RolloutRule | None
    ) -> Version | None:  # fmt: skip
        """Send a version on its way where the project, a freeze or `stages` wants it by stages; None where it may go at once."""
        loop = self._loops[model]
        if self.version(model, number).state == "production" or not (stages or loop.rollout.goes_by_stages()):
            return None
        loop.promote.check_asked(number, because=because, force=force)
        return loop.rollout.begin(number, by=by, because=f"forced: {because}" if force else because or "asked for", rule=stages)

    def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """A request without a service: the same checks, model and record, no HTTP."""
        self.follow_endpoints()
        name = path.split("/")[3]
        model = name.rpartition(".")[0]
        try:
            served = self.predict(model, json.loads(body)["rows"], endpoint=name)
        except FareroError as failure:
            return 500, json.dumps({"detail": str(failure)}).encode()
        answers = [{"prediction": answer.prediction} for answer in served.predictions]
        return 200, json.dumps({"version": served.version, "predictions": answers}).encode()
