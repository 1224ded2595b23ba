"""rollout: a version goes to production in stages, and back by itself where it does harm; each move is one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from farero.core import approval, rollout
from farero.core.approval import Approval, ApprovalRule
from farero.core.endpoint import PRODUCTION, Endpoint, Route
from farero.core.finding import Severity
from farero.core.freeze import Freeze
from farero.core.gate import Verdict
from farero.core.incident import Incident
from farero.core.rollout import STAGING, Evidence, Rollout, RolloutRule, Smoke, SplitSeen, Step
from farero.core.version import Version
from farero.errors import BadInput, Conflict, Denied, NotFound, StaleDecision
from farero.flow.rollout.measured import Counted, Measure
from farero.flow.rollout.smoke import Door, SmokeTest
from farero.ports import Clock, Message
from farero.serving.pool import Pool
from farero.store import approvals, endpoints, freezes, incidents, outbox, rollouts, versions
from farero.store.database import Connection, Store
from farero.telemetry import log

KEEP = timedelta(minutes=1)
"""How often counts are stored; what came since is counted again after a death."""

CANARY = "canary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollouts:
    """Takes versions of one model to production. `rule`: how; None = at once, but for a freeze."""

    model: str
    rule: RolloutRule | None
    store: Store
    pool: Pool
    clock: Clock
    channels: Mapping[str, Severity]
    measure: Measure
    smoke: SmokeTest

    def goes_by_stages(self) -> bool:
        """Whether a version that won its contest goes by stages: where the project says so, and, to wait, where the model is frozen."""
        with self.store.read() as conn:
            if versions.production(conn, self.model) is None:
                return False
            return self.rule is not None or freezes.of(conn, self.model) is not None

    def carry_out(self, candidate: Version, verdict: Verdict) -> Version:
        """Send a version on its way that won its contest. One that was sent before is left where it is.

        Raises:
            StaleDecision: the version that it was judged against is no longer in production.
        """
        with self.store.read() as conn:
            if any(known.number == candidate.number for known in rollouts.all(conn, self.model)):
                return versions.get(conn, self.model, candidate.number)
        return self.begin(candidate.number, by=approval.FARERO, because="; ".join(verdict.because), replacing=verdict.against)

    def begin(
        self, number: str, *, by: str, because: str, replacing: str | None = None, rule: RolloutRule | None = None
    ) -> Version:  # fmt: skip
        """Send a version on its way. Another one that is on its way is stopped: the newer one knows more.

        Args:
            rule: its stages; None = the project's. Who must approve it stays the project's.
            replacing: the version that the decision takes to be in production; None = whichever is.

        Raises:
            IllegalMove: the version is in production.
            StaleDecision: production is no longer `replacing`.
            Conflict: it is on its way already.
        """
        at = self.clock.now()
        with self.store.write() as conn:
            running = rollouts.find_open(conn, self.model)
            if running is not None and running.number == number:
                raise Conflict(f"{self.model} {number} is on its way already ({running.stage}).", hint="See: farero rollouts show.")
            if running is not None:
                self._stop(conn, running, at, by=by, because=f"{number} takes its place")
                left = versions.get(conn, self.model, running.number)
                if left.state == "staging":
                    versions.move(conn, self.model, left.number, source="staging", target="archived", at=at, by=by,
                        because=f"{number} takes its place")  # fmt: skip
            current = versions.get(conn, self.model, number)
            if current.state != "staging":
                current = versions.move(
                    conn, self.model, number, source=current.state, target="staging", at=at, by=by, because=because, replacing=replacing
                )  # fmt: skip
            holder = versions.production(conn, self.model)
            begun = rollouts.add(
                conn, rollout.begin(self.model, number, against=holder.number if holder else None, by=by, because=because,
                    rule=replace(rule or self.rule or RolloutRule(), approval=self._approval), at=at),
            )  # fmt: skip
            self._announce(conn, "rollout.begun", "low", f"{self.model} {number} is on its way to production", because, begun)
        log("rollout.begun", model=self.model, version=number, by=by)
        return current

    def tick(self, door: Door, failures: Mapping[str, float]) -> Rollout | None:
        """Look at the open rollout and do what is to be done, as far as it goes; None where there is none.

        Args:
            door: the way of a request to the service.
            failures: requests that each version failed on, by number, and copies, by number and `.shadow`; counters that only rise.
        """
        while True:
            with self.store.read() as conn:
                running = rollouts.find_open(conn, self.model)
            if running is None:
                return None
            at = self.clock.now()
            counted = self.measure.look(running, at, failures)
            smoke = self._smoked(running, door) if running.stage.kind == "smoke" else None
            try:
                after, step = self._move(running, counted, smoke, at)
            except StaleDecision:  # somebody acted in the same moment; the next look sees what they did
                continue
            if step.action in ("stay", "wait"):
                return after
            self._tell(after, step)
            if not after.is_open:
                return after

    def stop(self, *, by: str, because: str) -> Rollout:
        """End the open rollout: all requests go to production; the version stays in staging.

        Raises:
            NotFound: there is none.
            BadInput: no reason is given.
        """
        if not because.strip():
            raise BadInput("A rollout is stopped for a reason.", hint="Add --because TEXT.")
        with self.store.write() as conn:
            running = rollouts.find_open(conn, self.model)
            if running is None:
                raise NotFound(f"No version of {self.model} is on its way.", hint="See past ones with: farero rollouts.")
            return self._stop(conn, running, self.clock.now(), by=by, because=because.strip())

    def say(self, number: str, *, by: str, role: str, approved: bool, because: str) -> Approval:
        """Keep what a person says of a version; the next look acts on it.

        Raises:
            Denied: this person may not speak on it; says why.
            BadInput: a refusal without a reason.
            VersionNotFound: there is no such version.
        """
        if not approved and not because.strip():
            raise BadInput("A version is refused for a reason.", hint="Add --because TEXT.")
        at = self.clock.now()
        with self.store.write() as conn:
            versions.get(conn, self.model, number)
            why = approval.refused_because(self._approval, by=by, role=role, asked=self._asked(conn, number))
            if why is not None:
                raise Denied(f"{by} may not speak on {self.model} {number} as {role}: {why}.")
            said = approvals.add(
                conn, Approval(model=self.model, number=number, by=by, role=role, approved=approved, at=at, because=because.strip())
            )
        log("rollout.approved" if approved else "rollout.refused", model=self.model, version=number, by=by, role=role)
        return said

    def permit(self, number: str, *, by: str) -> None:
        """See that a version may serve at once because a person wants it.

        Raises:
            Denied: approvals are missing; says which.
        """
        with self.store.read() as conn:
            said = approvals.of(conn, self.model, number)
        lacking = approval.missing(self._approval, said, by)
        if lacking is not None:
            raise Denied(f"{self.model} {number} may not serve yet: {lacking}.", hint=f"farero approve {number} --as NAME --role ROLE")

    def freeze(self, *, by: str, because: str) -> Freeze:
        """From now on nothing moves into production by itself. What serves goes on, and a canary that does harm is rolled back."""
        with self.store.write() as conn:
            frozen = freezes.put(conn, Freeze(model=self.model, at=self.clock.now(), by=by, because=because.strip() or "asked for"))
        log("rollout.frozen", model=self.model, by=by)
        return frozen

    def unfreeze(self, *, by: str) -> Freeze | None:
        """Let versions move again; the freeze that was there, or None."""
        with self.store.write() as conn:
            lifted = freezes.lift(conn, self.model)
        log("rollout.unfrozen", model=self.model, by=by)
        return lifted

    @property
    def _approval(self) -> ApprovalRule:
        return (self.rule or RolloutRule()).approval

    def _asked(self, conn: Connection, number: str) -> str:
        """Who asked for a version to serve; Farero itself where nobody did yet."""
        return next((known.by for known in rollouts.all(conn, self.model) if known.number == number), approval.FARERO)

    def _smoked(self, running: Rollout, door: Door) -> Smoke:
        with self.store.read() as conn:
            version = versions.get(conn, self.model, running.number)
        return self.smoke.run(version, door)

    def _move(self, running: Rollout, counted: Counted, smoke: Smoke | None, at: datetime) -> tuple[Rollout, Step]:
        """Decide on what is there now, and carry it out in the same transaction."""
        with self.store.write() as conn:
            holder, version = versions.production(conn, self.model), versions.get(conn, self.model, running.number)
            frozen = freezes.of(conn, self.model)
            seen = Evidence(
                production=holder.number if holder else None, state=version.state, split=self._split(conn, running), smoke=smoke,
                rows=counted.rows, tallies=counted.tallies, approvals=approvals.of(conn, self.model, running.number),
                frozen=str(frozen) if frozen else None,
            )  # fmt: skip
            step = rollout.next_step(running, seen, at)
            kept = counted.rollout
            if step.action in ("advance", "finish"):
                kept = replace(kept, tallies={kind: held for kind, held in counted.tallies.items() if kind != "quality"})
            after = rollout.moved(kept, step, at)
            if step.action in ("stay", "wait") and after.history == running.history and not _grew(running, kept):
                return after, step
            saved = rollouts.save(conn, after)
            self._carry_out(conn, saved, step, at, taken_over=seen.split == "other")
        if step.action == "finish":
            with self.store.read() as conn:
                version = versions.get(conn, self.model, running.number)
            self.pool.swap(self.model, version)
        return saved, step

    def _carry_out(self, conn: Connection, after: Rollout, step: Step, at: datetime, *, taken_over: bool) -> None:
        model, number, because = self.model, after.number, "; ".join(step.because)
        staging = f"{model}{STAGING}"
        if step.action == "advance" and step.stage.kind == "smoke":
            asked = Endpoint(name=staging, model=model, routes=(Route(version=number, share=100),))
            endpoints.put(conn, asked, at=at, by=approval.FARERO, because=f"the smoke test of {number}")
        elif endpoints.find(conn, staging) is not None:
            endpoints.delete(conn, staging, at=at, by=approval.FARERO, because=f"the smoke test of {number} is over")
        own = endpoints.own(conn, model)
        if step.action == "advance" and step.stage.kind == "shadow":
            endpoints.put(conn, replace(own, shadow=(*own.shadow, number)), at=at, by=approval.FARERO, because=because)
        elif step.action == "advance" and step.stage.kind == "canary":
            routes = _routes(after)
            bare = replace(own, routes=routes, shadow=tuple(one for one in own.shadow if one != number))
            endpoints.put(conn, bare, at=at, by=approval.FARERO, because=f"{after.stage}: {because}")
        elif step.action == "advance" and step.stage.kind == "approval":
            rollouts.free(conn, after, at=at, by=approval.FARERO, because=because)
        if after.is_open:
            return
        if not (step.action == "stop" and taken_over):  # a split that somebody made by hand is theirs
            rollouts.free(conn, after, at=at, by=approval.FARERO, because=because)
        if step.action == "finish":
            versions.move(conn, model, number, source="staging", target="production", at=at, by=approval.FARERO,
                because=f"{after.because}; {because}", replacing=after.against)  # fmt: skip
            self._announce(conn, "version.promoted", "low", f"{model} {number} is in production", because, after)
        elif step.action == "roll back":
            versions.move(conn, model, number, source="staging", target="rejected", at=at, by=approval.FARERO, because=because)
            self._incident(conn, after, at, because)
        else:
            self._announce(conn, "rollout.stopped", "medium", f"The rollout of {model} {number} was stopped", because, after)

    def _stop(self, conn: Connection, running: Rollout, at: datetime, *, by: str, because: str) -> Rollout:
        stopped = rollouts.stop(conn, running, at=at, by=by, because=because)
        self._announce(conn, "rollout.stopped", "medium", f"The rollout of {self.model} {running.number} was stopped", because, stopped)
        log("rollout.stopped", model=self.model, version=running.number, by=by)
        return stopped

    def _split(self, conn: Connection, running: Rollout) -> SplitSeen:
        own = endpoints.own(conn, self.model)
        if not own.routes or all(route.version == PRODUCTION for route in own.routes if route.share > 0):
            return "production"
        return "ours" if own.routes == _routes(running) else "other"

    def _incident(self, conn: Connection, after: Rollout, at: datetime, because: str) -> None:
        text = f"{after.number} was rolled back at {after.stage}: {because}"
        found = Incident(
            id=f"{self.model}-{at:%Y%m%dT%H%M%S}-canary-rolled-back", model=self.model, kind="CANARY_ROLLED_BACK", severity="high",
            opened=at, because=text, version=after.number, subjects=(after.number,),
        ).with_event(at, "opened", approval.FARERO, text)  # fmt: skip
        incidents.save(conn, found)
        title = f"{self.model}: {found.kind} opened ({found.severity})"
        message = Message(
            id=f"{found.id}/1", event="incident.opened", severity=found.severity, title=title, text=found.because, model=self.model, at=at,
        )  # fmt: skip
        outbox.announce(conn, self.channels, message, found.severity)

    def _announce(self, conn: Connection, event: str, severity: Severity, title: str, text: str, about: Rollout) -> None:
        at = self.clock.now()
        name = f"{event}/{self.model}/{about.id}/{about.revision}"
        message = Message(id=name, event=event, severity=severity, title=title, text=text, model=self.model, at=at)
        outbox.announce(conn, self.channels, message, severity)

    def _tell(self, after: Rollout, step: Step) -> None:
        names: Mapping[str, str] = {
            "advance": "rollout.advanced", "finish": "rollout.finished", "roll back": "rollout.rolled-back", "stop": "rollout.stopped",
        }  # fmt: skip
        log(names[step.action], level="warning" if step.action == "roll back" else "info", model=self.model, version=after.number,
            stage=str(after.stage), because="; ".join(step.because))  # fmt: skip


def _routes(running: Rollout) -> tuple[Route, ...]:
    """How requests are split at this stage."""
    share = running.stage.share
    return (Route(version=PRODUCTION, share=100 - share), Route(version=running.number, share=share, name=CANARY))


def _grew(before: Rollout, now: Rollout) -> bool:
    """Whether enough was counted since to store it: a minute's worth, or what both are measured by."""
    if now.ruler != before.ruler or before.counted_until is None:
        return now.counted_until != before.counted_until or now.ruler != before.ruler
    return now.counted_until is not None and now.counted_until - before.counted_until >= KEEP
