from __future__ import annotations

from farero.store import meta
from farero.store.database import Store


def test_a_fact_is_read_back_and_written_over(store: Store) -> None:
    with store.write() as conn:
        assert meta.get(conn, "worker.beat") is None
        meta.set(conn, "worker.beat", "noon")
        meta.set(conn, "worker.beat", "one o'clock")
        assert meta.get(conn, "worker.beat") == "one o'clock"
