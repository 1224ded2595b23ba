from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.reference import Reference
from farero.core.schema import Field, Schema
from farero.core.window import WindowSize
from farero.errors import Corrupt
from farero.serving import frozen
from farero.serving.layout import DAYS, JUDGED, LABELS, REFERENCE
from farero.serving.stored import Labelled

SCHEMA = Schema(fields=(Field(name="x", kind="number"), Field(name="shape", kind="choice", levels=("a", "b"))))
LABEL = LabelSpec(name="y", kind="classes", arrives_within=timedelta(days=1), classes=("no", "yes", "perhaps"))
DAY = timedelta(days=1)


def rows(count: int, first: str = "2024-03-01") -> Labelled:
    times = np.datetime64(first, "us") + np.arange(count) * np.timedelta64(6, "h")
    return Labelled(
        columns={"x": np.arange(count) * 1.5, "shape": (np.arange(count) % 2).astype(np.int32)},
        times=times, known=times, labels=(np.arange(count) % 3).astype(float), versions=np.asarray([], dtype=np.str_),
    )  # fmt: skip


def answered(count: int) -> Labelled:
    spread = np.full((count, 3), [0.2, 0.5, 0.3])
    return frozen.with_outputs(rows(count, "2024-04-01"), Outputs(value=np.ones(count), probability=spread[:, 1], probabilities=spread))


@pytest.mark.row("M9")
def test_a_version_keeps_its_reference_its_windows_its_labels_and_the_rows_that_judged_it(tmp_path: Path) -> None:
    frozen.freeze(tmp_path, SCHEMA, LABEL, WindowSize(), rows(40), answered(12))
    reference = Reference.from_bytes((tmp_path / REFERENCE).read_bytes())
    days = frozen.days(tmp_path, WindowSize())
    assert days is not None and days.edges_hash == reference.edges_hash
    assert np.diff(days.numbers).tolist() == [1] * 9  # ten days of four rows
    labels = frozen.labels(tmp_path)
    assert labels is not None and labels.column.levels == ("no", "yes", "perhaps")
    judged = frozen.judged(tmp_path, SCHEMA)
    assert judged is not None and judged.outputs is not None and judged.outputs.probabilities is not None
    assert judged.columns["x"].tolist() == answered(12).columns["x"].tolist()
    assert judged.columns["shape"].dtype == np.int32
    assert judged.labels.tolist() == answered(12).labels.tolist()
    assert judged.outputs.probabilities.shape == (12, 3)


def test_windows_of_another_length_are_not_taken_for_those_of_today(tmp_path: Path) -> None:
    frozen.freeze(tmp_path, SCHEMA, LABEL, WindowSize(), rows(40), None)
    assert frozen.days(tmp_path, WindowSize(span=timedelta(hours=1))) is None
    assert frozen.judged(tmp_path, SCHEMA) is None


def test_only_the_newest_rows_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "JUDGED_ROWS", 5)
    frozen.freeze(tmp_path, SCHEMA, LABEL, WindowSize(), rows(40), answered(12))
    judged = frozen.judged(tmp_path, SCHEMA)
    assert judged is not None and judged.columns["x"].tolist() == answered(12).columns["x"][7:].tolist()


def test_a_version_made_before_there_were_any_has_none(tmp_path: Path) -> None:
    assert (frozen.days(tmp_path, WindowSize()), frozen.labels(tmp_path), frozen.judged(tmp_path, SCHEMA)) == (None, None, None)


def test_damage_is_named(tmp_path: Path) -> None:
    for name in (DAYS, LABELS, JUDGED):
        (tmp_path / name).write_bytes(b"rot")
    for read in (lambda: frozen.days(tmp_path, WindowSize()), lambda: frozen.labels(tmp_path), lambda: frozen.judged(tmp_path, SCHEMA)):
        with pytest.raises(Corrupt):
            read()


@pytest.mark.row("M9")
def test_windows_by_count_are_kept_as_such(tmp_path: Path) -> None:
    frozen.freeze(tmp_path, SCHEMA, LABEL, WindowSize(rows=10), rows(40), answered(12))
    days = frozen.days(tmp_path, WindowSize(rows=10))
    assert days is not None
    assert (days.numbers.tolist(), days.rows().tolist()) == ([-4, -3, -2, -1], [10, 10, 10, 10])
    assert frozen.days(tmp_path, WindowSize(rows=20)) is None
    assert frozen.days(tmp_path, WindowSize()) is None
