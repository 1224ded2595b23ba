from __future__ import annotations

import pytest
from tests.unit.store.values import DAY, T0

from farero.core.contest import Difference
from farero.core.gate import Verdict
from farero.core.guards import Check
from farero.store import verdicts
from farero.store.database import Store

LOST = Verdict(accepted=False, metric={"current": 1.0, "candidate": 2.0}, because=("worse",))
WON = Verdict(
    accepted=True, metric={"current": 2.0, "candidate": 1.0}, because=("better",), rows=40, against="1.0.0",
    checks=(
        Check(name="rows", passed=True, because="40 held-out rows", figures={"rows": 40.0}),
        Check(name="scan", passed=None, because="no pickle"),
    ),
    differences=(Difference(metric="mae", current=2.0, candidate=1.0, gain=1.0, low=0.5, high=1.5, better=0.99, rows=40),),
)  # fmt: skip


@pytest.mark.row("R6")
def test_the_newest_verdict_on_a_version_comes_back_whole(store: Store) -> None:
    with store.write() as conn:
        verdicts.add(conn, "churn", "1.1.0", LOST, T0)
        verdicts.add(conn, "churn", "1.1.0", WON, T0 + DAY)
        verdicts.add(conn, "risk", "1.1.0", LOST, T0 + DAY)
    with store.read() as conn:
        assert verdicts.newest(conn, "churn", "1.1.0") == (T0 + DAY, WON)
        assert verdicts.newest(conn, "churn", "1.0.0") is None
