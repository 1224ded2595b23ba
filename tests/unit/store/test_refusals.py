from __future__ import annotations

from datetime import date

import pytest

from farero.store import refusals
from farero.store.database import Store
from farero.store.refusals import Refusals

FIRST, SECOND, THIRD = date(2024, 5, 1), date(2024, 5, 2), date(2024, 5, 3)


@pytest.mark.row("S2")
def test_refusals_are_counted_by_day_field_and_reason(store: Store) -> None:
    with store.write() as conn:
        refusals.add(conn, "churn", FIRST, "tenure", "below-min")
        refusals.add(conn, "churn", FIRST, "tenure", "below-min", 4)
        refusals.add(conn, "churn", FIRST, "charge", "missing", 9)
        refusals.add(conn, "churn", SECOND, "tenure", "below-min", 2)
        refusals.add(conn, "churn", THIRD, "tenure", "below-min", 2)
        refusals.add(conn, "risk", FIRST, "tenure", "below-min", 2)
        found = refusals.between(conn, "churn", FIRST, THIRD)
    assert found == [
        Refusals(day=FIRST, path="charge", code="missing", count=9),
        Refusals(day=FIRST, path="tenure", code="below-min", count=5),
        Refusals(day=SECOND, path="tenure", code="below-min", count=2),
    ]
