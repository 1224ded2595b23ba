"""Burn rates over several spans: outages are told of, one failure among few requests is not, and what is over is not told of on and on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from farero.core.objective import BUCKET, PERIOD, Bucket, Objective, finding, standing

AT = datetime(2024, 5, 31, tzinfo=UTC)
PROMISE = Objective(good=0.999)


def buckets(count: int, *, requests: int = 100, failed: int = 0, slow: int = 0, ago: int = 0) -> list[Bucket]:
    """So many buckets in a row, the newest `ago` buckets before the end."""
    return [Bucket(start=AT - (n + 1 + ago) * BUCKET, requests=requests, failed=failed, slow=slow) for n in range(count)]


@pytest.mark.row("A6")
def test_the_room_that_is_left_is_that_of_the_month() -> None:
    found = standing(PROMISE, buckets(1000, failed=0, ago=10) + buckets(10, failed=1), AT)
    assert (found.requests, found.failed, found.slow) == (101_000, 10, 0)
    assert found.left == pytest.approx(1 - 10 / 101)
    assert standing(PROMISE, [], AT).left is None


@pytest.mark.row("A6")
def test_requests_before_the_month_do_not_count() -> None:
    old = [Bucket(start=AT - PERIOD - BUCKET, requests=1000, failed=1000, slow=0)]
    assert standing(PROMISE, [*old, *buckets(1)], AT).requests == 100


@pytest.mark.row("A6")
@pytest.mark.parametrize(
    ("share", "minutes", "severity"),
    [(1.0, 5, "critical"), (0.05, 60, "critical"), (0.01, 6 * 60, "high"), (0.002, 3 * 24 * 60, "medium")],
)
def test_the_faster_room_burns_the_sooner_and_graver_it_is_told(share: float, minutes: int, severity: str) -> None:
    bad = buckets(minutes // 5, requests=1000, failed=round(1000 * share))
    calm = buckets(8640 - len(bad), requests=1000, ago=len(bad))
    found = finding(standing(PROMISE, [*bad, *calm], AT))
    assert found is not None
    assert (found.kind, found.severity) == ("SLO_BURN", severity)


@pytest.mark.row("A6")
def test_slow_answers_break_a_promise_about_time() -> None:
    found = finding(standing(Objective(good=0.99, within_us=200_000), buckets(12, slow=50), AT))
    assert found is not None
    assert "failed or took more than 200 ms: 50.0 times as many as 99.0000% allow" in found.because


@pytest.mark.row("A6")
def test_one_failure_among_few_requests_is_no_outage() -> None:
    assert finding(standing(PROMISE, buckets(1, requests=5, failed=1), AT)) is None
    assert finding(standing(PROMISE, buckets(1, requests=5, failed=5), AT)) is not None


@pytest.mark.row("A6")
def test_an_outage_that_is_over_is_not_told_of_for_another_hour() -> None:
    outage = buckets(6, requests=1000, failed=500, ago=7)
    assert finding(standing(PROMISE, [*outage, *buckets(7, requests=1000)], AT)) is not None, "half an hour ago: six hours still see it"
    old = buckets(6, requests=1000, failed=20, ago=20)
    assert finding(standing(PROMISE, [*old, *buckets(20, requests=1000), *buckets(800, requests=1000, ago=26)], AT)) is None


@pytest.mark.row("A6")
def test_a_service_that_keeps_its_promise_raises_no_alarm_in_a_month() -> None:
    random = np.random.default_rng(7)
    share = 0.0005  # half of what may fail
    failed = random.binomial(200, share, 8640)
    month = [Bucket(start=AT - (8640 - n) * BUCKET, requests=200, failed=int(bad), slow=0) for n, bad in enumerate(failed)]
    alarms = [finding(standing(PROMISE, month[max(0, n - 900) : n], AT - (8640 - n) * BUCKET)) for n in range(1, 8641, 6)]
    assert [alarm for alarm in alarms if alarm is not None] == []


def test_the_newest_bucket_ends_at_the_moment() -> None:
    later = Bucket(start=AT, requests=100, failed=100, slow=0)
    assert standing(PROMISE, [later], AT).requests == 0
    assert standing(PROMISE, [later], AT + BUCKET).requests == 100
    assert standing(PROMISE, [later], AT + timedelta(days=31)).requests == 0
