from __future__ import annotations

import pytest
from tests.unit.store.values import DAY, T0

from farero.core.approval import Approval
from farero.store import approvals
from farero.store.database import Store


@pytest.mark.row("R2")
def test_what_was_said_of_a_version_stays_in_order(store: Store) -> None:
    no = Approval(model="churn", number="1.1.0", by="ana", role="risk", approved=False, at=T0, because="too soon")
    yes = Approval(model="churn", number="1.1.0", by="ana", role="risk", approved=True, at=T0 + DAY, because="seen")
    with store.write() as conn:
        assert approvals.add(conn, no) == no
        approvals.add(conn, yes)
        approvals.add(conn, Approval(model="churn", number="1.2.0", by="ben", role="risk", approved=True, at=T0, because=""))
        assert approvals.of(conn, "churn", "1.1.0") == (no, yes)
        assert approvals.of(conn, "risk", "1.1.0") == ()
