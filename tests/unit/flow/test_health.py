from __future__ import annotations

from dataclasses import replace

import pytest
from tests.benches import Installation, day

from farero.core.finding import Finding
from farero.core.health import Health
from farero.errors import StoreUnavailable
from farero.flow.health import BACKLOG_BYTES, HealthCheck
from farero.store import meta


def assess(here: Installation, *, broken: dict[str, str] | None = None) -> Health:
    loop = here.loop
    check = HealthCheck(
        models=("points",), store=here.bench.store, log=loop.record.log, pool=loop.predict.pool, spool=loop.predict.spool
    )  # fmt: skip
    return check.assess(version="0.1.0", uptime_s=12.0, answered={"points": 3}, broken=broken or {})


@pytest.mark.row("S3")
def test_a_served_model_is_healthy_and_says_by_which_version_and_for_how_many_rows(here: Installation) -> None:
    health = assess(here)
    (model,) = health.models
    assert (health.status, health.version, health.uptime_s) == ("healthy", "0.1.0", 12.0)
    assert (model.status, model.version, model.loaded, model.predictions) == ("healthy", "1.0.0", True, 3)
    here.predict(0)
    assert assess(here).predictions == 40


@pytest.mark.row("S3")
def test_a_model_without_a_version_makes_the_installation_unhealthy(here: Installation) -> None:
    here.loop.predict.pool.drop("points")
    health = assess(here)
    assert (health.status, health.models[0].loaded, health.models[0].version) == ("unhealthy", False, None)
    assert "No version of points is in production" in health.models[0].because


@pytest.mark.row("S3")
def test_a_version_that_cannot_be_loaded_is_unhealthy_and_says_why(here: Installation) -> None:
    health = assess(here, broken={"points": "model.pkl is changed"})
    assert (health.status, health.models[0].because) == ("unhealthy", "model.pkl is changed")


@pytest.mark.row("S3")
def test_a_grave_incident_degrades_its_model(here: Installation) -> None:
    found = Finding(kind="PERFORMANCE_DEGRADATION", subject="mae", severity="high", value=9.0, limit=1.0, because="mae is 9")
    here.loop.alert.update(day(0), "1.0.0", [found])
    health = assess(here)
    assert (health.status, health.models[0].because) == ("degraded", "PERFORMANCE_DEGRADATION: mae is 9")


@pytest.mark.row("S3")
def test_which_engine_answers_is_told_with_the_reason(here: Installation) -> None:
    here.loop.predict.pool.production("points").engine.detail = "PCA is not among the steps that are compiled"
    (model,) = assess(here).models
    assert (model.engine, model.engine_detail) == ("original", "PCA is not among the steps that are compiled")


@pytest.mark.row("S3")
def test_a_model_that_answers_otherwise_than_when_it_was_trained_is_degraded_and_says_why(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = here.loop.predict.pool
    moved = replace(pool.production("points"), moved="the model answers differently from when it was trained, with numpy 9")
    monkeypatch.setattr(pool, "production", lambda model: moved)
    assert (assess(here).status, assess(here).models[0].because) == ("degraded", moved.moved)
    found = Finding(kind="PERFORMANCE_DEGRADATION", subject="mae", severity="high", value=9.0, limit=1.0, because="mae is 9")
    here.loop.alert.update(day(0), "1.0.0", [found])
    assert assess(here).models[0].because == f"PERFORMANCE_DEGRADATION: mae is 9; {moved.moved}"


def test_the_last_turn_is_shown(here: Installation) -> None:
    assert assess(here).checks[0].detail == "no turn of the loop yet"
    with here.bench.store.write() as conn:
        meta.set(conn, "worker.beat", "2024-01-01T00:00:00+00:00")
    assert assess(here).checks[0].detail == "last turn of the loop 2024-01-01T00:00:00+00:00"


def test_predictions_that_nobody_hands_over_degrade(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here.loop.predict.spool, "backlog_bytes", lambda: BACKLOG_BYTES)
    assert assess(here).status == "degraded"


def test_a_state_database_that_does_not_answer_is_a_finding_and_no_crash() -> None:
    class Down:
        def read(self) -> None:
            raise StoreUnavailable("The state database does not answer.")

    class Empty:
        def backlog_bytes(self) -> int:
            return 0

    check = HealthCheck(models=(), store=Down(), log=None, pool=None, spool=Empty())  # type: ignore[arg-type]
    health = check.assess(version="0.1.0", uptime_s=0.0, answered={}, broken={})
    assert (health.status, health.checks[0].detail) == ("unhealthy", "The state database does not answer.")
