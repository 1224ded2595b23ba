from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.records import START, record

from farero.core.recorded import Recorded
from farero.serving.segment import HEADER, backlog_bytes, corrupt_segments, framed, read_segment, segments, taken
from farero.serving.spool import Spool, frame


def written(folder: Path, *numbers: int) -> Path:
    """The one closed segment of a new spool with these records."""
    spool = Spool(folder, "w")
    for number in numbers:
        spool.write(record(number))
    spool.close()
    (path,) = segments(folder)
    return path


def numbers(path: Path) -> list[int]:
    return [int(request_id[2:]) for rows in read_segment(path).rows.values() for request_id in rows.request_id]


def test_every_field_of_a_record_comes_back(tmp_path: Path) -> None:
    full = record(
        1,
        rows=2,
        times=[START, datetime(1969, 1, 1, tzinfo=UTC)],
        status="shadow",
        keys=["é", None],
        inputs={"a": [None, 1.5], "b": ["x", True]},
    )
    bare = record(2, probability=None, keys=None, prediction=["gold"], inputs={})
    spool = Spool(tmp_path, "w")
    spool.write(full)
    spool.write(bare)
    spool.close()
    assert read_segment(segments(tmp_path)[0]).rows == {
        "churn": Recorded(
            counts=[2, 1], version=["1.0.0"] * 2, request_id=["r-000001", "r-000002"], endpoint=["predict"] * 2, latency_us=[1200] * 2,
            status=["shadow", "ok"], time=[START, datetime(1969, 1, 1, tzinfo=UTC), bare.time], prediction=[1.0, 1.0, "gold"],
            probability=[0.75, 0.75, None], key=["é", None, None], inputs={"a": [None, 1.5, None], "b": ["x", True, None]},
        )
    }  # fmt: skip


def test_a_live_segment_cannot_be_taken_and_a_closed_one_by_one_only(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    spool.write(record(1))
    (path,) = segments(tmp_path)
    with taken(path) as free:
        assert not free
    spool.rotate()
    with taken(path) as first, taken(path) as second:
        assert (first, second) == (True, False)
    with taken(tmp_path / "gone-0000000001.seg") as free:
        assert not free


def test_a_segment_whose_process_died_can_be_taken(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from typing import Any
from farero.serving.spool import Spool, frame
from tests.records import record
Spool(Path(sys.argv[1]), "w").write(record(7))
os.kill(os.getpid(), 9)
"""
    root = Path(__file__).parents[3]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=env, check=False).returncode == -9
    (path,) = segments(tmp_path)
    with taken(path) as free:
        assert free
    assert numbers(path) == [7]


def test_the_backlog_counts_the_frames_of_every_writer(tmp_path: Path) -> None:
    first, second = Spool(tmp_path, "a"), Spool(tmp_path, "b")
    first.write(record(1))
    one = first.backlog_bytes()
    assert one > 0
    second.write(record(2))
    second.close()
    assert second.backlog_bytes() == backlog_bytes(tmp_path) == 2 * one


def test_a_torn_tail_is_ignored_and_measured(tmp_path: Path) -> None:
    path = written(tmp_path, 1, 2)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    segment = read_segment(path)
    assert numbers(path) == [1]
    assert segment.damage == ()
    assert 0 < segment.torn_bytes < len(whole)


def test_zeros_after_a_power_cut_are_a_torn_tail(tmp_path: Path) -> None:
    path = written(tmp_path, 1)
    path.write_bytes(path.read_bytes() + bytes(100))
    assert (numbers(path), read_segment(path).damage, read_segment(path).torn_bytes) == ([1], (), 100)
    path.write_bytes(bytes(50))
    assert (read_segment(path).rows, read_segment(path).damage) == ({}, ())
    path.write_bytes(b"")
    assert (read_segment(path).rows, read_segment(path).damage) == ({}, ())


def test_damage_in_the_middle_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, 1, 2, 3)
    data = bytearray(path.read_bytes())
    length = (len(data) - len(HEADER)) // 3
    data[len(HEADER) + length + 40] ^= 1
    path.write_bytes(data)
    segment = read_segment(path)
    assert numbers(path) == [1, 3]
    assert segment.damage == (f"bytes {len(HEADER) + length} to {len(HEADER) + 2 * length}: written, but not what was written",)


def test_a_damaged_last_record_is_damage_and_not_a_torn_tail(tmp_path: Path) -> None:
    path = written(tmp_path, 1, 2)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert numbers(path) == [1]
    assert (len(read_segment(path).damage), read_segment(path).torn_bytes) == (1, 0)


def test_a_frame_with_sound_checksums_that_is_no_record_is_damage(tmp_path: Path) -> None:
    path = written(tmp_path, 1)
    path.write_bytes(path.read_bytes() + framed(b"\x01"))
    assert (numbers(path), len(read_segment(path).damage)) == ([1], 1)


def test_a_file_of_another_format_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "w-0000000001.seg"
    path.write_bytes(b"something else altogether")
    assert read_segment(path).damage == ("byte 0: this is no segment of a known format",)


def test_segments_moved_aside_are_listed_apart(tmp_path: Path) -> None:
    path = written(tmp_path, 1)
    path.rename(path.with_suffix(".corrupt"))
    assert segments(tmp_path) == []
    assert [each.suffix for each in corrupt_segments(tmp_path)] == [".corrupt"]


def test_each_model_has_its_rows_for_itself(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    for number in range(4):
        spool.write(record(number, model="risk" if number % 2 else "churn"))
    spool.close()
    assert read_segment(segments(tmp_path)[0]).rows == {
        "churn": Recorded.of([record(0), record(2)]),
        "risk": Recorded.of([record(1), record(3)]),
    }


@pytest.mark.parametrize(
    "crooked",
    [
        {"prediction": [1.0, 2.0]},
        {"probability": []},
        {"inputs": {"tenure": [1.0], "contract": []}},
        {"time": START.replace(tzinfo=None)},
    ],
)
def test_a_frame_that_no_table_could_take_is_damage_and_shifts_no_column(tmp_path: Path, crooked: dict[str, Any]) -> None:
    """`frame` checks nothing, for it is called between a request and its answer."""
    spool = Spool(tmp_path, "w")
    spool.write(record(1))
    whole = {"model": "churn", "version": "1", "request_id": "r-000002", "endpoint": "predict", "time": START}
    whole |= {"inputs": {"tenure": [1.0]}, "prediction": [1.0], "probability": [0.5], "keys": None, "latency_us": 1}
    spool.append(frame(**(whole | crooked)))
    spool.write(record(3))
    spool.close()
    segment = read_segment(segments(tmp_path)[0])
    assert segment.rows == {"churn": Recorded.of([record(1), record(3)])}
    assert len(segment.damage) == 1
