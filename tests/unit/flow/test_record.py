from __future__ import annotations

import fcntl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest
from tests.records import SHAPE, record

from farero.adapters.memory_log import MemoryLog
from farero.core.prediction import Record
from farero.core.recorded import Recorded
from farero.errors import LogUnavailable
from farero.flow import record as record_step
from farero.flow.record import HandedOver, hand_over
from farero.serving.segment import corrupt_segments, segments
from farero.serving.spool import Spool


class FailingLog(MemoryLog):
    """A memory log whose table of one model cannot be written."""

    def __init__(self, model: str) -> None:
        super().__init__({"churn": SHAPE, "risk": SHAPE})
        self.failing: str | None = model

    def append(self, model: str, records: Sequence[Record] | Recorded, marks: Mapping[str, int]) -> None:
        if model == self.failing:
            raise LogUnavailable(f"no room for {model}")
        super().append(model, records, marks)


def log() -> MemoryLog:
    return MemoryLog({"churn": SHAPE, "risk": SHAPE})


def ids(of: MemoryLog, model: str = "churn") -> list[str]:
    found: list[str] = of.read(model)["request_id"].to_pylist()
    return found


def spooled(folder: Path, *records: Record, segment_bytes: int = 8 << 20) -> Spool:
    spool = Spool(folder, "w", segment_bytes=segment_bytes)
    for each in records:
        spool.write(each)
    return spool


@pytest.mark.row("L1")
def test_closed_segments_go_into_the_log_and_away(tmp_path: Path) -> None:
    spooled(tmp_path, record(1, rows=2), record(2)).rotate()
    target = log()
    assert hand_over(tmp_path, target) == HandedOver(segments=1, rows=3)
    assert ids(target) == ["r-000001", "r-000001", "r-000002"]
    assert segments(tmp_path) == []
    assert hand_over(tmp_path, target) == HandedOver()


def test_a_live_segment_stays_until_it_is_rotated(tmp_path: Path) -> None:
    spool = spooled(tmp_path, record(1))
    target = log()
    assert hand_over(tmp_path, target) == HandedOver()
    spool.rotate()
    spool.write(record(2))
    assert hand_over(tmp_path, target) == HandedOver(segments=1, rows=1)
    assert len(segments(tmp_path)) == 1
    spool.write(record(3))
    spool.close()
    hand_over(tmp_path, target)
    assert ids(target) == ["r-000001", "r-000002", "r-000003"]


def test_a_folder_that_is_not_there_yet_holds_nothing(tmp_path: Path) -> None:
    assert hand_over(tmp_path / "new", log()) == HandedOver()


def test_a_segment_that_came_back_is_not_added_twice(tmp_path: Path) -> None:
    """A death between the transaction and the removal of the segment."""
    spooled(tmp_path, record(1), record(2, model="risk")).close()
    (path,) = segments(tmp_path)
    kept = path.read_bytes()
    target = log()
    hand_over(tmp_path, target)
    path.write_bytes(kept)
    assert hand_over(tmp_path, target) == HandedOver(segments=1, rows=0)
    assert (ids(target), ids(target, "risk")) == (["r-000001"], ["r-000002"])


def test_a_segment_that_came_back_beside_new_ones_is_left_out(tmp_path: Path) -> None:
    spool = spooled(tmp_path, record(1))
    spool.rotate()
    (path,) = segments(tmp_path)
    kept = path.read_bytes()
    target = log()
    hand_over(tmp_path, target)
    path.write_bytes(kept)
    spool.write(record(2))
    spool.close()
    assert hand_over(tmp_path, target) == HandedOver(segments=2, rows=1)
    assert ids(target) == ["r-000001", "r-000002"]


def test_a_later_segment_of_a_writer_waits_for_an_earlier_one(tmp_path: Path) -> None:
    """A mark covers all before it, so the second must not be marked while the first is out of reach."""
    spooled(tmp_path, record(1), record(2), segment_bytes=1).close()
    first, _ = segments(tmp_path)
    target = log()
    with first.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert hand_over(tmp_path, target) == HandedOver()
    assert hand_over(tmp_path, target) == HandedOver(segments=2, rows=2)
    assert ids(target) == ["r-000001", "r-000002"]


def test_while_another_process_hands_over_nothing_is_done(tmp_path: Path) -> None:
    spooled(tmp_path, record(1)).close()
    with (tmp_path / "committer.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert hand_over(tmp_path, log()) == HandedOver()
    assert len(segments(tmp_path)) == 1


def test_a_model_whose_log_fails_keeps_its_segments_and_stops_no_other(tmp_path: Path) -> None:
    for number in range(3):
        spooled(tmp_path, record(number), record(number + 10, model="risk")).close()
    spooled(tmp_path, record(20, model="risk")).close()
    target = FailingLog("churn")
    with pytest.raises(LogUnavailable, match="no room for churn"):
        hand_over(tmp_path, target)
    assert len(segments(tmp_path)) == 3
    assert len(ids(target, "risk")) == 4
    target.failing = None
    assert hand_over(tmp_path, target) == HandedOver(segments=3, rows=3)
    assert ids(target) == ["r-000000", "r-000001", "r-000002"]
    assert len(ids(target, "risk")) == 4


def test_a_pass_takes_no_more_than_its_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_step, "PASS_SEGMENTS", 2)
    appended: list[int] = []

    class Counting(MemoryLog):
        def append(self, model: str, records: Sequence[Record] | Recorded, marks: Mapping[str, int]) -> None:
            appended.append(len(cast(Recorded, records).counts))
            super().append(model, records, marks)

    spooled(tmp_path, *(record(number) for number in range(5)), segment_bytes=1).close()
    assert hand_over(tmp_path, Counting({"churn": SHAPE})) == HandedOver(segments=5, rows=5)
    assert appended == [2, 2, 1]


def test_a_damaged_segment_gives_what_can_be_read_and_is_moved_aside(tmp_path: Path) -> None:
    spooled(tmp_path, record(1), record(2), record(3)).close()
    (path,) = segments(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    target = log()
    assert hand_over(tmp_path, target) == HandedOver(segments=1, rows=2, corrupt=(path.with_suffix(".corrupt").name,))
    assert ids(target) == ["r-000001", "r-000003"]
    assert [each.read_bytes() for each in corrupt_segments(tmp_path)] == [bytes(data)]
    assert hand_over(tmp_path, target) == HandedOver()


def test_a_torn_tail_goes_with_its_segment(tmp_path: Path) -> None:
    spooled(tmp_path, record(1), record(2)).close()
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    target = log()
    assert hand_over(tmp_path, target) == HandedOver(segments=1, rows=1)
    assert (segments(tmp_path), corrupt_segments(tmp_path)) == ([], [])


def test_an_unborn_segment_is_swept_away_unless_its_writer_lives(tmp_path: Path) -> None:
    dead, live = tmp_path / "a-0000000001.tmp", tmp_path / "b-0000000001.tmp"
    dead.touch()
    with live.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        hand_over(tmp_path, log())
        assert (dead.exists(), live.exists()) == (False, True)


def test_a_segment_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spooled(tmp_path, record(1)).close()

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(record_step, "read_segment", refuse)
    with pytest.raises(LogUnavailable, match="cannot be handed over") as caught:
        hand_over(tmp_path, log())
    assert isinstance(caught.value.__cause__, PermissionError)
    assert len(segments(tmp_path)) == 1


@pytest.mark.row("L5")
def test_settling_waits_until_another_process_has_given_its_rows_away() -> None:
    left = [300, 200, 100, 0]
    moves: list[int] = []
    record_step.settle(lambda: moves.append(left.pop(0)), lambda: left[0], timeout_s=60)
    assert moves == [300, 200, 100]


@pytest.mark.row("L5")
def test_settling_ends_in_time_and_at_once_where_the_log_takes_nothing() -> None:
    calls: list[str] = []

    def refuse() -> None:
        calls.append("asked")
        raise LogUnavailable("full")

    record_step.settle(refuse, lambda: 100, timeout_s=60)
    record_step.settle(lambda: calls.append("moved"), lambda: 100, timeout_s=0)
    assert calls == ["asked", "moved"]
