"""health: how the models and the parts of an installation are doing, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from farero.core.health import Check, Health, ModelHealth, Status, worst_status
from farero.errors import FareroError, NotReady
from farero.ports import PredictionLog
from farero.serving.pool import Pool
from farero.serving.spool import Spool
from farero.store import incidents, meta
from farero.store.database import Store

BACKLOG_BYTES = 256 << 20
"""More recorded predictions than this waiting for the log mean that nobody hands them over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """Looks at one installation."""

    models: Sequence[str]
    store: Store
    log: PredictionLog
    pool: Pool
    spool: Spool

    def assess(self, *, version: str, uptime_s: float, answered: Mapping[str, int], broken: Mapping[str, object]) -> Health:
        """How everything is now.

        Args:
            version: Farero's own.
            answered: rows that this process answered, by model.
            broken: models whose version in production cannot be loaded, and why.
        """
        checks = [self._state(), self._spooled()]
        models = [self._model(model, answered.get(model, 0), str(broken.get(model, ""))) for model in self.models]
        status = worst_status([*(model.status for model in models), *(check.status for check in checks)])
        return Health(status=status, version=version, uptime_s=uptime_s, models=tuple(models), checks=tuple(checks))

    def _model(self, model: str, answered: int, broken: str) -> ModelHealth:
        span = self.log.span(model)
        predictions = max(span[2] if span else 0, answered)
        expected = self.pool.expected(model)
        if expected is not None and not broken:
            return ModelHealth(
                model=model, status="healthy", version=expected.number, loaded=False, engine=None, predictions=predictions,
                because="Not in memory now; its next request loads it.",
            )  # fmt: skip
        try:
            loaded = None if broken else self.pool.production(model)
        except NotReady as absent:
            loaded, broken = None, str(absent)
        if loaded is None:
            return ModelHealth(
                model=model, status="unhealthy", version=None, loaded=False, engine=None, predictions=predictions, because=broken
            )
        with self.store.read() as conn:
            grave = [incident for incident in incidents.open(conn, model) if incident.severity in ("high", "critical")]
        reasons = [*(f"{incident.kind}: {incident.because}" for incident in grave[:1]), *([loaded.moved] if loaded.moved else [])]
        return ModelHealth(
            model=model,
            status="degraded" if reasons else "healthy",
            version=loaded.version.number,
            loaded=True,
            engine=loaded.engine.kind,
            predictions=predictions,
            because="; ".join(reasons),
            engine_detail=loaded.engine.detail,
        )

    def _state(self) -> Check:
        try:
            with self.store.read() as conn:
                beat = meta.get(conn, "worker.beat")
        except FareroError as failure:
            return Check(name="state", status="unhealthy", detail=str(failure))
        return Check(name="state", status="healthy", detail=f"last turn of the loop {beat}" if beat else "no turn of the loop yet")

    def _spooled(self) -> Check:
        waiting = self.spool.backlog_bytes()
        status: Status = "healthy" if waiting < BACKLOG_BYTES else "degraded"
        return Check(name="log", status=status, detail=f"{waiting} bytes wait to be handed over")
