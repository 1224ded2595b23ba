"""The store that unit tests use: in memory. `tests/contract/test_store.py` runs the same tests on files and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from farero.store.database import Store


@pytest.fixture
def store() -> Iterator[Store]:
    memory = Store.memory()
    yield memory
    memory.close()
