"""What only the Delta log promises: a table that other tools read, many processes, a changed declaration, a broken folder."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from subprocess import PIPE, Popen

import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable
from tests.records import SHAPE, START, record

from farero.adapters.delta_log import DeltaLog, scan
from farero.adapters.delta_log import table as delta_table
from farero.errors import LogUnavailable
from farero.ports import LogShape

SHAPES = {"churn": SHAPE}


@pytest.mark.row("L2")
def test_the_log_is_a_delta_table_partitioned_by_date_that_other_tools_read(tmp_path: Path) -> None:
    log = DeltaLog(tmp_path, SHAPES)
    log.append("churn", [record(1), record(2, at=START + timedelta(days=1))], {"w": 1})
    table = DeltaTable(str(log.path("churn")))
    assert table.metadata().partition_columns == ["date"]
    assert sorted(path.name for path in (tmp_path / "churn").glob("date=*")) == ["date=2024-05-01", "date=2024-05-02"]
    with_polars = pl.scan_delta(str(tmp_path / "churn")).sort("time").collect()
    assert with_polars["request_id"].to_list() == ["r-000001", "r-000002"]
    assert with_polars["input_tenure"].to_list() == [1.0, 2.0]
    files = sorted((tmp_path / "churn").rglob("part-*.parquet"))
    assert pd.concat([pd.read_parquet(file) for file in files])["request_id"].tolist() == ["r-000001", "r-000002"]
    assert ds.dataset([str(file) for file in files]).count_rows() == 2


def test_a_read_of_one_day_opens_no_file_of_another(tmp_path: Path) -> None:
    log = DeltaLog(tmp_path, SHAPES)
    log.append("churn", [record(1), record(2, at=START + timedelta(days=1))], {"w": 1})
    for file in (tmp_path / "churn" / "date=2024-05-02").glob("*.parquet"):
        file.write_bytes(b"not parquet")
    assert log.read("churn", START, START + timedelta(hours=2)).num_rows == 1
    with pytest.raises(LogUnavailable, match="cannot be read"):
        log.read("churn")


def test_a_look_up_by_request_opens_only_files_that_may_hold_it(tmp_path: Path) -> None:
    log = DeltaLog(tmp_path, SHAPES)
    log.append("churn", [record(1)], {"w": 1})
    log.append("churn", [record(900, at=START + timedelta(days=1))], {"w": 2})
    for file in (tmp_path / "churn" / "date=2024-05-02").glob("*.parquet"):
        file.write_bytes(b"not parquet")
    assert log.times("churn", ["r-000001"]).num_rows == 1


def test_a_feature_that_changes_its_kind_keeps_both_kinds_apart(tmp_path: Path) -> None:
    DeltaLog(tmp_path, {"churn": LogShape(inputs={"zip": "number"})}).append("churn", [record(1, inputs={"zip": [123.0]})], {"w": 1})
    changed = DeltaLog(tmp_path, {"churn": LogShape(inputs={"zip": "text"}, text_prediction=True)})
    changed.append("churn", [record(2, inputs={"zip": ["0123"]}, prediction=["gold"])], {"w": 2})
    assert changed.read("churn", columns=["input_zip", "prediction"]).to_pylist() == [
        {"input_zip": None, "prediction": None},
        {"input_zip": "0123", "prediction": "gold"},
    ]
    whole = pl.scan_delta(str(tmp_path / "churn")).sort("time").collect()
    assert whole["input_zip"].to_list() == [123.0, None]
    assert whole["input_zip__text"].to_list() == [None, "0123"]


def test_a_reader_in_the_same_or_another_log_sees_every_commit(tmp_path: Path) -> None:
    writer, reader = DeltaLog(tmp_path, SHAPES), DeltaLog(tmp_path, SHAPES)
    assert reader.read("churn").num_rows == 0
    for number in range(3):
        writer.append("churn", [record(number)], {"w": number})
        assert reader.read("churn").num_rows == number + 1
        assert reader.mark("churn", "w") == number


def test_of_two_that_hand_over_the_same_segment_one_adds_it(tmp_path: Path) -> None:
    logs = [DeltaLog(tmp_path, SHAPES) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for number in range(15):
            list(pool.map(lambda log, number=number: log.append("churn", [record(number)], {"w": number}), logs))
    assert logs[0].read("churn")["request_id"].to_pylist() == [f"r-{number:06d}" for number in range(15)]


def test_many_appends_are_compacted_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta_table, "TIERS", ((8 << 20, 8),))
    log = DeltaLog(tmp_path, SHAPES)
    for number in range(delta_table.REOPEN_EVERY):
        log.append("churn", [record(number, at=START)], {"w": number})
    table = DeltaTable(str(tmp_path / "churn"))
    assert len(table.file_uris()) == 1
    assert list((tmp_path / "churn" / "_delta_log").glob("*.checkpoint.parquet"))
    assert log.read("churn").num_rows == delta_table.REOPEN_EVERY
    assert DeltaLog(tmp_path, SHAPES).mark("churn", "w") == delta_table.REOPEN_EVERY - 1


def test_a_file_that_was_merged_and_removed_under_a_reader_is_looked_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = DeltaLog(tmp_path, SHAPES)
    for number in range(3):
        log.append("churn", [record(number)], {"w": number})
    rows, calls = scan.rows_of, []

    def remove_files_once(*args: object) -> object:
        calls.append(args)
        if len(calls) == 1:
            other = DeltaLog(tmp_path, SHAPES)
            other.compact("churn")
            handle = DeltaTable(str(tmp_path / "churn"))
            handle.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
        return rows(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(scan, "rows_of", remove_files_once)
    assert log.read("churn").num_rows == 3
    assert len(calls) == 2


@pytest.mark.parametrize("model", ["a/b", "..", "a b", "ñandú", "100%", "a~2Fb"])
def test_a_models_table_stays_in_the_folder_whatever_its_name(tmp_path: Path, model: str) -> None:
    log = DeltaLog(tmp_path / "log", {model: SHAPE})
    log.append(model, [record(1, model=model)], {"w": 1})
    assert log.path(model).parent == tmp_path / "log"
    assert log.read(model).num_rows == 1
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_models_with_like_names_have_tables_of_their_own(tmp_path: Path) -> None:
    log = DeltaLog(tmp_path, {})
    assert len({log.path(model) for model in ("a/b", "a~2Fb", "a%2Fb", "a_b")}) == 4


def test_a_folder_that_was_made_and_not_filled_becomes_the_table(tmp_path: Path) -> None:
    (tmp_path / "churn").mkdir()
    log = DeltaLog(tmp_path, SHAPES)
    assert log.read("churn").num_rows == 0
    log.append("churn", [record(1)], {"w": 1})
    assert log.read("churn").num_rows == 1


def test_a_folder_that_cannot_be_used_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file")
    log = DeltaLog(tmp_path / "log", SHAPES)
    with pytest.raises(LogUnavailable, match="prediction log of churn cannot be written") as caught:
        log.append("churn", [record(1)], {"w": 1})
    assert caught.value.retryable
    assert "segments" in str(caught.value)


def test_a_table_whose_log_is_broken_is_an_error_and_never_an_empty_table(tmp_path: Path) -> None:
    log = DeltaLog(tmp_path, SHAPES)
    log.append("churn", [record(1)], {"w": 1})
    next((tmp_path / "churn" / "_delta_log").glob("*0.json")).write_text("{not json")
    with pytest.raises(LogUnavailable):
        DeltaLog(tmp_path, SHAPES).read("churn")


def test_a_process_that_read_and_wrote_the_log_ends_cleanly(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from farero.adapters.delta_log import DeltaLog
from tests.records import SHAPE, record
log = DeltaLog(Path(sys.argv[1]), {"churn": SHAPE})
log.append("churn", [record(1)], {"w": 1})
print(log.read("churn").num_rows, log.span("churn")[2], log.times("churn", ["r-000001"]).num_rows)
"""
    root = Path(__file__).parents[2]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}
    for _ in range(3):  # some readers of Delta abort at exit, most times
        child = Popen([sys.executable, "-c", script, str(tmp_path / "log")], stdout=PIPE, stderr=PIPE, env=env)
        output, errors = child.communicate()
        assert (child.returncode, output.split(), errors) == (0, [b"1", b"1", b"1"], b"")
