"""What management requests may hold."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from farero.rest.bodies import LabelsIn, PromoteIn


def test_one_label_may_come_without_a_list() -> None:
    given = LabelsIn.model_validate({"model": "m", "request_id": "r", "label": True})
    assert (given.model, given.labels[0].label, given.labels[0].row) == ("m", True, 0)


def test_a_label_keeps_the_type_it_was_sent_with() -> None:
    given = LabelsIn.model_validate({"labels": [{"request_id": "r", "label": raw} for raw in (1, 1.5, "1", False)]})
    assert [type(one.label) for one in given.labels] == [int, float, str, bool]


@pytest.mark.row("L5")
@pytest.mark.parametrize("label", [{"label": 1}, {"label": 1, "key": "a"}, {"label": 1, "time": "2024-01-01T00:00:00Z"}])
def test_a_label_that_belongs_to_nothing_is_refused(label: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="request_id"):
        LabelsIn.model_validate({"labels": [label]})


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        LabelsIn.model_validate({"labels": [{"label": 1, "key": "a", "time": "2024-01-01T00:00:00"}]})


def test_a_misspelt_member_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        PromoteIn.model_validate({"becuase": "typo"})
