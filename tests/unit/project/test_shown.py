from __future__ import annotations

from pathlib import Path

from farero.project import shown
from farero.project.table import read_table


def test_rows_are_what_a_client_would_send(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("at,hour,sky,count\n2024-01-01,1,clear,10\n2024-01-02,,rain,20\n2024-01-03,3,rain,\n2024-01-04,4,clear,40\n")
    rows, labels = shown.plain_rows(path, ["hour", "sky"], "count", last=3)
    assert rows == [{"hour": None, "sky": "rain"}, {"hour": 4.0, "sky": "clear"}]
    assert labels == [20.0, 40.0]


def test_two_classes_change_places(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("at,late\n2024-01-01,0\n2024-01-02,1\n2024-01-03,1\n")
    wrong = shown.with_wrong_labels(path, "late", tmp_path / "wrong.parquet")
    assert read_table(wrong)["late"].tolist() == [1, 0, 0]
    assert read_table(wrong)["at"].tolist() == read_table(path, typed=True)["at"].tolist()


def test_numbers_stand_in_reverse_order(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("at,count\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n")
    assert read_table(shown.with_wrong_labels(path, "count", tmp_path / "wrong.parquet"))["count"].tolist() == [3, 2, 1]
