from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest

from farero.errors import BadInput
from farero.project.table import parse_times, read_lines, read_table


def _write(tmp_path: Path, content: str | bytes, name: str = "data.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _plain(table: dict[str, Any]) -> dict[str, list[object]]:
    return {name: values.tolist() for name, values in table.items()}


def test_the_cells_of_a_csv_stay_text_and_empty_ones_are_missing(tmp_path: Path) -> None:
    path = _write(tmp_path, '\ufeffa,b,c\n1,"x, y",\n007,"two\nlines",NA\n')
    assert _plain(read_table(path)) == {"a": ["1", "007"], "b": ["x, y", "two\nlines"], "c": [None, "NA"]}
    assert _plain(read_table(path, ["c", "a", "z"])) == {"a": ["1", "007"], "c": [None, "NA"]}


def test_a_csv_may_be_read_typed(tmp_path: Path) -> None:
    table = read_table(_write(tmp_path, "n,f,b,t,s\n1,1.5,true,2024-05-01 00:00:00,x\n,,false,2024-05-02 00:00:00,\n"), typed=True)
    assert table["n"].dtype == table["f"].dtype == np.float64
    assert table["b"].dtype == np.bool_
    assert table["t"].dtype == np.dtype("datetime64[us]")
    assert table["s"].tolist() == ["x", None]


def test_a_parquet_keeps_its_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "int": pa.array([1, None], pa.int32()),
            "whole": pa.array([1, 2], pa.int8()),
            "text": pa.array(["a", None]),
            "level": pa.array(["a", None]).dictionary_encode(),
            "flag": pa.array([True, None]),
            "sure": pa.array([True, False]),
            "zone": pa.array([0, 3_600_000], pa.timestamp("ms", "Europe/Madrid")),
            "day": pa.array([date(2024, 5, 1), None]),
            "money": pa.array([1, 2]).cast(pa.decimal128(21, 1)),
            "none": pa.nulls(2),
        }
    )
    pa_parquet.write_table(table, tmp_path / "data.parquet")
    read = read_table(tmp_path / "data.parquet")
    assert np.isnan(read["int"]).tolist() == [False, True]
    assert read["whole"].dtype == np.int8
    assert (read["text"].tolist(), read["level"].tolist(), read["flag"].tolist()) == (["a", None], ["a", None], [True, None])
    assert read["sure"].dtype == np.bool_
    assert read["zone"].tolist() == np.array([0, 3_600_000_000], dtype="datetime64[us]").tolist(), "moments are UTC"
    assert np.isnat(read["day"]).tolist() == [False, True]
    assert read["money"].tolist() == [1.0, 2.0]
    assert read["none"].tolist() == [None, None]
    assert list(read_table(tmp_path / "data.parquet", ["day", "whole"])) == ["whole", "day"]


def test_json_lines_keep_their_values(tmp_path: Path) -> None:
    path = _write(tmp_path, '{"a": 1, "b": "x"}\n\n{"b": null, "c": [1]}\n', "rows.jsonl")
    assert _plain(read_table(path)) == {"a": [1, None], "b": ["x", None], "c": [None, [1]]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "a header and no rows"),
        ("a,b\n1,2\n1,2,3\n", "data.csv:3: has 3 cells, the header 2"),
        ("a,b\n1,2\n1\n", "data.csv:3: has 1 cells, the header 2"),
        ("a,a\n1,2\n", "more than one column 'a'"),
        ("a,b\n1,2\n3,\u00e9\n".encode("latin1"), "data.csv:3 is not UTF-8"),
        ("\u00e9,b\n1,2\n".encode("latin1"), "data.csv:1 is not UTF-8"),
        (b"PAR1\x00\x00\x00,\x00\n\x00", "binary data"),
    ],
)
def test_a_csv_that_cannot_be_read_is_said_with_its_line(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_table(_write(tmp_path, content))
    assert says in str(caught.value)
    assert caught.value.hint


def test_files_that_are_none_are_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(BadInput, match="is no file"):
        read_table(tmp_path)
    with pytest.raises(BadInput, match="is no Parquet file"):
        read_table(_write(tmp_path, b"not parquet at all", "x.parquet"))


def test_every_broken_line_of_json_is_named() -> None:
    with pytest.raises(BadInput) as caught:
        read_lines(io.BytesIO(b'{"a": 1}\n{"a": \n[1]\n\xff\n'), name="rows")
    assert [str(fault).split(":")[0] + ":" + str(fault).split(":")[1] for fault in caught.value.faults] == ["rows:2", "rows:3", "rows:4"]
    with pytest.raises(BadInput, match="is empty"):
        read_lines(io.BytesIO(b"\n"), name="rows")


def test_times_are_utc_whatever_they_are_written_in() -> None:
    values = ["2024-05-01T02:00:00+02:00", "2024-05-01", "2024-05-01 00:00:00.5", None, "", 2024, 2024.0, date(2024, 5, 1)]
    expected = ["2024-05-01", "2024-05-01", "2024-05-01T00:00:00.500", "NaT", "NaT", "2024-01-01", "2024-01-01", "2024-05-01"]
    assert parse_times(values, name="t").astype(str).tolist() == np.array(expected, dtype="datetime64[us]").astype(str).tolist()
    stamps = np.array(["2024-05-01", "NaT"], dtype="datetime64[ns]")
    assert parse_times(stamps, name="t").dtype == np.dtype("datetime64[us]")


def test_what_is_no_time_is_named() -> None:
    with pytest.raises(BadInput, match="3 of 4 values of ts are no times") as caught:
        parse_times(["2024-05-01", "soon", 3, "2024-13-01"], name="ts")
    assert [str(fault).split(":")[0] for fault in caught.value.faults] == ["ts[1]", "ts[2]", "ts[3]"]
