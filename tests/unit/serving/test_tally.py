from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from farero.adapters.memory_log import MemoryLog
from farero.core.prediction import Record
from farero.serving.tally import Tally

T0 = datetime(2024, 1, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class Log(MemoryLog):
    """Notes what was read."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[datetime | None, datetime | None]] = []

    def read(
        self, model: str, start: datetime | None = None, end: datetime | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        self.asked.append((start, end))
        return super().read(model, start, end, columns)

    def put(self, at: datetime, rows: int) -> None:
        self.append("m", [Record(
            model="m", version="1.0.0", request_id=f"r-{at}", endpoint="m", time=at, inputs={}, prediction=[0.0] * rows, probability=None,
            keys=None, latency_us=1,
        )], {})  # fmt: skip


@pytest.fixture
def log() -> Log:
    made = Log()
    for hour, rows in ((1, 3), (20, 4), (49, 5), (73, 6)):
        made.put(T0 + hour * HOUR, rows)
    return made


@pytest.mark.row("M9")
def test_whole_days_are_counted_and_empty_ones_left_out(log: Log) -> None:
    tally = Tally(model="m", span=DAY, log=log)
    assert tally.between(T0, T0 + 3 * DAY + HOUR) == {T0: 7, T0 + 2 * DAY: 5}
    assert tally.between(T0 + HOUR, T0 + 4 * DAY) == {T0 + 2 * DAY: 5, T0 + 3 * DAY: 6}


@pytest.mark.row("M9")
def test_a_day_is_read_once(log: Log) -> None:
    tally = Tally(model="m", span=DAY, log=log)
    tally.between(T0, T0 + 3 * DAY)
    assert tally.between(T0, T0 + 4 * DAY) == {T0: 7, T0 + 2 * DAY: 5, T0 + 3 * DAY: 6}
    assert tally.between(T0, T0 + 4 * DAY + HOUR) == {T0: 7, T0 + 2 * DAY: 5, T0 + 3 * DAY: 6}
    assert log.asked == [(T0, T0 + 3 * DAY), (T0 + 3 * DAY, T0 + 4 * DAY)]


def test_days_before_those_that_are_known_are_counted_when_they_are_asked_for(log: Log) -> None:
    tally = Tally(model="m", span=DAY, log=log)
    assert tally.between(T0 + 2 * DAY, T0 + 4 * DAY) == {T0 + 2 * DAY: 5, T0 + 3 * DAY: 6}
    assert tally.between(T0, T0 + 4 * DAY) == {T0: 7, T0 + 2 * DAY: 5, T0 + 3 * DAY: 6}
