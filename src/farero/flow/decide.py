"""decide: whether to retrain after a window; the answer is stored with its reasons, "no" included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from farero.core import policy
from farero.core.gate import Verdict
from farero.core.policy import Decision, Evidence, PolicyRule
from farero.core.version import Version
from farero.core.window import Window
from farero.store import decisions, labels, runs, versions
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
    ) -> Decision:
        """The stored decision for this window: made now, or read back if it was made before."""
        with self.store.write() as conn:
            known = decisions.find(conn, self.model, window)
            if known is not None:
                return known.decision
            production = versions.production(conn, self.model)
            newer_than = production.trained_until if production else None
            started = [run.started for run in runs.all(conn, self.model, last=5) if run.kind == "retrain"]
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
                new_labelled=labels.count_known(conn, self.model, since=newer_than, known_by=at),
                last_training=max(started, default=None),
                lost=_lost(decisions.all(conn, self.model, last=200), self.contest_higher_is_better),
                loss_because=loss_because,
                performance_fresh=performance_fresh,
            )
            decision = policy.choose(evidence, self.rule, at)
            decisions.add(conn, self.model, decision)
        self._tell(decision)
        return decision

    def forced(self, window: Window, *, because: str, at: datetime) -> Decision:
        """The stored decision of a person to retrain now."""
        decision = Decision(at=at, action="retrain", because=(f"asked for: {because}",), policy="forced", window=window)
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


def _lost(newest_first: Sequence[StoredDecision], higher_is_better: bool) -> int:
    """Contests since the last one that was worth its training."""
    worth = [
        entry.verdict.accepted
        and policy.worth_it(entry.verdict.metric.get("current"), entry.verdict.metric.get("candidate"), higher_is_better=higher_is_better)
        for entry in newest_first
        if entry.verdict is not None
    ]
    return next((count for count, good in enumerate(worth) if good), len(worth))
