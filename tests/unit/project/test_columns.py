"""Files give their columns one at a time, and what is wrong with a file is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from farero.core.compare import compare_tables
from farero.core.raw_column import Coded
from farero.core.source import Source
from farero.errors import BadInput
from farero.project.columns import ArrowSource, cells_of, open_source

Open = Callable[..., Source]


@pytest.fixture
def opened() -> Iterator[Open]:
    from contextlib import ExitStack

    with ExitStack() as stack:

        def enter(path: Path, memory_bytes: int = 1 << 30) -> Source:
            return stack.enter_context(open_source(path, memory_bytes=memory_bytes))

        yield enter


def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=3)
    return path


def csv(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.row("M1")
def test_every_type_of_a_parquet_file_has_a_kind(opened: Open, tmp_path: Path) -> None:
    moments = [datetime(2024, 1, day, tzinfo=UTC) for day in range(1, 8)]
    path = parquet(
        tmp_path / "all.parquet",
        f8=pa.array([1.5, None, 2.0, float("nan"), 3.0, 4.0, float("inf")]),
        i8=pa.array([1, 2, None, 4, 5, 6, 7]),
        u1=pa.array([1, 2, 3, 4, 5, 6, 255], pa.uint8()),
        f2=pa.array(np.arange(7, dtype=np.float16)),
        flag=pa.array([True, None, False, True, True, True, False]),
        text=pa.array(["a", None, "b", "a", "a", "b", ""]),
        large=pa.array(list("aabbcca"), pa.large_string()),
        coded=pa.array(list("aabbcca")).dictionary_encode(),
        number=pa.array([str(n) for n in range(7)]),
        day=pa.array([moment.date() for moment in moments]),
        moment=pa.array(moments, pa.timestamp("ns", "Europe/Berlin")),
        clock=pa.array([time(hour) for hour in range(7)]),
        span=pa.array([timedelta(hours=hour) for hour in range(7)]),
        money=pa.array([Decimal(n) / 4 for n in range(7)]),
        nothing=pa.nulls(7),
        list=pa.array([[1]] * 7),
        bytes=pa.array([b"x"] * 7),
        whole=pa.array([3, 1, 3, 1, 3, 1, 3]).dictionary_encode(),
    )
    source = opened(path)
    seen = {name: source.column(name) for name in source.names}
    kinds = {
        "number": "f8 i8 u1 f2 number clock span money whole", "flag": "flag", "choice": "text large coded", "date": "day moment",
        "empty": "nothing", "other": "list bytes",
    }  # fmt: skip
    assert {name: column.kind for name, column in seen.items()} == {name: kind for kind, names in kinds.items() for name in names.split()}
    assert source.rows == 7
    assert (seen["f8"].ordered.tolist(), seen["f8"].missing, seen["f8"].infinite) == ([1.5, 2.0, 3.0, 4.0], 2, 1)
    assert seen["i8"].missing == seen["flag"].missing == 1
    assert (seen["text"].levels, seen["text"].missing) == ({"a": 3, "b": 2}, 2)
    assert (seen["flag"].levels, seen["coded"].levels) == ({"false": 2, "true": 4}, {"a": 3, "b": 2, "c": 2})
    assert seen["money"].ordered.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5]
    assert seen["span"].ordered.tolist() == [3600.0 * hour for hour in range(7)]
    assert seen["moment"].ordered[0] == seen["day"].ordered[0] == datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    assert (seen["moment"].zone, seen["day"].zone) == ("Europe/Berlin", None)


@pytest.mark.row("M9")
def test_a_long_column_comes_in_batches_that_say_the_same(opened: Open, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = rng.choice(["x", "y", "z"], 5000).tolist()
    path = parquet(tmp_path / "long.parquet", a=rng.normal(0, 1, 5000), t=words, d=[date(2024, 1, 1)] * 5000)
    whole, pieces = opened(path), opened(path, memory_bytes=32 * 1000)
    assert (whole.is_long, pieces.is_long) == (False, True)
    batches = list(pieces.batches("a"))
    assert len(batches) >= 5
    assert np.array_equal(np.sort(np.concatenate([b for b in batches if isinstance(b, np.ndarray)])), whole.column("a").ordered)
    one, other = compare_tables(whole, whole), compare_tables(pieces, pieces)
    assert [(c.name, c.kind, c.psi, c.mean) for c in one.columns] == [(c.name, c.kind, c.psi, pytest.approx(c.mean)) for c in other.columns]
    assert set(other.within) == {"a", "d"}


@pytest.mark.row("M9")
def test_a_large_csv_goes_through_a_scratch_copy_and_reads_the_same(opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farero.project.columns._BLOCK", 4096)
    rows = "".join(f"{n},{n / 4},{'late' if n > 4500 else n},w{n % 3},{'' if n < 3000 else n % 7}\n" for n in range(5000))
    path = csv(tmp_path / "large.csv", f"whole,half,turns,word,late\n{rows}")
    small, large = opened(path), opened(path, memory_bytes=160_000)
    assert isinstance(large, ArrowSource)
    for name in ("whole", "half", "word", "late"):
        one, other = small.column(name), large.column(name)
        assert (one.kind, one.missing, one.levels) == (other.kind, other.missing, other.levels), name
        assert np.array_equal(one.ordered, other.ordered)
    turns = large.column("turns", "number")
    assert (turns.values, turns.unreadable) == (4501, 499)


def test_a_large_csv_that_is_broken_is_told_with_its_line(opened: Open, tmp_path: Path) -> None:
    path = csv(tmp_path / "broken.csv", "a,b\n" + "1,2\n" * 5000 + "1,2,3\n")
    with pytest.raises(BadInput, match=r"broken.csv is a broken CSV") as raised:
        opened(path, memory_bytes=4000)
    assert raised.value.faults[0].path == "broken.csv:5002"
    with pytest.raises(BadInput, match="has a header and no rows"):
        opened(csv(tmp_path / "header.csv", "a,b" + "c" * 5000 + "\n"), memory_bytes=4000)


def test_json_lines_are_a_table(opened: Open, tmp_path: Path) -> None:
    source = opened(csv(tmp_path / "rows.jsonl", '{"a": 1, "b": "x"}\n{"a": null}\n'))
    assert (source.column("a").ordered.tolist(), source.column("b").levels) == ([1.0], {"x": 1})


@pytest.mark.row("M4")
@pytest.mark.parametrize("memory", [1 << 30, 8])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", "", "empty.csv is empty"),
        ("header.csv", "a,b\n", "has a header and no rows"),
        ("twice.csv", "a,a\n1,2\n", "more than one column 'a'"),
        ("ragged.csv", "a,b\n1,2\n3\n", "is a broken CSV"),
        ("latin.csv", "a\ncaf\xe9\n".encode("latin-1"), "is not UTF-8 text"),
        ("no.parquet", "this is text", "no.parquet is no Parquet file, or is damaged"),
        ("empty.parquet", "", "is no Parquet file, or is damaged"),
        ("empty.jsonl", "", "empty.jsonl is empty"),
        ("bad.jsonl", "{]\n", "no JSON objects"),
    ],
)
def test_what_is_no_table_is_told(opened: Open, tmp_path: Path, name: str, content: str | bytes, message: str, memory: int) -> None:
    with pytest.raises(BadInput, match=message):
        opened(csv(tmp_path / name, content), memory_bytes=memory)


def test_a_file_that_is_not_there_a_folder_and_a_parquet_without_rows_are_told(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no file"):
        opened(tmp_path / "none.csv")
    with pytest.raises(BadInput, match="is no file"):
        opened(tmp_path)
    with pytest.raises(BadInput, match="has no rows"):
        opened(parquet(tmp_path / "none.parquet", a=pa.array([], pa.float64())))


def test_two_columns_of_one_name_in_a_parquet_are_told(opened: Open, tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(table, tmp_path / "twice.parquet")
    with pytest.raises(BadInput, match="more than one column 'a'"):
        opened(tmp_path / "twice.parquet")


def test_a_parquet_with_damaged_cells_is_told_when_they_are_read(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "damaged.parquet"
    pq.write_table(pa.table({"a": np.random.default_rng(0).normal(0, 1, 5000)}), path, compression="zstd")
    data = bytearray(path.read_bytes())
    data[4:3000] = bytes(2996)
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"damaged\.parquet is no Parquet file, or is damaged"):
        opened(path).column("a")


def test_a_name_with_a_dot_is_a_name(opened: Open, tmp_path: Path) -> None:
    source = opened(parquet(tmp_path / "dots.parquet", **{"a.b": [1.0, 2.0], "a": [3.0, 4.0]}))
    assert [source.column(name).ordered.tolist() for name in source.names] == [[1.0, 2.0], [3.0, 4.0]]


def test_text_of_several_chunks_shares_one_list_of_values() -> None:
    cells = cells_of(pa.chunked_array([["a", "b"], ["b", None, "c"]]))
    assert isinstance(cells, Coded)
    assert [None if code < 0 else cells.values[code] for code in cells.codes] == ["a", "b", "b", None, "c"]
    assert len(cells_of(pa.chunked_array([], pa.string()))) == 0
