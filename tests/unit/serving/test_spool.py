from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.records import START, record

from farero.core.recorded import Recorded
from farero.errors import LogUnavailable
from farero.serving import spool as spool_module
from farero.serving.segment import read_segment, segments
from farero.serving.spool import Spool, frame


def numbers(path: Path) -> list[int]:
    return [int(request_id[2:]) for rows in read_segment(path).rows.values() for request_id in rows.request_id]


@pytest.mark.row("L1")
def test_a_record_is_in_the_file_when_write_returns(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    spool.write(record(1))
    (path,) = segments(tmp_path)
    assert read_segment(path).rows == {"churn": Recorded.of([record(1)])}


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


def test_threads_write_whole_records(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w", segment_bytes=5_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: spool.write(record(number, rows=1 + number % 3)), range(400)))
    spool.close()
    found = [read_segment(path) for path in segments(tmp_path)]
    assert sorted(number for path in segments(tmp_path) for number in numbers(path)) == list(range(400))
    assert all(segment.torn_bytes == 0 and segment.damage == () for segment in found)


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


def framed_record(number: int) -> bytes:
    """The same record as `record(number)`, by the way of the event loop."""
    each = record(number)
    return frame(
        each.model, each.version, each.request_id, each.endpoint, each.time, each.inputs, each.prediction, each.probability, each.keys,
        each.latency_us,
    )  # fmt: skip


def kept(folder: Path) -> Recorded:
    """All that the segments hold of one model."""
    found = Recorded()
    for path in segments(folder):
        for rows in read_segment(path).rows.values():
            found.extend(rows)
    return found


def of(*wanted: int) -> Recorded:
    return Recorded.of(record(number) for number in wanted)


class Disk:
    """Stands before `os.fdatasync`: holds a turn of the disk for as long as the test wants, counts turns, and fails when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.turns = 0
        self.begun = threading.Event()
        self.go = threading.Event()
        self.failing = False
        self._real = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self._turn)

    def _turn(self, fd: int) -> None:
        self.turns += 1
        self.begun.set()
        assert self.go.wait(10)
        if self.failing:
            raise OSError(5, "Input/output error")
        self._real(fd)


class Outcomes:
    """What became of each commit, by its number."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.found: dict[int, LogUnavailable | None] = {}
        self.order: list[int] = []

    def commit(self, *numbers: int) -> None:
        for number in numbers:
            self.spool.commit(framed_record(number), lambda failure, number=number: self._note(number, failure))

    def _note(self, number: int, failure: LogUnavailable | None) -> None:
        self.order.append(number)
        self.found[number] = failure

    def safe(self) -> list[int]:
        return sorted(number for number, failure in self.found.items() if failure is None)

    def refused(self) -> list[int]:
        return sorted(number for number, failure in self.found.items() if failure is not None)


def test_a_frame_is_read_as_the_record_it_was_made_of(tmp_path: Path) -> None:
    Spool(tmp_path, "w").append(framed_record(1) + framed_record(2))
    assert kept(tmp_path) == of(1, 2)


def test_joined_frames_are_written_by_one_call_and_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, "w")
    spool.write(record(1))
    write, sizes = os.write, []

    def short(fd: int, data: bytes) -> int:
        sizes.append(len(data))
        return write(fd, data[:-1])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(LogUnavailable):
        spool.append(framed_record(2) + framed_record(3))
    monkeypatch.undo()
    assert sizes == [len(framed_record(2) + framed_record(3))]
    assert kept(tmp_path) == of(1)


@pytest.mark.parametrize("mode", ["write", "fsync"])
def test_threads_that_write_and_append_share_a_segment(tmp_path: Path, mode: Any) -> None:
    spool = Spool(tmp_path, "w", mode=mode, segment_bytes=5_000)

    def either(number: int) -> None:
        if number % 2:
            spool.write(record(number))
        else:
            spool.append(framed_record(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(either, range(300)))
    spool.close()
    assert sorted(kept(tmp_path).request_id) == [record(number).request_id for number in range(300)]
    assert len(segments(tmp_path)) > 2


def test_in_mode_write_a_commit_is_done_when_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = Outcomes(Spool(tmp_path, "w"))
    outcomes.commit(1)
    assert (outcomes.safe(), kept(tmp_path)) == ([1], of(1))
    monkeypatch.setattr(os, "write", lambda fd, data: 3)
    outcomes.commit(2)
    assert outcomes.refused() == [2]


def test_in_mode_fsync_nothing_is_safe_before_the_disk_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    outcomes = Outcomes(Spool(tmp_path, "w", mode="fsync"))
    outcomes.commit(1)
    assert disk.begun.wait(10)
    assert (outcomes.order, outcomes.spool.waiting, outcomes.spool.waiting_bytes) == ([], 1, len(framed_record(1)))
    disk.go.set()
    outcomes.spool.close()
    assert (outcomes.safe(), outcomes.spool.waiting, outcomes.spool.waiting_bytes) == ([1], 0, 0)


def test_whatever_comes_during_a_turn_of_the_disk_shares_the_next_one_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    outcomes = Outcomes(Spool(tmp_path, "w", mode="fsync"))
    outcomes.commit(0)
    assert disk.begun.wait(10)
    outcomes.commit(*range(1, 100))
    disk.go.set()
    outcomes.spool.close()
    assert outcomes.order == list(range(100))
    assert disk.turns == 2
    assert kept(tmp_path) == of(*range(100))


def test_beyond_the_limit_a_commit_is_refused_at_once_and_later_ones_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    size = len(framed_record(1))
    spool = Spool(tmp_path, "w", mode="fsync", limit_bytes=3 * size)
    outcomes = Outcomes(spool)
    outcomes.commit(0)
    assert disk.begun.wait(10)
    outcomes.commit(1, 2, 3)
    assert outcomes.refused() == [3]
    assert "wait for the disk" in str(outcomes.found[3])
    assert spool.waiting_bytes == 3 * size
    disk.go.set()
    spool.close()
    outcomes.commit(4)
    spool.close()
    assert outcomes.safe() == [0, 1, 2, 4]
    assert kept(tmp_path) == of(0, 1, 2, 4)


def test_a_request_larger_than_the_limit_goes_when_nothing_waits(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w", mode="fsync", limit_bytes=1)
    spool.append(framed_record(1))
    assert kept(tmp_path) == of(1)


def test_when_forcing_fails_its_whole_group_is_refused_and_its_segment_is_never_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, "w", mode="fsync")
    spool.write(record(0))
    disk = Disk(monkeypatch)
    outcomes = Outcomes(spool)
    outcomes.commit(1)
    assert disk.begun.wait(10)
    disk.failing = True
    disk.go.set()
    while not outcomes.found:
        pass
    outcomes.commit(2, 3)
    while len(outcomes.found) < 3:
        pass
    disk.failing = False
    outcomes.commit(4)
    spool.close()
    assert (outcomes.refused(), outcomes.safe()) == ([1, 2, 3], [4])
    held = [numbers(path) for path in segments(tmp_path)]
    assert held[0] == [0], "what the disk had before stays, what was refused is cut off"
    assert [ids for ids in held[1:] if ids] == [[4]]
    assert all(read_segment(path).torn_bytes == 0 and read_segment(path).damage == () for path in segments(tmp_path))


def test_a_blocking_write_is_told_that_forcing_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    disk.failing = True
    disk.go.set()
    spool = Spool(tmp_path, "w", mode="fsync")
    with pytest.raises(LogUnavailable, match="Input/output error") as caught:
        spool.write(record(1))
    assert caught.value.retryable
    assert kept(tmp_path) == of()


def test_a_caller_that_fails_on_its_outcome_stops_no_other(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w", mode="fsync")
    outcomes = Outcomes(spool)

    def broken(_: LogUnavailable | None) -> None:
        raise RuntimeError("a mistake")

    spool.commit(framed_record(1), broken)
    outcomes.commit(2)
    spool.close()
    assert outcomes.safe() == [2]
    assert kept(tmp_path) == of(1, 2)


def test_in_mode_fsync_a_new_segment_is_named_on_the_disk_before_anything_in_it_is_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, fdatasync, forced = os.fsync, os.fdatasync, []
    spool = Spool(tmp_path, "w", mode="fsync")

    def note(call: Any, fd: int) -> None:
        forced.append(Path(f"/proc/self/fd/{fd}").readlink())
        call(fd)

    monkeypatch.setattr(os, "fsync", lambda fd: note(fsync, fd))
    monkeypatch.setattr(os, "fdatasync", lambda fd: note(fdatasync, fd))
    spool.write(record(1))
    spool.write(record(2))
    (path,) = segments(tmp_path)
    assert forced == [tmp_path, path, path]


def test_a_segment_whose_name_cannot_be_forced_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, "w", mode="fsync")

    def refuse(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(LogUnavailable):
        spool.write(record(1))
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
    spool.write(record(2))
    assert kept(tmp_path) == of(2)


def test_a_spool_that_was_closed_takes_what_still_comes(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w", mode="fsync")
    for number in (1, 2):
        spool.write(record(number))
        spool.close()
    assert kept(tmp_path) == of(1, 2)


def test_a_file_that_can_be_neither_forced_nor_cut_back_is_left_for_good(tmp_path: Path) -> None:
    """A pipe in the segment's place: the kernel refuses it for real."""
    spool = Spool(tmp_path, "w", mode="fsync")
    spool.write(record(0))
    reading, writing = os.pipe()
    assert spool._fd is not None
    os.dup2(writing, spool._fd)
    with pytest.raises(LogUnavailable, match="Illegal seek"):
        spool.write(record(1))
    spool.write(record(2))
    spool.close()
    os.close(reading)
    os.close(writing)
    assert [numbers(path) for path in segments(tmp_path)] == [[0], [2]]


def test_a_rotation_that_does_not_wait_leaves_the_closing_to_the_turn_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    spool = Spool(tmp_path, "w", mode="fsync")
    outcomes = Outcomes(spool)
    outcomes.commit(1)
    assert disk.begun.wait(10)
    spool.rotate(wait=False)
    assert outcomes.order == []
    disk.go.set()
    while not outcomes.found:
        pass
    spool.write(record(2))
    spool.rotate(wait=False)
    spool.write(record(3))
    spool.close()
    assert [numbers(path) for path in segments(tmp_path)] == [[1], [2], [3]]


def test_the_oldest_segment_with_a_frame_says_since_when_rows_wait(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    assert spool.oldest_waiting() is None
    for number in (1, 2):
        spool.write(record(number))
        spool.rotate()
    for path, at in zip(segments(tmp_path), (1_000.0, 2_000.0), strict=True):
        os.utime(path, (at, at))
    assert spool.oldest_waiting() == 1_000.0


def test_zeros_ahead_of_what_is_written_are_cut_off_when_the_segment_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "UNDER_WAY_BYTES", 0)
    monkeypatch.setattr(spool_module, "AHEAD_BYTES", 4096)
    spool = Spool(tmp_path, "w", mode="fsync")
    for number in range(60):
        spool.write(record(number))
    (live,) = segments(tmp_path)
    ahead = live.stat().st_size
    spool.close()
    assert ahead % 4096 and live.stat().st_size < ahead
    assert kept(tmp_path) == of(*range(60))
    assert read_segment(live).torn_bytes == 0


def test_zeros_that_a_death_left_behind_are_a_torn_end_and_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "UNDER_WAY_BYTES", 0)
    spool = Spool(tmp_path / "live", "w", mode="fsync")
    for number in range(5):
        spool.write(record(number))
    (live,) = segments(tmp_path / "live")
    dead = tmp_path / live.name
    dead.write_bytes(live.read_bytes())
    spool.close()
    found = read_segment(dead)
    assert found.torn_bytes > 1_000_000 and found.damage == ()
    assert numbers(dead) == [0, 1, 2, 3, 4]


def test_where_there_is_no_room_ahead_it_goes_on_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "UNDER_WAY_BYTES", 0)
    real = os.pwrite

    def full(fd: int, content: bytes, at: int) -> int:
        if len(content) >= spool_module.AHEAD_BYTES:
            raise OSError(28, "No space left on device")
        return real(fd, content, at)

    monkeypatch.setattr(os, "pwrite", full)
    spool = Spool(tmp_path, "w", mode="fsync")
    for number in range(3):
        spool.write(record(number))
    spool.close()
    assert kept(tmp_path) == of(0, 1, 2)


def test_a_quick_disk_is_not_worth_a_thread(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w", mode="fsync")
    spool._force_s = 0.0
    heard: list[tuple[object, int]] = []
    item = record(1)
    content = frame(
        item.model, item.version, item.request_id, item.endpoint, item.time, item.inputs, item.prediction, item.probability, item.keys, 1
    )
    spool.commit(content, lambda failure: heard.append((failure, threading.get_ident())))
    assert heard == [(None, threading.get_ident())]
    spool._force_s = 1.0
    safe = threading.Event()
    spool.commit(content, lambda failure: (heard.append((failure, threading.get_ident())), safe.set()))
    assert safe.wait(10)
    assert heard[1][0] is None and heard[1][1] != threading.get_ident()
    spool.close()
