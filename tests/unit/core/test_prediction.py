from __future__ import annotations

import pytest

from farero.core.prediction import Answer, Served, Thresholds, risk_level


@pytest.mark.parametrize(
    ("probability", "level"), [(0.0, "low"), (0.299, "low"), (0.3, "medium"), (0.699, "medium"), (0.7, "high"), (1.0, "high")]
)
def test_a_risk_level_begins_at_its_threshold(probability: float, level: str) -> None:
    assert risk_level(probability, Thresholds()) == level


def test_a_project_may_move_the_thresholds() -> None:
    assert risk_level(0.15, Thresholds(medium_from=0.1, high_from=0.2)) == "medium"


def test_an_answer_says_no_more_than_the_model_did_and_stays_as_it_was_given() -> None:
    answer = Answer(prediction=161.5)
    assert (answer.probability, answer.risk_level, answer.probabilities) == (None, None, None)
    with pytest.raises(AttributeError, match="immutable"):
        answer.prediction = 1  # type: ignore[misc]
    served = Served(request_id="r", model="m", version="1.0.0", predictions=(answer,))
    assert served == Served(request_id="r", model="m", version="1.0.0", predictions=(Answer(prediction=161.5),))
