from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.records import START, record

from farero.errors import LogUnavailable
from farero.serving import spool as spool_module
from farero.serving.spool import HEADER, Spool, backlog_bytes, corrupt_segments, read_segment, segments, taken


def written(folder: Path, *numbers: int, **options: int) -> Path:
    """The one closed segment of a new spool with these records."""
    spool = Spool(folder, "w", **options)
    for number in numbers:
        spool.write(record(number))
    spool.close()
    (path,) = segments(folder)
    return path


def numbers(path: Path) -> list[int]:
    return [int(each.request_id[2:]) for each in read_segment(path).records]


@pytest.mark.row("L1")
def test_a_record_is_in_the_file_when_write_returns(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    spool.write(record(1))
    (path,) = segments(tmp_path)
    assert read_segment(path).records == (record(1),)


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
    assert read_segment(segments(tmp_path)[0]).records == (full, bare)


def test_an_idle_spool_makes_no_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "new", "w")
    spool.rotate()
    spool.close()
    assert list((tmp_path / "new").iterdir()) == []
    assert spool.backlog_bytes() == 0


def test_a_rotation_closes_the_segment_and_the_next_write_begins_another(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    for number in (1, 2):
        spool.write(record(number))
        spool.rotate()
    first, second = (read_segment(path) for path in segments(tmp_path))
    assert (first.writer, first.seq, second.seq) == (spool.writer, 1, 2)
    assert (numbers(first.path), numbers(second.path)) == ([1], [2])


def test_a_full_segment_is_followed_by_another(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w", segment_bytes=600)
    for number in range(10):
        spool.write(record(number))
    spool.close()
    assert len(segments(tmp_path)) > 2
    assert [number for path in segments(tmp_path) for number in numbers(path)] == list(range(10))


def test_a_writer_that_starts_again_under_its_name_is_a_new_writer(tmp_path: Path) -> None:
    assert Spool(tmp_path, "w").writer != Spool(tmp_path, "w").writer


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
from farero.serving.spool import Spool
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


def test_threads_write_whole_records(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w", segment_bytes=5_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: spool.write(record(number, rows=1 + number % 3)), range(400)))
    spool.close()
    found = [read_segment(path) for path in segments(tmp_path)]
    assert sorted(each.request_id for segment in found for each in segment.records) == [f"r-{number:06d}" for number in range(400)]
    assert all(segment.torn_bytes == 0 and segment.damage == () for segment in found)


def test_the_backlog_counts_the_frames_of_every_writer(tmp_path: Path) -> None:
    first, second = Spool(tmp_path, "a"), Spool(tmp_path, "b")
    first.write(record(1))
    one = first.backlog_bytes()
    assert one > 0
    second.write(record(2))
    second.close()
    assert second.backlog_bytes() == backlog_bytes(tmp_path) == 2 * one


@pytest.mark.parametrize(
    "crooked",
    [
        replace(record(1), probability=[0.5, 0.5]),
        replace(record(1), inputs={"tenure": []}),
        replace(record(1), keys=[]),
        replace(record(1), times=[START, START]),
        replace(record(1), time=START.replace(tzinfo=None)),
        replace(record(1), times=[START.replace(tzinfo=None)]),
    ],
)
def test_a_record_that_no_table_could_take_is_refused(tmp_path: Path, crooked: object) -> None:
    with pytest.raises(ValueError, match="r-000001"):
        Spool(tmp_path, "w").write(crooked)  # type: ignore[arg-type]
    assert segments(tmp_path) == []


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
    assert (read_segment(path).records, read_segment(path).damage) == ((), ())
    path.write_bytes(b"")
    assert (read_segment(path).records, read_segment(path).damage) == ((), ())


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
    payload = b"\x01"
    prefix = spool_module._PREFIX.pack(len(payload), spool_module.zlib.crc32(payload))
    path.write_bytes(path.read_bytes() + prefix + spool_module.zlib.crc32(prefix).to_bytes(4, "little") + payload)
    assert (numbers(path), len(read_segment(path).damage)) == ([1], 1)


def test_a_file_of_another_format_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "w-0000000001.seg"
    path.write_bytes(b"something else altogether")
    assert read_segment(path).damage == ("byte 0: this is no segment of a known format",)


def test_a_short_write_is_taken_back_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, "w")
    spool.write(record(1))
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[: len(data) // 2]))
    with pytest.raises(LogUnavailable, match="could not be recorded") as caught:
        spool.write(record(2))
    assert caught.value.retryable
    monkeypatch.undo()
    spool.write(record(3))
    (path,) = segments(tmp_path)
    assert numbers(path) == [1, 3]
    assert read_segment(path).torn_bytes == 0


def test_what_cannot_be_taken_back_ends_its_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, "w")
    spool.write(record(1))
    write = os.write

    def refuse(*_: object) -> None:
        raise OSError("input/output error")

    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:20]))
    monkeypatch.setattr(os, "ftruncate", refuse)
    with pytest.raises(LogUnavailable):
        spool.write(record(2))
    monkeypatch.undo()
    spool.write(record(3))
    spool.close()
    assert [numbers(path) for path in segments(tmp_path)] == [[1], [3]]
    assert read_segment(segments(tmp_path)[0]).torn_bytes == 20


def test_a_segment_that_cannot_be_begun_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, "w")
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
    with pytest.raises(LogUnavailable):
        spool.write(record(1))
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
    spool.write(record(2))
    assert [path.name[-14:] for path in segments(tmp_path)] == ["0000000001.seg"]


def test_a_new_segment_that_is_swept_away_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock, swept = spool_module.fcntl.flock, []

    def sweep_first(fd: int, operation: int) -> None:
        flock(fd, operation)
        if not swept:
            swept.extend(tmp_path.glob("*.tmp"))
            swept[0].unlink()

    monkeypatch.setattr(spool_module.fcntl, "flock", sweep_first)
    Spool(tmp_path, "w").write(record(1))
    assert len(swept) == 1
    assert [numbers(path) for path in segments(tmp_path)] == [[1]]


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(LogUnavailable, match="spool"):
        Spool(tmp_path / "spool", "w")


def test_segments_moved_aside_are_listed_apart(tmp_path: Path) -> None:
    path = written(tmp_path, 1)
    path.rename(path.with_suffix(".corrupt"))
    assert segments(tmp_path) == []
    assert [each.suffix for each in corrupt_segments(tmp_path)] == [".corrupt"]
