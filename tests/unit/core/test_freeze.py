from __future__ import annotations

from datetime import UTC, datetime

import pytest

from farero.core.freeze import Freeze


@pytest.mark.row("R7")
def test_a_freeze_says_why_by_whom_and_since_when() -> None:
    freeze = Freeze(model="churn", at=datetime(2026, 5, 1, 9, 30, tzinfo=UTC), by="ana", because="inventory")
    assert str(freeze) == "inventory (ana, 2026-05-01 09:30)"
