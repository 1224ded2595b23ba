from __future__ import annotations

import pytest

from farero.core.prediction import Thresholds, risk_level


@pytest.mark.parametrize(
    ("probability", "level"), [(0.0, "low"), (0.299, "low"), (0.3, "medium"), (0.699, "medium"), (0.7, "high"), (1.0, "high")]
)
def test_a_risk_level_begins_at_its_threshold(probability: float, level: str) -> None:
    assert risk_level(probability, Thresholds()) == level


def test_a_project_may_move_the_thresholds() -> None:
    assert risk_level(0.15, Thresholds(medium_from=0.1, high_from=0.2)) == "medium"
