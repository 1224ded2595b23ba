"""Every clock keeps the promises of `ports.Clock`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from farero.adapters.manual_clock import ManualClock
from farero.adapters.system_clock import SystemClock
from farero.ports import Clock

START = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(params=[SystemClock(), ManualClock(START)], ids=["system", "manual"])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param
    return made


def test_the_time_is_aware_and_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


def test_the_time_does_not_go_back(clock: Clock) -> None:
    times = [clock.now() for _ in range(100)]
    assert times == sorted(times)


def test_a_manual_clock_stands_still_until_it_is_told() -> None:
    clock = ManualClock(START)
    assert clock.now() == clock.now() == START
    clock.advance(timedelta(hours=2))
    assert clock.now() == datetime(2024, 5, 1, 14, tzinfo=UTC)
    clock.set(START)
    assert clock.now() == START


@pytest.mark.parametrize("moment", [datetime(2024, 5, 1), datetime(2024, 5, 1, tzinfo=timezone(timedelta(hours=2)))])  # noqa: DTZ001
def test_a_manual_clock_refuses_a_time_that_is_not_utc(moment: datetime) -> None:
    with pytest.raises(ValueError, match="not an aware time in UTC"):
        ManualClock(START).set(moment)
