"""What an installation tells about itself that is not counted on the way: it is looked up, a few times a second, and published."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farero.errors import FareroError
from farero.serving.usage import disk_samples
from farero.store import incidents, job_runs

if TYPE_CHECKING:
    from farero.serving.cache import AnswerCache
    from farero.serving.meters import Cell, Meters
    from farero.serving.pool import Pool
    from farero.serving.router import Router
    from farero.serving.spool import Spool
    from farero.store.database import Store


class Measuring:
    """Sets the gauges of one process."""

    def __init__(
        self,
        *,
        meters: Meters,
        pool: Pool,
        router: Router,
        spool: Spool,
        store: Store,
        caches: Mapping[str, AnswerCache[Any]],
        root: Path,
        models: tuple[str, ...],
        started: datetime,
        version: str,
    ) -> None:
        self._meters = meters
        self._pool = pool
        self._router = router
        self._spool = spool
        self._store = store
        self._caches = caches
        self._root = root
        self._models = models
        self._started = started
        self._version = version
        self._shown: dict[tuple[str, ...], Cell] = {}
        self._counted: dict[tuple[str, str], int] = {}

    def own(self, now: datetime) -> None:
        """What this process alone knows; cheap enough for four times a second."""
        meters = self._meters
        meters.gauge("farero_uptime_seconds").set((now - self._started).total_seconds())
        meters.gauge("farero_spool_backlog_bytes").set(self._spool.waiting_bytes)
        current: dict[tuple[str, ...], Cell] = {}
        behind = [(t.endpoint.model, way.loaded) for t in self._router.tables.values() for way in t.ways if way.loaded is not None]
        for model, loaded in [*behind, *self._pool.loaded.items()]:
            version, engine = loaded.version.number, loaded.engine.kind
            current["loaded", model, version] = meters.gauge("farero_model_loaded", model=model, version=version)
            current["engine", model, version, engine] = meters.gauge("farero_engine_info", model=model, version=version, engine=engine)
        for cell in current.values():
            cell.set(1.0)
        for key, cell in self._shown.items():
            if key not in current:
                cell.clear()
        self._shown = current
        for model, cache in self._caches.items():
            meters.gauge("farero_cache_entries", model=model).set(len(cache))
            self._count("farero_cache_hits_total", model, cache.hits)
            self._count("farero_cache_misses_total", model, cache.misses)
        meters.publish()

    def installation(self) -> None:
        """What is the same whichever process asks, so that one of them does, now and then."""
        meters = self._meters
        meters.gauge("farero_build_info", version=self._version).set(1.0)
        meters.gauge("farero_spool_waiting_bytes").set(self._spool.backlog_bytes())
        oldest = self._spool.oldest_waiting()
        meters.gauge("farero_handover_lag_seconds").set(0.0 if oldest is None else max(0.0, time.time() - oldest))
        for one in disk_samples(self._root):
            meters.gauge(one.name).set(one.value)
        try:
            with self._store.read() as conn:
                for model in self._models:
                    grave = Counter(incident.severity for incident in incidents.open(conn, model))
                    for severity in ("low", "medium", "high", "critical"):
                        meters.gauge("farero_incidents_open", model=model, severity=severity).set(grave[severity])
                waiting = Counter(run.status for run in job_runs.open(conn))
                for status in ("queued", "running"):
                    meters.gauge("farero_jobs_open", status=status).set(waiting[status])
        except FareroError:  # the health check tells it; a figure that cannot be had is left as it was
            return

    def _count(self, name: str, model: str, total: int) -> None:
        before = self._counted.get((name, model), 0)
        self._counted[name, model] = total
        self._meters.counter(name, model=model).add(total - before)
