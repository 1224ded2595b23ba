"""The store keeps its promises on a SQLite file and on PostgreSQL as it does in memory: every test of `tests/unit/store` runs on them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from tests.contract.databases import empty

from farero.store.database import Store
from farero.store.tables import metadata

NOUNS = (
    "versions",
    "endpoints",
    "steps",
    "observations",
    "profiles",
    "incidents",
    "decisions",
    "detectors",
    "runs",
    "outbox",
    "refusals",
    "meta",
    "labels",
    "upsert",
    "rollouts",
    "approvals",
    "freezes",
    "buckets",
    "heats",
    "job_runs",
    "reports",
    "verdicts",
)

for noun in NOUNS:
    suite = import_module(f"tests.unit.store.test_{noun}")
    for name, value in list(vars(suite).items()):
        if name.startswith("test_"):
            globals()[f"test_{noun}__{name.removeprefix('test_')}"] = value


@pytest.fixture(scope="module", params=["file", "postgresql"])
def _opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with empty(request.param, Path(tmp_path_factory.mktemp("store"))) as url:
        store = Store.open(url)
        yield store
        store.close()


@pytest.fixture
def store(_opened: Store) -> Iterator[Store]:
    """The one database of the module, without rows."""
    yield _opened
    with _opened.write() as conn:
        for table in reversed(metadata.sorted_tables):
            conn.execute(table.delete())


def test_every_noun_of_the_store_is_run_here() -> None:
    folder = Path(import_module("farero.store.database").__file__ or "").parent
    plumbing = {"database", "tables", "codec", "upgrade", "moments", "__init__"}
    elsewhere = {"journal", "tracked"}  # the one writes through runs, the other has tests/contract/test_store_tracked.py
    assert {path.stem for path in folder.glob("*.py")} - plumbing - elsewhere == set(NOUNS)
