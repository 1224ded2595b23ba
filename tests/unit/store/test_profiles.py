from __future__ import annotations

from tests.unit.store.values import day

from farero.store import profiles
from farero.store.database import Store


def test_a_profile_belongs_to_one_version_and_window(store: Store) -> None:
    with store.write() as conn:
        profiles.put(conn, "churn", "1.0.0", day(0), b"\x00\xffbytes")
        assert profiles.get(conn, "churn", "1.0.0", day(0)) == b"\x00\xffbytes"
        assert profiles.get(conn, "churn", "1.1.0", day(0)) is None
        assert profiles.get(conn, "churn", "1.0.0", day(1)) is None


def test_a_recomputed_profile_replaces_the_one_before(store: Store) -> None:
    with store.write() as conn:
        profiles.put(conn, "churn", "1.0.0", day(0), b"old")
        profiles.put(conn, "churn", "1.0.0", day(0), b"new")
        assert profiles.get(conn, "churn", "1.0.0", day(0)) == b"new"


def test_profiles_of_whole_windows_in_a_span_come_oldest_first(store: Store) -> None:
    with store.write() as conn:
        for number in (3, 1, 2, 0):
            profiles.put(conn, "churn", "1.0.0", day(number), str(number).encode())
        found = profiles.between(conn, "churn", "1.0.0", day(1).start, day(2).end)
    assert found == [(day(1), b"1"), (day(2), b"2")]
