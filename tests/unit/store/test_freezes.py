from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.store.values import DAY, T0

from farero.core.freeze import Freeze
from farero.store import freezes
from farero.store.database import Store

FREEZE = Freeze(model="churn", at=T0, by="ana", because="inventory")


@pytest.mark.row("R7")
def test_a_freeze_holds_for_its_model_until_it_is_lifted(store: Store) -> None:
    with store.write() as conn:
        assert freezes.of(conn, "churn") is None
        assert freezes.put(conn, FREEZE) == FREEZE
        assert freezes.of(conn, "churn") == FREEZE
        assert freezes.of(conn, "risk") is None
        assert freezes.lift(conn, "churn") == FREEZE
        assert freezes.lift(conn, "churn") is None
        assert freezes.of(conn, "churn") is None


def test_a_second_freeze_replaces_the_reason(store: Store) -> None:
    with store.write() as conn:
        freezes.put(conn, FREEZE)
        later = freezes.put(conn, replace(FREEZE, at=T0 + DAY, because="holidays"))
        assert freezes.of(conn, "churn") == later
