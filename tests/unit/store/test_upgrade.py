from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from farero.errors import StoreUnavailable
from farero.store import meta, upgrade
from farero.store.database import Store

MIGRATIONS = Path(upgrade.__file__).parent / "migrations"


class _Noon:
    def now(self) -> datetime:
        return datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_the_head_that_is_written_down_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [upgrade.HEAD]


def test_a_database_of_a_newer_farero_is_left_alone(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/state.db")
    with store.write() as conn:
        conn.execute(text("UPDATE farero_revision SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreUnavailable, match="revision 9999, which this Farero does not know") as newer:
        Store.open(f"sqlite:///{tmp_path}/state.db")
    assert not newer.value.retryable


def test_the_time_of_the_upgrade_is_on_record(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/state.db", clock=_Noon())
    with store.read() as conn:
        assert meta.get(conn, "store.upgraded_at") == "2024-05-01T12:00:00+00:00"
    store.close()


def test_an_upgrade_that_breaks_off_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(conn: object, name: str, value: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("farero.store.meta.set", die)
    with pytest.raises(KeyboardInterrupt):
        Store.open(f"sqlite:///{tmp_path}/state.db", clock=_Noon())
    monkeypatch.undo()
    store = Store.open(f"sqlite:///{tmp_path}/state.db", clock=_Noon())
    with store.read() as conn:
        assert meta.get(conn, "store.upgraded_at") is not None
    store.close()


def test_an_up_to_date_database_is_opened_without_importing_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    Store.open(url).close()
    code = f"import sys; from farero.store.database import Store; Store.open({url!r}); print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with pytest.raises(StoreUnavailable, match="unable to open"):
        Store.open(f"sqlite:///{tmp_path}/state.db")
