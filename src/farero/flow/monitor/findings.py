"""What the evidence of detectors means: a verdict on the inputs, and findings on answers, labels and losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from farero.core.detector import Alarm
from farero.core.finding import Finding, Severity
from farero.core.observation import ColumnDrift, DriftVerdict
from farero.core.reference import PREDICTION
from farero.core.watch import Watch

MANY = 0.3
"""Share of columns in an alarm from which on it is grave."""


def judged_by_evidence(watch: Watch, columns: Sequence[ColumnDrift], rule: str | None) -> tuple[DriftVerdict, tuple[ColumnDrift, ...]]:
    """The verdict on a window's inputs, and the columns with `drift` set where they stand in an alarm."""
    standing = [name for name in watch.columns if name != PREDICTION]
    judged = tuple(replace(column, drift=column.name in standing) for column in columns)
    score = sum(column.drift for column in judged) / len(judged) if judged else 0.0
    alarms = [alarm for alarm in watch.standing if _of_inputs(alarm)]
    because = "; ".join(alarm.because for alarm in reversed(alarms)) or "no evidence of drift"
    return DriftVerdict(alarm=bool(standing), score=score, rule=rule or "", features=tuple(standing), because=because), judged


def evidence_findings(watch: Watch | None, kind: Literal["PREDICTION_DRIFT", "LABEL_DRIFT"]) -> list[Finding]:
    """One finding for the model's answers, or for the labels, while an alarm of them stands."""
    if watch is None:
        return []
    alarms = [alarm for alarm in watch.standing if kind == "LABEL_DRIFT" or PREDICTION in alarm.columns]
    subject = "label" if kind == "LABEL_DRIFT" else "prediction"
    return [_finding(kind, subject, "medium", alarm) for alarm in alarms[-1:]]


def loss_findings(watch: Watch | None, metric: str) -> list[Finding]:
    """A finding while the losses of labelled rows lie higher than those of the rows that judged the version; lower ones are no fault."""
    if watch is None:
        return []
    worse = [alarm for alarm in watch.standing if any(one.kind == "location" and one.now > one.before for one in alarm.evidence)]
    return [_finding("PERFORMANCE_DEGRADATION", metric, "high", alarm, "the loss of labelled rows rose: ") for alarm in worse[-1:]]


def _of_inputs(alarm: Alarm) -> bool:
    return any(name != PREDICTION for name in alarm.columns)


def _finding(
    kind: Literal["PREDICTION_DRIFT", "LABEL_DRIFT", "PERFORMANCE_DEGRADATION"],
    subject: str,
    severity: Severity,
    alarm: Alarm,
    start: str = "",
) -> Finding:
    return Finding(
        kind=kind, subject=subject, severity=severity, value=alarm.log_evidence, limit=alarm.log_limit, because=start + alarm.because
    )
