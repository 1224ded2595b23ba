from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from farero.core.label import LabelSpec
from farero.core.schema import Field, Schema
from farero.errors import Corrupt
from farero.serving.layout import Contract, read_contract, write_contract

SCHEMA = Schema(
    fields=(
        Field(name="tenure", kind="number", unit="month", min=0.0, max=None, missing=True),
        Field(name="contract", kind="choice", levels=("monthly", "yearly — más"), new_levels=True),
        Field(name="paperless", kind="flag"),
        Field(name="since", kind="date"),
        Field(name="email", kind="personal", privacy="hash"),
    ),
    key="customer_id",
)
LABEL = LabelSpec(name="plan", kind="classes", arrives_within=timedelta(days=30, seconds=1), classes=("a", "b"), unit=None)


def test_a_contract_read_back_is_the_same(tmp_path: Path) -> None:
    write_contract(tmp_path, SCHEMA, LABEL)
    assert read_contract(tmp_path) == Contract(schema=SCHEMA, label=LABEL)
    assert read_contract(tmp_path).schema.digest() == SCHEMA.digest()


def test_equal_contracts_are_equal_files(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    write_contract(tmp_path, SCHEMA, LABEL)
    write_contract(tmp_path / "other", SCHEMA, LABEL)
    assert (tmp_path / "schema.json").read_bytes() == (tmp_path / "other" / "schema.json").read_bytes()


@pytest.mark.parametrize(
    "content", [None, "", "{", "{}", '{"schema": {"fields": []}}', '{"schema": {"fields": [{"name": 1}]}, "label": {}}']
)
def test_a_folder_without_a_readable_contract_is_corrupt(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "schema.json").write_text(content)
    with pytest.raises(Corrupt, match="does not say what rows the model is for"):
        read_contract(tmp_path)
