"""Windows are half-open, on one grid, and durations read back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farero.core.window import EPOCH, Window, WindowSize, duration_text, parse_duration, parse_window, stamp, window_at


@pytest.mark.row("M9")
@given(
    st.integers(5 * 365 * 86400, 120 * 365 * 86400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from(["15m", "1h", "6h", "1d", "1w", "2w"]),
)
def test_every_moment_is_in_its_window_and_windows_meet(time: datetime, size: str) -> None:
    window = window_at(time, parse_duration(size))
    assert window.start <= time < window.end
    assert window.end - window.start == parse_duration(size)
    assert window_at(window.end, parse_duration(size)).start == window.end


def test_weeks_begin_on_mondays() -> None:
    assert window_at(datetime(2024, 5, 2, tzinfo=UTC), timedelta(weeks=1)).start.weekday() == 0


@given(st.integers(1, 10_000_000))
def test_a_duration_reads_back_from_its_text(seconds: int) -> None:
    assert parse_duration(duration_text(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "d", "0d", "-1d", "1 fortnight", "1e3s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_windows_sort_by_time() -> None:
    early = Window(start=datetime(2024, 1, 1, tzinfo=UTC), end=datetime(2024, 1, 2, tzinfo=UTC))
    late = Window(start=datetime(2024, 1, 2, tzinfo=UTC), end=datetime(2024, 1, 3, tzinfo=UTC))
    assert sorted([late, early]) == [early, late]
    assert str(early) == "2024-01-01T00:00Z/2024-01-02T00:00Z"


@pytest.mark.row("M9")
@pytest.mark.parametrize(
    ("text", "rows", "again"), [("1000 rows", 1000, "1000 rows"), (" 35rows ", 35, "35 rows"), ("10 row", 10, "10 rows")]
)
def test_a_window_may_be_a_number_of_rows(text: str, rows: int, again: str) -> None:
    size = parse_window(text)
    assert (size.rows, size.span, size.seconds, str(size)) == (rows, timedelta(days=1), None, again)


@given(st.integers(1, 10_000_000))
def test_a_window_of_time_reads_back_from_its_text(seconds: int) -> None:
    size = WindowSize(span=timedelta(seconds=seconds))
    assert parse_window(str(size)) == size
    assert size.seconds == seconds


@pytest.mark.parametrize(
    ("text", "message"),
    [("9 rows", "at least 10 rows"), ("0 rows", "at least 10"), ("rows", "such as 1000 rows"), ("1 fortnight", "duration")],
)
def test_what_is_no_window_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_window(text)


@given(st.integers(0, 4 * 10**15).map(lambda us: EPOCH + timedelta(microseconds=us)), st.integers(1, 10**12))
def test_a_window_reads_back_to_the_microsecond_and_no_two_have_one_stamp(start: datetime, length_us: int) -> None:
    window = Window(start=start, end=start + timedelta(microseconds=length_us))
    assert Window.parse(str(window)) == window
    assert stamp(window.start) != stamp(window.end)
