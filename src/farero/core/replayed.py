"""What a replay found, policy by policy; its JSON is a promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from farero.core.gate import Verdict
from farero.core.incident import Incident
from farero.core.policy import Decision
from farero.core.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowResult:
    """One window under one policy. `metric` is None where no label ever came, or it is undefined; `estimated` is what it was
    expected to be before labels came, None where nothing can be said."""

    window: Window
    rows: int
    version: str
    metric: float | None
    drift_alarm: bool
    drift_score: float
    drift_features: tuple[str, ...]
    quality: tuple[str, ...]
    refused: int = 0
    estimated: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionResult:
    """A decision and what became of it."""

    decision: Decision
    candidate: str | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyResult:
    """One policy over the whole history.

    `retrainings` are runs; `trainings` are how often the train function was called in them, once for each way that competed and once more
    for each refit. `cpu_s` counts all of them.
    """

    name: str
    metric: float | None
    windows: Sequence[WindowResult]
    decisions: Sequence[DecisionResult]
    incidents: Sequence[Incident]
    notifications: int
    predictions: int
    unlabelled: int
    rejections: int
    promotions: int
    retrainings: int
    rollbacks: int
    cpu_s: float
    trainings: int = 0

    def worst(self, *, higher_is_better: bool) -> float | None:
        """The worst window's metric."""
        measured = [window.metric for window in self.windows if window.metric is not None]
        return None if not measured else (min(measured) if higher_is_better else max(measured))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """Several policies over the same history."""

    model: str
    rows: int
    start: datetime
    end: datetime
    train_until: datetime
    window: str
    metric: str
    higher_is_better: bool
    policies: Sequence[PolicyResult]
    notes: Sequence[str] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, object]:
        """The JSON of `farero replay --json`."""
        return {
            "model": self.model,
            "rows": self.rows,
            "from": _z(self.start),
            "to": _z(self.end),
            "train_until": _z(self.train_until),
            "window": self.window,
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "notes": list(self.notes),
            "policies": [self._policy(policy) for policy in self.policies],
        }

    def _policy(self, policy: PolicyResult) -> dict[str, object]:
        return {
            "name": policy.name,
            "totals": {
                "metric": policy.metric,
                "metric_worst_window": policy.worst(higher_is_better=self.higher_is_better),
                "retrainings": policy.retrainings,
                "trainings": policy.trainings,
                "promotions": policy.promotions,
                "rejections": policy.rejections,
                "rollbacks": policy.rollbacks,
                "drift_alarms": sum(window.drift_alarm for window in policy.windows),
                "incidents": len(policy.incidents),
                "notifications": policy.notifications,
                "predictions": policy.predictions,
                "unlabelled": policy.unlabelled,
                "cpu_s": round(policy.cpu_s, 2),
            },
            "windows": [_window(window) for window in policy.windows],
            "decisions": [_decision(decision) for decision in policy.decisions],
            "incidents": [_incident(incident) for incident in policy.incidents],
        }


def _z(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _window(window: WindowResult) -> dict[str, object]:
    return {
        "start": _z(window.window.start),
        "end": _z(window.window.end),
        "rows": window.rows,
        "version": window.version,
        "metric": window.metric,
        "estimated": window.estimated,
        "refused": window.refused,
        "drift": {"alarm": window.drift_alarm, "score": round(window.drift_score, 6), "features": list(window.drift_features)},
        "quality": list(window.quality),
    }


def _decision(result: DecisionResult) -> dict[str, object]:
    verdict = result.verdict
    return {
        "at": _z(result.decision.at),
        "action": result.decision.action,
        "because": list(result.decision.because),
        "candidate": result.candidate,
        "verdict": None
        if verdict is None
        else {"accepted": verdict.accepted, "metric": dict(verdict.metric), "because": list(verdict.because)},
    }


def _incident(incident: Incident) -> dict[str, object]:
    return {
        "id": incident.id,
        "kind": incident.kind,
        "severity": incident.severity,
        "opened": _z(incident.opened),
        "resolved": _z(incident.resolved) if incident.resolved else None,
        "because": incident.because,
    }
