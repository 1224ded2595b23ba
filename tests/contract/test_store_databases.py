"""Both databases migrate from nothing, start twice at once, serialise writers and isolate readers alike."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tests.contract.databases import empty
from tests.unit.store.values import T0, message, move, to_production, version

from farero.errors import FareroError, StaleDecision, StoreUnavailable
from farero.store import meta, outbox, versions
from farero.store.database import Store
from farero.store.tables import metadata
from farero.store.upgrade import REVISION_TABLE


@pytest.fixture(params=["file", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with empty(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def stores(url: str) -> Iterator[Callable[[], Store]]:
    """Opens further stores on the same database, as other processes would."""
    opened: list[Store] = []

    def another() -> Store:
        opened.append(Store.open(url))
        return opened[-1]

    yield another
    for store in opened:
        store.close()


def test_migrations_make_the_tables_that_the_code_declares(stores: Callable[[], Store]) -> None:
    with stores().read() as conn:
        context = MigrationContext.configure(conn, opts={"version_table": REVISION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_processes_that_start_on_an_empty_database_at_once_all_come_up(url: str) -> None:
    code = (
        "import sys; from farero.store.database import Store; from farero.store import meta\n"
        "import alembic.command, alembic.config, alembic.script\n"  # so that they meet in the migration, not in imports
        "print('ready', flush=True); sys.stdin.readline()\n"
        f"store = Store.open({url!r})\n"
        "with store.write() as conn: meta.set(conn, sys.argv[1], 'up')\n"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, f"p{number}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for number in range(3)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
    store = Store.open(url)
    with store.read() as conn:
        assert [meta.get(conn, f"p{number}") for number in range(3)] == ["up", "up", "up"]
    store.close()


def test_what_a_write_has_read_stays_true_until_it_commits(stores: Callable[[], Store]) -> None:
    def count(store: Store) -> None:
        for _ in range(20):
            with store.write() as conn:
                meta.set(conn, "n", str(int(meta.get(conn, "n") or 0) + 1))

    four = [stores() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, four))
    with four[0].read() as conn:
        assert meta.get(conn, "n") == "80"


@pytest.mark.row("R1")
def test_of_two_promotions_of_one_version_at_once_one_is_stale(stores: Callable[[], Store]) -> None:
    first, second = stores(), stores()
    with first.write() as conn:
        versions.add(conn, version())
        move(conn, "1.0.0", "candidate", "staging")
    together = threading.Barrier(2)

    def promote(store: Store) -> str:
        together.wait(10)
        try:
            with store.write() as conn:
                move(conn, "1.0.0", "staging", "production")
        except StaleDecision:
            return "stale"
        return "moved"

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(promote, [first, second])) == ["moved", "stale"]
    with first.read() as conn:
        assert [step.target for step in versions.moves(conn, "churn")] == ["candidate", "staging", "production"]


@pytest.mark.row("R1")
def test_however_many_promote_at_once_one_version_is_in_production(stores: Callable[[], Store]) -> None:
    workers = [stores() for _ in range(4)]
    with workers[0].write() as conn:
        to_production(conn, "1.0.0")
        for minor in range(1, 5):
            versions.add(conn, version(f"1.{minor}.0"))
            move(conn, f"1.{minor}.0", "candidate", "staging")

    def promote(pair: tuple[int, Store]) -> None:
        with pair[1].write() as conn:
            move(conn, f"1.{pair[0] + 1}.0", "staging", "production")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(promote, enumerate(workers)))
    with workers[0].read() as conn:
        states = [known.state for known in versions.all(conn, "churn")]
        holder = versions.production(conn, "churn")
        assert holder is not None
        assert versions.production_stamp(conn) == {"churn": (holder.number, 5)}
    assert sorted(states) == ["archived"] * 4 + ["production"]


def test_the_database_itself_refuses_a_second_version_in_production(stores: Callable[[], Store]) -> None:
    store = stores()
    with store.write() as conn:
        to_production(conn, "1.0.0")
        versions.add(conn, version("1.1.0"))
    with pytest.raises(FareroError) as refused, store.write() as conn:
        conn.exec_driver_sql("UPDATE farero_versions SET state = 'production' WHERE number = '1.1.0'")
    assert refused.value.code == "conflict"


@pytest.mark.row("A2")
def test_no_message_is_claimed_by_two(stores: Callable[[], Store]) -> None:
    workers = [stores() for _ in range(3)]
    with workers[0].write() as conn:
        for number in range(60):
            outbox.put(conn, "console", message(f"m{number}"))

    def drain(store: Store) -> list[str]:
        mine: list[str] = []
        while True:
            with store.write() as conn:
                claimed = outbox.claim(conn, T0, 60, 4)
            if not claimed:
                return mine
            mine += [delivery.message.id for delivery in claimed]

    with ThreadPoolExecutor(3) as threads:
        claimed = [told for mine in threads.map(drain, workers) for told in mine]
    assert sorted(claimed) == sorted(f"m{number}" for number in range(60))


def test_a_reader_sees_one_moment_while_others_write(stores: Callable[[], Store]) -> None:
    reader, writer = stores(), stores()
    with writer.write() as conn:
        meta.set(conn, "a", "1")
    with reader.read() as seen:
        assert meta.get(seen, "a") == "1"
        with ThreadPoolExecutor(1) as threads:
            threads.submit(_write, writer, "2").result(10)
        assert meta.get(seen, "a") == "1"
    with reader.read() as seen:
        assert meta.get(seen, "a") == "2"


def test_a_reader_cannot_write(stores: Callable[[], Store]) -> None:
    store = stores()
    with pytest.raises(StoreUnavailable, match=r"(?i)read-?only"), store.read() as conn:
        meta.set(conn, "a", "1")
    with store.write() as conn:
        meta.set(conn, "a", "2")
        assert meta.get(conn, "a") == "2"


def test_a_process_that_is_killed_while_it_writes_leaves_nothing_and_locks_nobody_out(url: str, stores: Callable[[], Store]) -> None:
    store = stores()
    code = (
        "import os, signal; from farero.store.database import Store; from farero.store import meta\n"
        f"store = Store.open({url!r})\n"
        "with store.write() as conn:\n"
        "    meta.set(conn, 'half', 'done')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    with store.write() as conn:
        assert meta.get(conn, "half") is None
        meta.set(conn, "whole", "done")


def _write(store: Store, value: str) -> None:
    with store.write() as conn:
        meta.set(conn, "a", value)
