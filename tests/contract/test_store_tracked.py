"""What a tracker was told, and which reports are due, read alike from both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.benches import T0
from tests.contract.databases import empty
from tests.standin import version
from tests.unit.core.test_run_report import REPORT

from farero.adapters.manual_clock import ManualClock
from farero.core.run import Run
from farero.store import reports, runs, tracked, versions
from farero.store.database import Store

HOUR = timedelta(hours=1)


@pytest.fixture(params=["file", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with empty(request.param, tmp_path) as url:
        made = Store.open(url, clock=ManualClock(T0))
        yield made
        made.close()


@pytest.mark.row("R8", "R9")
def test_what_differs_is_due_once(store: Store) -> None:
    with store.write() as conn:
        runs.start(conn, Run(id=REPORT.id, model="points", kind="retrain", started=T0, because="x"))
        versions.add(conn, version("points", "1.1.0", "candidate", T0))
        runs.finish(conn, REPORT.id, T0, "succeeded", "1.1.0", None)
        assert reports.due(conn, "points", 10) == [(REPORT.id, False)]
        reports.put(conn, REPORT, T0 + HOUR)
        assert reports.due(conn, "points", 10) == []
        assert reports.get(conn, REPORT.id) == REPORT
    with store.write() as conn:
        run, *others = tracked.things(conn, "points")
        assert [(thing.kind, thing.key) for thing in others] == [("version", "1.1.0"), ("aliases", "aliases")]
        assert tracked.claim(conn, run, T0, T0 + HOUR)
        assert not tracked.claim(conn, run, T0, T0 + HOUR)
        tracked.told(conn, run, "7")
        assert tracked.all(conn, "points")["run", REPORT.id].remote == "7"
    with store.write() as conn:
        versions.move(conn, "points", "1.1.0", source="candidate", target="staging", at=T0 + 2 * HOUR, by="ana", because="x")
        assert reports.due(conn, "points", 10) == [(REPORT.id, True)]
        again = tracked.things(conn, "points")[0]
        assert again.stamp != run.stamp
        assert tracked.claim(conn, again, T0, T0 + HOUR)
        tracked.failed(conn, again, "down", T0 + 9 * HOUR)
        assert tracked.hurry(conn, "points") == 1
        assert (tracked.staging(conn, "points"), tracked.run_of(conn, "points", "1.1.0")) == ("1.1.0", REPORT.id)
