"""That the Delta log lasts: through a power cut, a disk that refuses, and weeks of small appends."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from tests.records import SHAPE, START, record

from farero.adapters.delta_log import DeltaLog
from farero.adapters.delta_log import table as delta_table
from farero.errors import LogUnavailable
from farero.flow.record import HandedOver, hand_over
from farero.serving.segment import segments
from farero.serving.spool import Spool

SHAPES = {"churn": SHAPE}


def entries(folder: Path) -> list[Path]:
    return sorted((folder / "churn" / "_delta_log").glob("*.json"))


def ids(log: DeltaLog) -> list[str]:
    found: list[str] = log.read("churn")["request_id"].to_pylist()
    return found


def files_of_newest(folder: Path) -> list[Path]:
    actions = map(json.loads, entries(folder)[-1].read_text().splitlines())
    return [folder / "churn" / action["add"]["path"] for action in actions if "add" in action]


@pytest.mark.row("L1")
def test_the_disk_has_rows_commit_and_names_before_an_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = DeltaLog(tmp_path, SHAPES)
    log.append("churn", [record(1)], {"w": 1})
    fsync, forced = os.fsync, []

    def note(fd: int) -> None:
        forced.append(Path(f"/proc/self/fd/{fd}").readlink())
        fsync(fd)

    monkeypatch.setattr(os, "fsync", note)
    log.append("churn", [record(2, at=START + timedelta(days=1))], {"w": 2})
    (file,) = files_of_newest(tmp_path)
    assert forced[:2] == [file, entries(tmp_path)[-1]], "the rows before the commit that names them"
    assert set(forced[2:]) == {file.parent, tmp_path / "churn", tmp_path / "churn" / "_delta_log"}
    forced.clear()
    log.append("churn", [record(3, at=START + timedelta(days=1))], {"w": 3})
    assert len(forced) == 4, "the name of the day's folder is on the disk already"


@pytest.mark.row("L1")
def test_a_commit_that_the_disk_refuses_is_taken_back_and_comes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = DeltaLog(tmp_path, SHAPES)
    log.append("churn", [record(1)], {"w": 1})

    def refuse(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(LogUnavailable, match="Input/output error"):
        log.append("churn", [record(2)], {"w": 2})
    monkeypatch.undo()
    assert log.mark("churn", "w") == 1
    log.append("churn", [record(2)], {"w": 2})
    assert ids(log) == ["r-000001", "r-000002"]


def empty_entry(folder: Path) -> None:
    os.truncate(entries(folder)[-1], 0)


def entry_of_zeros(folder: Path) -> None:
    entries(folder)[-1].write_bytes(bytes(4096))


def half_an_entry(folder: Path) -> None:
    os.truncate(entries(folder)[-1], entries(folder)[-1].stat().st_size // 2)


def empty_rows(folder: Path) -> None:
    for file in files_of_newest(folder):
        os.truncate(file, 0)


def rows_of_zeros(folder: Path) -> None:
    for file in files_of_newest(folder):
        file.write_bytes(bytes(file.stat().st_size))


def no_rows(folder: Path) -> None:
    for file in files_of_newest(folder):
        file.unlink()


CUTS = [empty_entry, entry_of_zeros, half_an_entry, empty_rows, rows_of_zeros, no_rows]


@pytest.mark.row("L1")
@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.__name__)
def test_after_a_power_cut_in_a_commit_its_rows_come_again_from_their_segment(tmp_path: Path, cut: Callable[[Path], None]) -> None:
    """The newest commit is all that can be cut off: its segment is removed after the disk has it."""
    folder = tmp_path / "log"
    spool = Spool(tmp_path / "spool", "w", mode="fsync")
    spool.write(record(1))
    spool.rotate()
    hand_over(tmp_path / "spool", DeltaLog(folder, SHAPES))
    spool.write(record(2))
    spool.close()
    (path,) = segments(tmp_path / "spool")
    kept = path.read_bytes()
    hand_over(tmp_path / "spool", DeltaLog(folder, SHAPES))
    path.write_bytes(kept)
    cut(folder)
    log = DeltaLog(folder, SHAPES)
    assert hand_over(tmp_path / "spool", log) == HandedOver(segments=1, rows=1)
    assert ids(log) == ["r-000001", "r-000002"]
    assert ids(DeltaLog(folder, SHAPES)) == ["r-000001", "r-000002"]


@pytest.mark.row("L1")
@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.__name__)
def test_after_a_power_cut_in_a_merge_the_merged_rows_are_there_once(tmp_path: Path, cut: Callable[[Path], None]) -> None:
    log = DeltaLog(tmp_path, SHAPES)
    for number in range(5):
        log.append("churn", [record(number)], {"w": number})
    table = DeltaTable(str(tmp_path / "churn"))
    table.optimize.compact()
    cut(tmp_path)
    after = DeltaLog(tmp_path, SHAPES)
    assert after.mark("churn", "w") == 4
    assert ids(after) == [f"r-{number:06d}" for number in range(5)]


@pytest.mark.row("L1")
@pytest.mark.parametrize("torn", ["checkpoint", "pointer"])
def test_after_a_power_cut_in_a_checkpoint_the_entries_before_it_are_read(tmp_path: Path, torn: str) -> None:
    log = DeltaLog(tmp_path, SHAPES)
    for number in range(3):
        log.append("churn", [record(number)], {"w": number})
    DeltaTable(str(tmp_path / "churn")).create_checkpoint()
    pattern = "*.checkpoint.parquet" if torn == "checkpoint" else "_last_checkpoint"
    (found,) = (tmp_path / "churn" / "_delta_log").glob(pattern)
    os.truncate(found, 0)
    after = DeltaLog(tmp_path, SHAPES)
    assert after.mark("churn", "w") == 2
    after.append("churn", [record(3)], {"w": 3})
    assert ids(after) == [f"r-{number:06d}" for number in range(4)]


@pytest.mark.row("L2")
def test_small_appends_without_end_leave_few_files_and_a_short_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(delta_table._CONFIGURATION, "delta.logRetentionDuration", "interval 0 seconds")
    log = DeltaLog(tmp_path, SHAPES)
    most = 0
    for number in range(150):
        log.append("churn", [record(number, at=START + timedelta(seconds=2 * number))], {"w": number})
        most = max(most, len(DeltaTable(str(tmp_path / "churn")).file_uris()))
    assert most <= 50
    assert len(entries(tmp_path)) < 100
    assert ids(log) == [f"r-{number:06d}" for number in range(150)]
    assert DeltaLog(tmp_path, SHAPES).mark("churn", "w") == 149


@pytest.mark.row("L2")
def test_a_reader_that_listed_files_before_they_were_merged_still_reads_them(tmp_path: Path) -> None:
    log = DeltaLog(tmp_path, SHAPES)
    for number in range(5):
        log.append("churn", [record(number)], {"w": number})
    listed = DeltaTable(str(tmp_path / "churn"))
    log.compact("churn")
    assert listed.to_pyarrow_table().num_rows == 5
    assert len(DeltaTable(str(tmp_path / "churn")).file_uris()) == 1


def test_days_with_one_file_each_are_left_alone(tmp_path: Path) -> None:
    log = DeltaLog(tmp_path, SHAPES)
    days = [record(number, at=START + timedelta(days=number)) for number in range(60)]
    for number in range(delta_table.TIDY_EVERY):
        log.append("churn", days if number == 0 else [], {"w": number})
    newest = DeltaTable(str(tmp_path / "churn"))
    assert newest.version() == delta_table.TIDY_EVERY, "its making and the appends, and nothing else"
    assert len(newest.file_uris()) == 60


def test_a_log_that_was_open_while_another_process_cleaned_up_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(delta_table._CONFIGURATION, "delta.logRetentionDuration", "interval 0 seconds")
    idle, busy = DeltaLog(tmp_path, SHAPES), DeltaLog(tmp_path, SHAPES)
    busy.append("churn", [record(0)], {"w": 0})
    assert ids(idle) == ["r-000000"]
    for number in range(1, 30):
        busy.append("churn", [record(number)], {"w": number})
    busy.compact("churn")
    assert len(entries(tmp_path)) < 10
    assert idle.read("churn").num_rows == 30
    idle.append("churn", [record(30)], {"w": 30})
    assert busy.mark("churn", "w") == 30


def test_a_table_of_an_earlier_release_takes_on_the_shorter_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(delta_table, "_CONFIGURATION", {"delta.checkpointInterval": "50"})
        DeltaLog(tmp_path, SHAPES).append("churn", [record(1)], {"w": 1})
    DeltaLog(tmp_path, SHAPES).compact("churn")
    assert DeltaTable(str(tmp_path / "churn")).metadata().configuration["delta.logRetentionDuration"] == "interval 10 minutes"


@pytest.mark.row("L1")
def test_two_that_merge_the_same_files_at_once_double_no_row(tmp_path: Path) -> None:
    log = DeltaLog(tmp_path, SHAPES)
    for number in range(8):
        log.append("churn", [record(number)], {"w": number})
    mergers = [DeltaLog(tmp_path, SHAPES) for _ in range(4)]
    with ThreadPoolExecutor(len(mergers)) as pool:
        list(pool.map(lambda each: each.compact("churn"), mergers))
    assert ids(log) == [f"r-{number:06d}" for number in range(8)]


@pytest.mark.row("L1")
def test_texts_that_hold_line_ends_of_unicode_do_not_stop_the_log(tmp_path: Path) -> None:
    log = DeltaLog(tmp_path, SHAPES)
    inputs = {"tenure": [1.0], "contract": ["a\u0085\u2028\u2029\x0b\x1eb"], "senior": [True], "since": ["2024-01-31T08:00:00.000001Z"]}
    for number in range(3):
        log.append("churn", [record(number, inputs=inputs)], {"w": number})
    assert ids(log) == ["r-000000", "r-000001", "r-000002"]
