"""Core values turned into the shapes that are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from farero.core.finding import Finding
from farero.core.gate import Verdict
from farero.core.health import Health
from farero.core.incident import Incident
from farero.core.label import LabelReceipt
from farero.core.observation import ColumnDrift, DriftVerdict, Observation
from farero.core.policy import Decision
from farero.core.run import Run
from farero.core.version import Move, Version
from farero.rest import bodies as b


class Decided(Protocol):
    """A decision with what became of it, as `App.decisions` gives it."""

    @property
    def decision(self) -> Decision:
        """What was decided."""
        ...

    @property
    def candidate(self) -> str | None:
        """The version that was trained because of it."""
        ...

    @property
    def verdict(self) -> Verdict | None:
        """How that version did beside production."""
        ...


def health_out(health: Health) -> b.HealthOut:
    """Health as it is sent."""
    return b.HealthOut(
        status=health.status,
        version=health.version,
        uptime_s=round(health.uptime_s, 3),
        predictions=health.predictions,
        models=[b.ModelHealthOut.model_validate(one, from_attributes=True) for one in health.models],
        checks=[b.CheckOut.model_validate(one, from_attributes=True) for one in health.checks],
    )


def receipt_out(model: str, receipt: LabelReceipt, request_id: str) -> b.ReceiptOut:
    """A receipt as it is sent."""
    return b.ReceiptOut(
        model=model, stored=receipt.stored, duplicates=receipt.duplicates, contradictions=list(receipt.contradictions),
        unknown=list(receipt.unknown), invalid=list(receipt.invalid), request_id=request_id,
    )  # fmt: skip


def version_out(version: Version) -> b.VersionOut:
    """A version as it is sent."""
    return b.VersionOut.model_validate(version, from_attributes=True)


def move_out(move: Move) -> b.MoveOut:
    """A move as it is sent."""
    return b.MoveOut.model_validate(move, from_attributes=True)


def column_out(column: ColumnDrift) -> b.ColumnOut:
    """One column's drift as it is sent."""
    return b.ColumnOut.model_validate(column, from_attributes=True)


def drift_out(seen: Observation) -> b.DriftOut:
    """A window's drift as it is sent."""
    return b.DriftOut(
        start=seen.window.start, end=seen.window.end, version=seen.version, rows=seen.rows,
        verdict=_verdict(seen.drift), columns=[column_out(column) for column in seen.columns],
    )  # fmt: skip


def observation_out(seen: Observation) -> b.ObservationOut:
    """A window as it is sent."""
    drift = drift_out(seen)
    return b.ObservationOut(
        start=drift.start, end=drift.end, version=drift.version, rows=drift.rows, verdict=drift.verdict, columns=drift.columns,
        labelled=seen.labelled, metrics=_plain(seen.metrics), findings=[_finding(finding) for finding in seen.findings],
        estimated={name: b.EstimateOut.model_validate(one, from_attributes=True) for name, one in seen.estimated.items()},
    )  # fmt: skip


def incident_out(incident: Incident) -> b.IncidentOut:
    """An incident as it is sent."""
    return b.IncidentOut.model_validate(incident, from_attributes=True)


def decision_out(stored: Decided) -> b.DecisionOut:
    """A decision as it is sent."""
    decision, verdict = stored.decision, stored.verdict
    return b.DecisionOut(
        at=decision.at, action=decision.action, because=list(decision.because), policy=decision.policy,
        start=decision.window.start, end=decision.window.end, inputs=dict(decision.inputs), candidate=stored.candidate,
        verdict=None if verdict is None else _contest(verdict),
    )  # fmt: skip


def _contest(verdict: Verdict) -> b.ContestOut:
    return b.ContestOut(
        accepted=verdict.accepted, metric=dict(verdict.metric), because=list(verdict.because), rows=verdict.rows, against=verdict.against,
        metrics={name: dict(pair) for name, pair in verdict.metrics.items()}, checks=list(verdict.checks),
        differences=list(verdict.differences),
    )  # fmt: skip


def run_out(run: Run) -> b.RunOut:
    """A training run as it is sent."""
    return b.RunOut.model_validate(run, from_attributes=True)


def _verdict(verdict: DriftVerdict | None) -> b.VerdictOut | None:
    return None if verdict is None else b.VerdictOut.model_validate(verdict, from_attributes=True)


def _finding(finding: Finding) -> b.FindingOut:
    return b.FindingOut.model_validate(finding, from_attributes=True)


def _plain(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}
