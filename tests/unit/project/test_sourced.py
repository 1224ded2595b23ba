from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from farero.errors import TrainFailed
from farero.project import source, sourced

UNTIL = datetime(2024, 3, 1, tzinfo=UTC)
PROJECT = """
import pandas as pd
import farero as fa


class Point(fa.Features):
    x: float = fa.number(min=0)
    shape: str = fa.choice("a", "b")


def train(data):
    raise NotImplementedError


def rows(until):
    {body}


project = fa.Project(model="points", features=Point, train=train, label=fa.Number("y", arrives_within="1d"), source=rows)
"""
TABLE = """return pd.DataFrame({
        "time": pd.DatetimeIndex(
            [pd.Timestamp(day) for day in ("2024-02-01", "2024-02-02", "2024-02-28", "2024-02-29 12:00", "2024-03-02", "2024-01-01")]
        ),
        "x": [1.0, -1.0, 3.0, 4.0, 5.0, 6.0], "shape": ["a", "b", "a", "b", "a", "b"], "y": [1.0, 2.0, 3.0, 4.0, 5.0, None],
    })"""


def ask(root: Path, body: str) -> Path:
    root.mkdir(exist_ok=True)
    (root / "project.py").write_text(PROJECT.format(body=body))
    folder = root / "job"
    folder.mkdir()
    sourced.write_question(folder, source.recipe(root, "project.py:project"), until=UNTIL)
    sourced.source_job(folder)
    return folder


@pytest.mark.row("R5")
def test_rows_of_later_and_rows_that_do_not_fit_are_dropped_and_counted(tmp_path: Path) -> None:
    rows, dropped = sourced.read_answer(ask(tmp_path, TABLE))
    assert rows["x"].to_pylist() == [1.0, 3.0]
    assert rows["shape"].to_pylist() == [0, 0]
    assert rows["label"].to_pylist() == [1.0, 3.0]
    assert rows["_known"].to_numpy().tolist() == (rows["_time"].to_numpy() + np.timedelta64(1, "D")).tolist()
    assert dropped == {
        "they do not fit the features": 1, "they have no label or no time": 1,
        "they are later than 2024-03-01T00:00Z, or their labels were not known by then": 2,
    }  # fmt: skip


@pytest.mark.row("R5")
def test_a_table_may_say_when_each_label_was_known_and_may_be_a_file(tmp_path: Path) -> None:
    known = pd.DataFrame(
        {"time": ["2024-02-29T12:00:00Z"] * 2, "known_at": ["2024-02-29T13:00:00Z", "2024-03-05T00:00:00Z"], "x": [4.0, 5.0],
         "shape": ["b", "b"], "y": [1.0, 2.0]}
    )  # fmt: skip
    known.to_csv(tmp_path / "rows.csv", index=False)
    rows, _ = sourced.read_answer(ask(tmp_path, f"return {str(tmp_path / 'rows.csv')!r}"))
    assert rows["x"].to_pylist() == [4.0]


@pytest.mark.row("R5")
@pytest.mark.parametrize(
    ("body", "told"),
    [("return pd.DataFrame({'x': [1.0], 'time': ['2024-01-01']})", "without 'shape', 'y'"), ("return 3", "gave a int, which is no table"),
     ("raise RuntimeError('the warehouse is closed')", "the warehouse is closed")],
)  # fmt: skip
def test_what_is_no_table_is_said(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises((TrainFailed, RuntimeError), match=told):
        ask(tmp_path, body)


def test_a_project_without_a_source_has_none_to_ask(tmp_path: Path) -> None:
    (tmp_path / "project.py").write_text(PROJECT.replace(", source=rows", "").format(body="return None"))
    sourced.write_question(tmp_path, source.recipe(tmp_path, "project.py:project"), until=UNTIL)
    with pytest.raises(TrainFailed, match="has no source of its own"):
        sourced.source_job(tmp_path)
