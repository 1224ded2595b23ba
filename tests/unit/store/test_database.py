from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.unit.store.values import version

from farero.errors import ConfigInvalid, Conflict, Corrupt, FareroError, StoreUnavailable
from farero.store import meta, versions
from farero.store.database import Store


def _open(folder: Path) -> Store:
    return Store.open(f"sqlite:///{folder}/state.db")


def test_a_file_store_is_made_with_its_folder_and_keeps_what_was_written(tmp_path: Path) -> None:
    first = _open(tmp_path / "a" / "b")
    with first.write() as conn:
        versions.add(conn, version())
    first.close()
    second = _open(tmp_path / "a" / "b")
    with second.read() as conn:
        assert versions.get(conn, "churn", "1.0.0") == version()
    second.close()


def test_a_file_store_survives_a_power_cut_and_lets_readers_read_beside_a_writer(tmp_path: Path) -> None:
    store = _open(tmp_path)
    with store.read() as conn:
        assert conn.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert conn.execute(text("PRAGMA synchronous")).scalar() == 2, "2 is FULL"
        assert conn.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert conn.execute(text("PRAGMA busy_timeout")).scalar() == 10_000
    store.close()


def test_a_transaction_inside_another_is_said_to_be_a_bug() -> None:
    store = Store.memory()
    with store.write(), pytest.raises(RuntimeError, match="open in this thread already"), store.read():
        pass
    with store.read() as conn:
        assert meta.get(conn, "a") is None
    store.close()


def test_threads_of_one_memory_store_wait_for_each_other() -> None:
    store = Store.memory()

    def count() -> None:
        for _ in range(25):
            with store.write() as conn:
                meta.set(conn, "n", str(int(meta.get(conn, "n") or 0) + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as conn:
        assert meta.get(conn, "n") == "100"
    store.close()


@pytest.mark.parametrize("url", ["nonsense", "mysql://localhost/x", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_names_no_database_of_ours_is_a_fault_of_the_configuration(url: str) -> None:
    with pytest.raises(ConfigInvalid) as wrong:
        Store.open(url)
    assert "sqlite:///" in str(wrong.value)


def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("this is a text file, and long enough to be looked at " * 100)
    with pytest.raises(Corrupt, match="damaged"):
        _open(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be made") as refused:
        Store.open(f"sqlite:///{tmp_path}/file/state.db")
    assert not refused.value.retryable


def test_a_database_that_does_not_answer_is_unavailable_and_hides_the_password() -> None:
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed")
    with pytest.raises(StoreUnavailable) as down:
        Store.open("postgresql+psycopg://ana:secret@127.0.0.1:9/none")
    assert down.value.retryable
    assert "secret" not in str(down.value)
    assert "farero.toml" in str(down.value)


def test_a_full_disk_keeps_nothing_of_the_transaction_and_the_store_goes_on(tmp_path: Path) -> None:
    store = _open(tmp_path)
    with store.write() as conn:
        meta.set(conn, "before", "kept")
    with pytest.raises(StoreUnavailable, match="full") as full:
        _fill_up(store)
    assert "Make room" in str(full.value)
    with store.write() as conn:
        conn.execute(text("PRAGMA max_page_count = 1073741823"))
        assert meta.get(conn, "before") == "kept"
        assert meta.get(conn, "lost") is None
        meta.set(conn, "after", "kept")
    store.close()


def test_a_writer_that_waits_too_long_says_that_it_may_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farero.store.database.BUSY_S", 0)
    store = _open(tmp_path)
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked") as busy, store.write():
        pass
    assert busy.value.retryable
    with store.read() as conn:
        assert meta.get(conn, "a") is None, "readers do not wait for a writer"
    other.rollback()
    other.close()
    with store.write() as conn:
        meta.set(conn, "a", "b")
    store.close()


def test_a_rule_of_the_database_that_is_broken_is_a_conflict() -> None:
    store = Store.memory()
    with pytest.raises(Conflict), store.write() as conn:
        conn.execute(text("INSERT INTO farero_meta (name, value) VALUES ('a', NULL)"))
    store.close()


def test_our_own_errors_pass_through_unchanged() -> None:
    store = Store.memory()
    with pytest.raises(FareroError) as raised, store.write() as conn:
        versions.get(conn, "churn", "1.0.0")
    assert raised.value.code == "version-not-found"
    store.close()


def _fill_up(store: Store) -> None:
    with store.write() as conn:
        conn.execute(text("PRAGMA max_page_count = 1"))  # SQLite then answers as it does on a full disk
        meta.set(conn, "lost", "x" * 4_000_000)
