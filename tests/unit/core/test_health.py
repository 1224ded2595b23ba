"""Health is as bad as its worst part."""

from __future__ import annotations

import pytest

from farero.core.health import Health, ModelHealth, worst_status


@pytest.mark.row("S3")
def test_the_worst_part_decides_and_nothing_to_complain_about_is_healthy() -> None:
    assert worst_status(["healthy", "degraded", "healthy"]) == "degraded"
    assert worst_status(["degraded", "unhealthy"]) == "unhealthy"
    assert worst_status([]) == "healthy"


@pytest.mark.row("S3")
def test_predictions_are_counted_over_all_models() -> None:
    models = tuple(
        ModelHealth(model=name, status="healthy", version="1.0.0", loaded=True, engine="original", predictions=count)
        for name, count in (("a", 3), ("b", 4))
    )
    assert Health(status="healthy", version="1", uptime_s=1.0, models=models).predictions == 7
