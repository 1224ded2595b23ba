from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from farero.core.gate import Verdict
from farero.core.policy import Decision
from farero.core.replayed import DecisionResult, PolicyResult, ReplayResult, WindowResult
from farero.core.window import Window

T0 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def window(number: int, metric: float | None, *, alarm: bool = False) -> WindowResult:
    return WindowResult(
        window=Window(start=T0 + number * DAY, end=T0 + (number + 1) * DAY), rows=24, version="1.0.0", metric=metric, drift_alarm=alarm,
        drift_score=0.25, drift_features=("temp",) if alarm else (), quality=(), refused=number,
    )  # fmt: skip


def policy(*metrics: float | None, name: str = "farero") -> PolicyResult:
    windows = [window(number, metric, alarm=number == 1) for number, metric in enumerate(metrics)]
    decision = Decision(at=T0 + DAY, action="retrain", because=("mae rose",), policy=name, window=windows[0].window)
    verdict = Verdict(accepted=False, metric={"current": 1.0, "candidate": 2.0}, because=("a loss",))
    return PolicyResult(
        name=name, metric=3.0, windows=windows, decisions=[DecisionResult(decision=decision, candidate="1.1.0", verdict=verdict)],
        incidents=[], notifications=0, predictions=72, unlabelled=2, rejections=1, promotions=0, retrainings=1, rollbacks=0, cpu_s=1.236,
        trainings=4,
    )  # fmt: skip


def result(*policies: PolicyResult, higher: bool = False) -> ReplayResult:
    return ReplayResult(
        model="bikes", rows=100, start=T0, end=T0 + 3 * DAY, train_until=T0, window="1d", metric="mae", higher_is_better=higher,
        policies=policies,
    )  # fmt: skip


@pytest.mark.parametrize(("higher", "worst"), [(True, 1.0), (False, 5.0)])
def test_the_worst_window_is_by_the_metrics_own_direction(higher: bool, worst: float) -> None:
    assert policy(3.0, 5.0, None, 1.0).worst(higher_is_better=higher) == worst


def test_without_a_measured_window_there_is_no_worst_one() -> None:
    assert policy(None, None).worst(higher_is_better=True) is None


@pytest.mark.row("M11")
def test_the_json_of_a_replay_keeps_its_promise() -> None:
    found = result(policy(3.0, 5.0, None)).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert list(found) == ["model", "rows", "from", "to", "train_until", "window", "metric", "higher_is_better", "notes", "policies"]
    assert (found["from"], found["to"]) == ("2024-01-01T00:00:00Z", "2024-01-04T00:00:00Z")
    (one,) = found["policies"]  # type: ignore[misc]
    assert one["totals"] == {
        "metric": 3.0, "metric_worst_window": 5.0, "retrainings": 1, "trainings": 4,
        "promotions": 0, "rejections": 1, "rollbacks": 0, "drift_alarms": 1,
        "incidents": 0, "notifications": 0, "predictions": 72, "unlabelled": 2, "cpu_s": 1.24,
    }  # fmt: skip
    assert one["windows"][1]["drift"] == {"alarm": True, "score": 0.25, "features": ["temp"]}
    assert [entry["metric"] for entry in one["windows"]] == [3.0, 5.0, None]
    assert one["decisions"] == [
        {
            "at": "2024-01-02T00:00:00Z", "action": "retrain", "because": ["mae rose"], "candidate": "1.1.0",
            "verdict": {"accepted": False, "metric": {"current": 1.0, "candidate": 2.0}, "because": ["a loss"]},
        }
    ]  # fmt: skip
