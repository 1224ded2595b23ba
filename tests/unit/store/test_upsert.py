from __future__ import annotations

from sqlalchemy import select

from farero.store import tables
from farero.store.database import Store
from farero.store.upsert import insert_once, upsert


def test_insert_once_leaves_what_is_there(store: Store) -> None:
    with store.write() as conn:
        assert insert_once(conn, tables.meta, {"name": "a", "value": "1"})
        assert not insert_once(conn, tables.meta, {"name": "a", "value": "2"})
        assert conn.execute(select(tables.meta)).all() == [("a", "1")]


def test_upsert_replaces_only_the_columns_named(store: Store) -> None:
    with store.write() as conn:
        upsert(conn, tables.production, {"model": "a", "number": "1.0.0", "revision": 1}, replace=("revision",))
        upsert(conn, tables.production, {"model": "a", "number": "2.0.0", "revision": 2}, replace=("revision",))
        assert conn.execute(select(tables.production)).all() == [("a", "1.0.0", 2)]
