"""Processes of a service are killed again and again under load: what was acknowledged is in the log exactly once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kills import VICTIMS, kill_rounds
from tests.running import make_lines

ROUNDS = 30
SEED = 20260101


@pytest.mark.row("L1", "S3")
def test_thirty_kills_of_workers_keepers_and_supervisors_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    root = make_lines(tmp_path / "lines")
    found = kill_rounds(root, ROUNDS, seed=SEED)
    assert found.kills.total() == ROUNDS
    assert all(found.kills[victim] >= 3 for victim in VICTIMS)
    assert found.acknowledged > 10 * ROUNDS, "too few requests came through to prove anything"
    assert (found.lost, found.doubled, found.other) == (0, 0, 0)
    assert found.loads
    assert found.slowest_end_s < 10
