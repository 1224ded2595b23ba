from __future__ import annotations

from typing import Any

import pytest

from farero.core.performance import METRICS
from farero.project.judging import Gate
from farero.project.judging_faults import of_gate

FEATURES = ("tenure", "contract")


def found(**given: Any) -> list[tuple[str, str]]:
    return list(of_gate(Gate("roc_auc", **given), FEATURES, lambda metric: metric in METRICS))


@pytest.mark.row("R6")
def test_a_gate_that_says_everything_right_has_no_fault() -> None:
    assert found(
        gain=0.005, min_rows=50, also={"log_loss": 0.0}, no_worse={"recall": 0.02}, sure=0.95, by=["contract"], segment_room=0.01,
        segment_rows=20, calibration=None, max_changed=0.2, max_slowdown=3.0, max_size_mb=200,
    ) == []  # fmt: skip


@pytest.mark.row("R6")
@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"gain": -1}, "out-of-range", "gain must be"),
        ({"min_rows": 0}, "out-of-range", "min_rows must be"),
        ({"segment_rows": True}, "out-of-range", "segment_rows must be"),
        ({"sure": 95}, "out-of-range", "sure is 95"),
        ({"sure": None}, "out-of-range", "sure is None"),
        ({"calibration": "tight"}, "out-of-range", "calibration is 'tight'"),
        ({"max_changed": 2}, "out-of-range", "max_changed is 2"),
        ({"max_slowdown": 0.5}, "out-of-range", "max_slowdown must be"),
        ({"max_size_mb": 0}, "out-of-range", "max_size_mb must be"),
        ({"also": ["log_loss"]}, "wrong-type", 'also={"log_loss": 0.01}'),
        ({"no_worse": {"recall": -0.1}}, "out-of-range", "no_worse of recall"),
        ({"by": "contract"}, "wrong-type", "by=['contract']"),
        ({"by": ["contrct"]}, "not-one-of", "did you mean 'contract'?"),
        ({"by": ["xyz"]}, "not-one-of", "there are: tenure, contract"),
    ],
)
def test_each_fault_is_named_with_its_remedy(given: dict[str, Any], code: str, words: str) -> None:
    ((told, message),) = found(**given)
    assert told == code and words in message


@pytest.mark.row("R6")
def test_every_metric_that_is_named_is_asked_for() -> None:
    asked: list[object] = []
    gate: Any = Gate
    list(of_gate(gate("roc_auk", also={"log_los": 0.1}, no_worse={"recal": 0.0}), None, lambda metric: bool(asked.append(metric))))
    assert asked == ["roc_auk", "log_los", "recal"]
