"""The rows kept with a version, and its answers to them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Field, Schema
from farero.errors import Corrupt
from farero.serving.sample import SAMPLE_ROWS, answers_of, evenly, read_sample, write_sample

SCHEMA = Schema(
    fields=(
        Field(name="tenure", kind="number", missing=True),
        Field(name="email", kind="personal", privacy="drop"),
        Field(name="plan", kind="choice", levels=("a", "b"), new_levels=True),
        Field(name="since", kind="date", missing=True),
    )
)
COLUMNS: Columns = {
    "tenure": np.array([1.5, np.nan, -0.0]),
    "plan": np.array([0, -2, 1], dtype=np.int32),
    "since": np.array(["2024-01-01T00:00:00.000001", "NaT", "1960-05-05"], dtype="datetime64[us]"),
}


def _label(kind: str) -> LabelSpec:
    return LabelSpec(name="y", kind=kind, arrives_within=timedelta(days=1), classes=("x", "y", "z") if kind == "classes" else ())  # type: ignore[arg-type]


@pytest.mark.row("S2")
def test_what_was_written_is_read_back_to_the_last_bit(tmp_path: Path) -> None:
    answers = np.array([[0.1], [0.2], [1 / 3]])
    write_sample(tmp_path, SCHEMA, COLUMNS, answers)
    kept = read_sample(tmp_path, SCHEMA)
    assert kept is not None
    assert (
        kept.rows.tobytes()
        == np.array(
            [[1.5, 0, 1704067200000001.0], [np.nan, -2, np.nan], [-0.0, 1, float(np.datetime64("1960-05-05", "us").astype(int))]]
        ).tobytes()
    )
    assert kept.answers.tolist() == answers.tolist()


def test_equal_rows_give_equal_bytes_and_a_personal_field_is_not_among_them(tmp_path: Path) -> None:
    written = []
    for _ in range(2):
        write_sample(tmp_path, SCHEMA, {**COLUMNS, "email": np.array(["ann@example.com"] * 3, dtype=object)}, np.zeros((3, 1)))
        written.append((tmp_path / "sample.bin").read_bytes())
    assert written[0] == written[1]
    assert b"ann" not in written[0]


def test_a_version_without_a_sample_has_none(tmp_path: Path) -> None:
    assert read_sample(tmp_path, SCHEMA) is None


@pytest.mark.parametrize("damage", [b"", b"nonsense", "features"], ids=str)
def test_a_sample_that_does_not_fit_is_corrupt(tmp_path: Path, damage: bytes | str) -> None:
    write_sample(tmp_path, SCHEMA, COLUMNS, np.zeros((3, 1)))
    schema = SCHEMA
    if isinstance(damage, bytes):
        (tmp_path / "sample.bin").write_bytes(damage)
    else:
        schema = Schema(fields=SCHEMA.fields[:1])
    with pytest.raises(Corrupt):
        read_sample(tmp_path, schema)


def test_rows_are_evenly_spaced_and_few_rows_are_all_kept() -> None:
    assert evenly(5).tolist() == [0, 1, 2, 3, 4]
    assert evenly(0).size == 0
    chosen = evenly(123_456)
    assert (chosen.size, chosen[0], chosen[-1]) == (SAMPLE_ROWS, 0, 123_455)
    assert set(np.diff(chosen)) <= {123, 124}


def test_the_numbers_of_an_answer_are_the_value_the_probability_or_those_of_all_classes() -> None:
    value, probability = np.array([1.0, 0.0]), np.array([0.9, 0.2])
    spread = np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    assert answers_of(_label("number"), Outputs(value=value)).tolist() == [[1.0], [0.0]]
    assert answers_of(_label("binary"), Outputs(value=value, probability=probability)).tolist() == [[0.9], [0.2]]
    assert answers_of(_label("classes"), Outputs(value=value, probability=probability, probabilities=spread)).tolist() == spread.tolist()
