from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, MetaData, Table, create_engine, select

from farero.store.moments import Day, Moment, from_us, to_us


def test_a_moment_is_kept_to_the_microsecond_and_comes_back_in_utc() -> None:
    exact = datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)
    assert from_us(to_us(exact)) == exact
    assert to_us(exact.astimezone(timezone(timedelta(hours=5)))) == to_us(exact)
    assert to_us(datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)) == -1_000_000
    with pytest.raises(ValueError, match="has no zone"):
        to_us(datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None))


def test_moments_and_days_go_through_a_database_unchanged() -> None:
    table = Table("t", MetaData(), Column("at", Moment), Column("day", Day))
    rows = [(datetime(2024, 1, 1, tzinfo=UTC), date(1969, 12, 31)), (None, None)]
    engine = create_engine("sqlite://")
    with engine.begin() as conn:
        table.create(conn)
        conn.execute(table.insert(), [{"at": at, "day": day} for at, day in rows])
        assert [tuple(row) for row in conn.execute(select(table))] == rows
