from __future__ import annotations

import numpy as np
import pytest

from farero.core.detector import Alarm, Evidence, State
from farero.core.observation import ColumnDrift
from farero.core.watch import Watch
from farero.flow.monitor.findings import evidence_findings, judged_by_evidence, loss_findings

COLUMNS = [ColumnDrift(name=name, kind="number", drift=False) for name in ("a", "b", "c", "d")]


def alarm(*columns: str, before: float = 0.5, now: float = 0.7) -> Alarm:
    evidence = tuple(Evidence(columns=(name,), kind="location", level=None, share=0.5, before=before, now=now) for name in columns)
    return Alarm(number=7, windows=3, log_evidence=8.0, log_limit=6.0, evidence=evidence, because=f"{columns[0]} moved")


def watch(*alarms: Alarm) -> Watch:
    return Watch(state=State(held=np.zeros(1)), standing=alarms)


@pytest.mark.row("M2")
def test_columns_in_a_standing_alarm_have_drifted_and_the_newest_alarm_is_told_first() -> None:
    verdict, columns = judged_by_evidence(watch(alarm("b"), alarm("d")), COLUMNS, "sensitive")
    assert (verdict.alarm, verdict.score, verdict.rule, verdict.features) == (True, 0.5, "sensitive", ("d", "b"))
    assert verdict.because == "d moved; b moved"
    assert [column.drift for column in columns] == [False, True, False, True]


def test_no_alarm_is_no_drift() -> None:
    verdict, columns = judged_by_evidence(watch(), COLUMNS, "quiet")
    assert (verdict.alarm, verdict.score, verdict.because) == (False, 0.0, "no evidence of drift")
    assert not any(column.drift for column in columns)


@pytest.mark.row("M3")
def test_answers_that_moved_are_a_finding_of_their_own_and_no_drift_of_the_inputs() -> None:
    seen = watch(alarm("prediction"))
    assert not judged_by_evidence(seen, COLUMNS, "sensitive")[0].alarm
    (finding,) = evidence_findings(seen, "PREDICTION_DRIFT")
    assert (finding.kind, finding.subject, finding.value, finding.limit) == ("PREDICTION_DRIFT", "prediction", 8.0, 6.0)
    assert evidence_findings(watch(alarm("a")), "PREDICTION_DRIFT") == []
    assert [found.subject for found in evidence_findings(watch(alarm("label")), "LABEL_DRIFT")] == ["label"]
    assert evidence_findings(None, "LABEL_DRIFT") == []


@pytest.mark.row("M5")
def test_losses_that_rose_are_a_fall_of_performance_and_those_that_sank_are_none() -> None:
    (finding,) = loss_findings(watch(alarm("loss")), "mae")
    assert (finding.kind, finding.severity, finding.subject) == ("PERFORMANCE_DEGRADATION", "high", "mae")
    assert finding.because == "the loss of labelled rows rose: loss moved"
    assert loss_findings(watch(alarm("loss", now=0.3)), "mae") == []
    assert loss_findings(None, "mae") == []
