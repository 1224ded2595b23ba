from __future__ import annotations

from datetime import UTC, datetime

from farero.core.run import Run


def test_a_run_that_just_began_is_running_and_has_no_end() -> None:
    run = Run(id="a", model="churn", kind="train", started=datetime(2024, 5, 1, tzinfo=UTC), because="asked for")
    assert (run.status, run.finished, run.version, run.error) == ("running", None, None, None)
