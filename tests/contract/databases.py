"""Every kind of state database that the contract is run on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest

SERVER = os.environ.get("FARERO_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test")


@cache
def postgres_absent() -> str | None:
    """Why PostgreSQL cannot be tested here, or None."""
    try:
        import psycopg
    except ImportError:
        return "the PostgreSQL driver (psycopg) is not installed"
    try:
        psycopg.connect(_plain(), connect_timeout=3).close()
    except psycopg.Error as down:
        return f"no PostgreSQL at {SERVER}: {str(down).strip().splitlines()[0]}"
    return None


@contextmanager
def empty(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of this kind, gone afterwards."""
    if kind == "file":
        yield f"sqlite:///{folder}/state.db"
        return
    absent = postgres_absent()
    if absent:
        pytest.skip(absent)
    import psycopg

    schema = f"farero_{uuid4().hex}"
    with psycopg.connect(_plain(), autocommit=True) as conn:
        conn.execute(f"CREATE SCHEMA {schema}")
        try:
            yield f"{SERVER}?options={quote(f'-csearch_path={schema}')}"
        finally:
            conn.execute(f"DROP SCHEMA {schema} CASCADE")
            conn.execute(f"DROP SCHEMA IF EXISTS {schema}_jobs CASCADE")  # DBOS's own


def _plain() -> str:
    return SERVER.replace("postgresql+psycopg", "postgresql")
