from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from farero.adapters.manual_clock import ManualClock
from farero.core.competition import Heat
from farero.store import heats
from farero.store.database import Store

AT = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.row("R5")
def test_a_heat_is_stored_once_and_found_by_its_retraining_and_entrant() -> None:
    store = Store.memory(clock=ManualClock(AT))
    won, failed = Heat(entrant="all history", rows=90, cpu_s=1.5, loss=2.0), Heat(entrant="90d", rows=3, failed="only 3 rows")
    with store.write() as conn:
        assert heats.add(conn, "m", "loop/1", won, AT)
        assert heats.add(conn, "m", "loop/1", failed, AT + timedelta(seconds=1))
        assert not heats.add(conn, "m", "loop/1", Heat(entrant="all history", rows=1), AT)
    with store.read() as conn:
        assert heats.find(conn, "m", "loop/1", "all history") == won
        assert heats.find(conn, "m", "loop/2", "all history") is None
        assert heats.all(conn, "m", "loop/1") == heats.all(conn, "m") == [won, failed]
        assert heats.all(conn, "other") == []
