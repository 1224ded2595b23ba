from __future__ import annotations

from datetime import timedelta

import pytest
from tests.benches import T0
from tests.standin import version
from tests.unit.core.test_run_report import REPORT

from farero.adapters.manual_clock import ManualClock
from farero.core.run import Run
from farero.store import reports, runs, versions
from farero.store.database import Store

HOUR = timedelta(hours=1)


@pytest.mark.row("R8")
def test_a_report_is_due_when_a_run_ends_and_again_when_its_version_moves() -> None:
    store = Store.memory(clock=ManualClock(T0))
    with store.write() as conn:
        runs.start(conn, Run(id=REPORT.id, model="points", kind="retrain", started=T0, because="x"))
        versions.add(conn, version("points", "1.1.0", "candidate", T0))
        assert reports.due(conn, "points", 10) == []
        runs.finish(conn, REPORT.id, T0, "succeeded", "1.1.0", None)
        assert reports.due(conn, "points", 10) == [(REPORT.id, False)]
        assert reports.get(conn, REPORT.id) is None
        reports.put(conn, REPORT, T0 + HOUR)
        assert reports.get(conn, REPORT.id) == REPORT
        assert reports.due(conn, "points", 10) == []
        versions.move(conn, "points", "1.1.0", source="candidate", target="staging", at=T0 + 2 * HOUR, by="ana", because="x")
        assert reports.due(conn, "points", 10) == [(REPORT.id, True)]
        assert reports.due(conn, "others", 10) == []
