"""The API's description of each model's own rows and answers."""

from __future__ import annotations

from datetime import timedelta

from farero.core.label import LabelSpec
from farero.core.schema import Field, Schema
from farero.rest.document import answer_schema, field_schema, predict_operation, row_schema

HR = Field(name="hr", kind="number", unit="h", min=0, max=23)
SCHEMA = Schema(fields=(HR, Field(name="note", kind="choice", levels=("a", "b"), missing=True)), key="id")


def test_a_field_is_described_with_its_bounds_and_unit() -> None:
    assert field_schema(HR) == {"type": "number", "description": "[h]", "minimum": 0, "maximum": 23, "example": 12}


def test_a_choice_that_may_be_missing_lists_its_levels_and_null() -> None:
    assert field_schema(SCHEMA.fields[1])["enum"] == ["a", "b", None]


def test_personal_data_is_described_as_such_and_without_an_example() -> None:
    found = field_schema(Field(name="mail", kind="personal", privacy="hash", missing=True))
    assert "hash" in found["description"]
    assert "example" not in found


def test_a_row_requires_what_may_not_be_missing_and_nothing_else() -> None:
    found = row_schema(SCHEMA)
    assert found["required"] == ["hr"]
    assert found["additionalProperties"] is False
    assert set(found["properties"]) == {"hr", "note", "id"}


def test_answers_are_described_by_kind_of_label() -> None:
    day = timedelta(days=1)
    binary = answer_schema(LabelSpec(name="late", kind="binary", arrives_within=day))["properties"]
    number = answer_schema(LabelSpec(name="cnt", kind="number", arrives_within=day))["properties"]
    classes = answer_schema(LabelSpec(name="kind", kind="classes", classes=("x", "y"), arrives_within=day))["properties"]
    assert binary["risk_level"]["enum"] == ["low", "medium", "high"]
    assert number["probability"] == {"type": "null"}
    assert classes["prediction"]["enum"] == ["x", "y"]


def test_a_prediction_is_described_with_every_answer_it_can_get() -> None:
    operation = predict_operation("m", SCHEMA, LabelSpec(name="cnt", kind="number", arrives_within=timedelta(hours=1)))
    assert set(operation["responses"]) == {"200", "413", "422", "503"}
