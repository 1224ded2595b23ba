from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from farero.core.label import encode_labels
from farero.core.schema import check_columns
from farero.errors import BadInput
from farero.project import source
from farero.project.infer import infer
from farero.project.table import read_table


def _write(tmp_path: Path, columns: dict[str, list[object]], name: str = "Some data.csv") -> Path:
    path = tmp_path / name
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def _table(label: list[object], **more: list[object]) -> dict[str, list[object]]:
    count = len(label)
    return {
        "ts": [f"2024-01-{day:02d}" for day in range(1, count + 1)], "size": [1.5 * at for at in range(count)],
        "colour": [["red", "green"][at % 2] for at in range(count)], "ok": [["true", "false"][at % 2] for at in range(count)],
        "email": [f"{at}@x" for at in range(count)], "phone": list(range(count)), "y": label, **more,
    }  # fmt: skip


def test_features_are_every_column_but_time_and_label(tmp_path: Path) -> None:
    data = _write(tmp_path, _table([0, 1] * 10))
    loaded = infer(data, time="ts", label="y", root=tmp_path)
    (project,) = loaded.projects.values()
    assert [(field.name, field.kind) for field in project.schema.fields] == [
        ("size", "number"), ("colour", "choice"), ("ok", "flag"), ("email", "personal"),
    ]  # fmt: skip
    assert project.model == "some-data"
    assert project.label_spec.kind == "binary"
    assert project.label_spec.arrives_within == timedelta(days=1)
    assert all(field.missing for field in project.schema.fields)
    checked = check_columns(project.schema, read_table(data))
    assert checked.faults == ()


@pytest.mark.parametrize(
    ("label", "kind", "encoded"),
    [
        ([0, 1] * 5, "binary", [0, 1]),
        (["no", "yes"] * 5, "binary", [0, 1]),
        (["true", "false"] * 5, "binary", [1, 0]),
        (["up", "up", "down"] * 4, "binary", [0, 0, 1]),
        (["a", "b", "c"] * 4, "classes", [0, 1, 2]),
        (list(range(9)), "number", [0, 1]),
        ([1, 0, ""] * 4, "binary", [1, 0]),
    ],
)
def test_the_label_s_kind_is_read_off_its_values(tmp_path: Path, label: list[object], kind: str, encoded: list[float]) -> None:
    data = _write(tmp_path, _table(label))
    (project,) = infer(data, time="ts", label="y", root=tmp_path).projects.values()
    assert project.label_spec.kind == kind
    assert encode_labels(project.label_spec, read_table(data)["y"])[0].tolist()[: len(encoded)] == encoded


def test_a_child_finds_the_same_project_by_its_recipe(tmp_path: Path) -> None:
    loaded = infer(_write(tmp_path, _table([0, 1] * 5)), time="ts", label="y", root=tmp_path)
    again = source.find(loaded.recipe("some-data"))
    assert again.schema == loaded.projects["some-data"].schema
    assert again.label_spec == loaded.projects["some-data"].label_spec


def test_a_label_of_rare_rows_arrives_as_rarely(tmp_path: Path) -> None:
    table = _table([0, 1] * 5, ts=[f"{1990 + at}-07-01" for at in range(10)])
    (project,) = infer(_write(tmp_path, table), time="ts", label="y", root=tmp_path).projects.values()
    assert project.label_spec.arrives_within == timedelta(days=365)


def test_names_and_remarks_are_no_choices(tmp_path: Path) -> None:
    table = _table([0, 1] * 10, remark=[f"text {at}" for at in range(20)])
    (project,) = infer(_write(tmp_path, table), time="ts", label="y", root=tmp_path).projects.values()
    assert "remark" in [field.name for field in project.schema.fields]
    many = {"ts": ["2024-01-01"] * 200, "x": list(range(200)), "who": [f"w{at}" for at in range(200)], "y": [0, 1] * 100}
    (project,) = infer(_write(tmp_path, many), time="ts", label="y", root=tmp_path).projects.values()
    assert [field.name for field in project.schema.fields] == ["x"]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"ts": ["2024-01-01"], "x": [1]}, "no column 'y'"),
        ({"ts": ["2024-01-01"] * 2, "x": [1, 2], "y": [1, 1]}, "1 different value: there is nothing to predict"),
        ({"ts": ["2024-01-01"] * 2, "y": [0, 1]}, "no column to learn from"),
        ({"ts": ["2024-01-01"] * 2, "rows": [1, 2], "y": [0, 1]}, "reserved names: rows"),
        ({"ts": ["soon"] * 2, "x": [1, 2], "y": [0, 1]}, "are no times"),
        ({"ts": ["2024-01-01"] * 30, "x": list(range(30)), "y": [f"c{at}" for at in range(30)]}, "too many for classes"),
    ],
)
def test_a_table_that_teaches_nothing_is_refused(tmp_path: Path, columns: dict[str, list[object]], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        infer(_write(tmp_path, columns), time="ts", label="y", root=tmp_path)


def test_elec_like_data_is_all_numbers(tmp_path: Path) -> None:
    table = {"ts": [f"2024-01-{day:02d}" for day in range(1, 11)], "price": np.linspace(0, 1, 10).tolist(), "class": [0, 1] * 5}
    (project,) = infer(_write(tmp_path, table), time="ts", label="class", root=tmp_path).projects.values()
    assert [(field.name, field.kind) for field in project.schema.fields] == [("price", "number")]
