"""decide: whether to retrain after a window; the answer is stored with its reasons, "no" included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from farero.core import gain, policy
from farero.core.gate import Verdict
from farero.core.policy import Decision, Evidence, PolicyRule
from farero.core.version import Version
from farero.core.window import Window
from farero.errors import NotFound
from farero.store import decisions, labels, versions
from farero.store.database import Store
from farero.store.decisions import StoredDecision
from farero.telemetry import log


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """Decides for one model by one policy. `contest_higher_is_better`: of the metric that contests are judged by."""

    model: str
    metric: str
    higher_is_better: bool
    contest_higher_is_better: bool
    rule: PolicyRule
    store: Store

    def choose(
        self,
        window: Window,
        *,
        drift_alarm: bool,
        drift_because: str,
        drift_share: float,
        performance: float | None,
        baseline: float | None,
        performance_fell: bool,
        performance_fresh: bool,
        loss_because: str,
        at: datetime,
        below_target: str = "",
        estimated_because: str = "",
    ) -> Decision:
        """The stored decision for this window: made now, or read back if it was made before."""
        with self.store.write() as conn:
            known = decisions.find(conn, self.model, window)
            if known is not None:
                return known.decision
            production = versions.production(conn, self.model)
            newer_than, learnt_at = (production.trained_until, production.learnt_at) if production else (None, None)
            past = decisions.all(conn, self.model, last=200)
            contests = [entry.verdict for entry in past if entry.verdict is not None]
            last = next((entry for entry in past if entry.verdict is not None and entry.verdict.rows), None)  # no failed training
            new_labelled = labels.count_known(conn, self.model, since=newer_than, known_by=at, learnt_at=learnt_at)
            evidence = Evidence(
                window=window,
                production=production.number if production else None,
                drift_alarm=drift_alarm,
                drift_because=drift_because,
                drift_share=drift_share,
                metric=self.metric,
                higher_is_better=self.higher_is_better,
                performance=performance,
                baseline=baseline,
                performance_fell=performance_fell,
                new_labelled=new_labelled,
                learnt_from=production.trained_rows if production else None,
                last_training=max((entry.decision.at for entry in past if entry.decision.action == "retrain"), default=None),
                lost=_lost(contests, self.contest_higher_is_better),
                gained=_gained(last, self.contest_higher_is_better),
                growth_needed=_growth_needed(last, production, self.contest_higher_is_better),
                saved=_saved(past, self.rule, labelled=new_labelled > 0),
                below_target=below_target,
                estimated_because=estimated_because,
                trained_until=newer_than,
                loss_because=loss_because,
                performance_fresh=performance_fresh,
            )
            decision = policy.choose(evidence, self.rule, at)
            decisions.add(conn, self.model, decision)
        self._tell(decision)
        return decision

    def forced(self, window: Window, *, because: str, at: datetime, policy: str = "forced") -> Decision:
        """The stored decision of a person, or of a schedule, to retrain now."""
        reason = f"asked for: {because}" if policy == "forced" else because
        decision = Decision(at=at, action="retrain", because=(reason,), policy=policy, window=window)
        with self.store.write() as conn:
            decisions.add(conn, self.model, decision)
        self._tell(decision)
        return decision

    def _tell(self, decision: Decision) -> None:
        log("decide.finished", model=self.model, window=decision.window, action=decision.action, policy=decision.policy)

    def production(self) -> Version | None:
        """The version in production now."""
        with self.store.read() as conn:
            return versions.production(conn, self.model)

    def decision(self, window: Window) -> Decision:
        """The newest decision on this window.

        Raises:
            NotFound: nothing was decided about it.
        """
        with self.store.read() as conn:
            known = decisions.find(conn, self.model, window)
        if known is None:
            raise NotFound(f"Nothing was decided about {self.model} in {window}.", hint="See what was with: farero decisions.")
        return known.decision

    def verdict(self, window: Window) -> Verdict | None:
        """The verdict stored for this window, if the contest was held before."""
        with self.store.read() as conn:
            known = decisions.find(conn, self.model, window)
        return known.verdict if known else None

    def outcome(self, window: Window, *, candidate: str | None, verdict: Verdict | None, failed: str | None) -> None:
        """Store what became of a decision to retrain."""
        if verdict is None and failed is not None:
            verdict = Verdict(accepted=False, metric={"current": None, "candidate": None}, because=(failed,))
        with self.store.write() as conn:
            decisions.set_outcome(conn, self.model, window, candidate, verdict)


def _lost(newest_first: Sequence[Verdict], higher_is_better: bool) -> int:
    """Contests since the last one that was worth its training."""
    worth = [
        verdict.accepted
        and gain.worth_it(verdict.metric.get("current"), verdict.metric.get("candidate"), higher_is_better=higher_is_better)
        for verdict in newest_first
    ]
    return next((count for count, good in enumerate(worth) if good), len(worth))


def _gained(last: StoredDecision | None, higher_is_better: bool) -> float | None:
    """What the last contest took away of what was wrong."""
    if last is None or last.verdict is None:
        return None
    metric = last.verdict.metric
    return gain.gain(metric.get("current"), metric.get("candidate"), higher_is_better=higher_is_better)


def _growth_needed(last: StoredDecision | None, production: Version | None, higher_is_better: bool) -> float:
    """By what the last contest gained, and with how many more rows. Where its winner does not serve, nobody has that gain."""
    if last is None or last.verdict is None:
        return gain.DOUBLE
    before, more = (last.decision.inputs.get(name) for name in ("learnt_from", "new_labelled"))
    grown = 1 + more / before if isinstance(before, (int, float)) and isinstance(more, (int, float)) and before > 0 else None
    better = last.verdict.differences[0].better if last.verdict.differences else None
    serves = last.verdict.accepted and (production is None or production.number != last.verdict.against)
    return gain.growth_needed(
        _gained(last, higher_is_better), grown, accepted=serves, sure=better is None or better >= gain.SURE
    )  # fmt: skip


def _saved(newest_first: Sequence[StoredDecision], rule: PolicyRule, *, labelled: bool) -> float:
    """What the budget allows by now. A training that a person asked for spends nothing of it."""
    last = next((entry.decision for entry in newest_first if isinstance(entry.decision.inputs.get("saved"), (int, float))), None)
    before = None if last is None else float(last.inputs["saved"] or 0.0)
    return policy.saved(before, retrained=last is not None and last.action == "retrain", labelled=labelled, rule=rule)
