from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.store.values import T0

from farero.core.objective import BUCKET, Bucket
from farero.store import buckets
from farero.store.database import Store


def bucket(number: int, requests: int = 10) -> Bucket:
    return Bucket(start=T0 + number * BUCKET, requests=requests, failed=1, slow=2)


@pytest.mark.row("A6")
def test_buckets_come_back_in_order_and_a_later_count_replaces_an_earlier_one(store: Store) -> None:
    with store.write() as conn:
        for number in (2, 0, 1):
            buckets.put(conn, "churn", bucket(number))
        buckets.put(conn, "churn", bucket(1, requests=11))
        buckets.put(conn, "risk", bucket(7))
        assert buckets.since(conn, "churn", T0) == [bucket(0), bucket(1, requests=11), bucket(2)]
        assert buckets.since(conn, "churn", T0 + timedelta(seconds=1)) == [bucket(1, requests=11), bucket(2)]
        assert buckets.last(conn, "churn") == T0 + 2 * BUCKET
        assert buckets.last(conn, "absent") is None


def test_old_buckets_are_forgotten(store: Store) -> None:
    with store.write() as conn:
        for number in range(3):
            buckets.put(conn, "churn", bucket(number))
        buckets.put(conn, "risk", bucket(0))
        buckets.forget(conn, "churn", T0 + 2 * BUCKET)
        assert buckets.since(conn, "churn", T0) == [bucket(2)]
        assert buckets.since(conn, "risk", T0) == [bucket(0)]
