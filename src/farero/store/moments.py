"""Times in the database: moments as microseconds and dates as days, whole numbers that mean the same on every database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import BigInteger, Dialect, Integer, TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH_DAY = EPOCH.date()


def to_us(time: datetime) -> int:
    """Microseconds since 1970 UTC; exact, unlike `timestamp()`, which goes through a float."""
    if time.tzinfo is None:
        raise ValueError(f"{time} has no zone: times are aware")
    return (time - EPOCH) // _MICROSECOND


def from_us(value: int) -> datetime:
    """The aware UTC time that `to_us` made."""
    return EPOCH + timedelta(microseconds=value)


class Moment(TypeDecorator[datetime]):
    """An aware time as whole microseconds: sorts and compares alike on every database, and never loses its zone."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else to_us(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else from_us(value)


class Day(TypeDecorator[date]):
    """A day as whole days since 1970."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - _EPOCH_DAY).days

    def process_result_value(self, value: int | None, dialect: Dialect) -> date | None:  # noqa: ARG002
        return None if value is None else _EPOCH_DAY + timedelta(days=value)
