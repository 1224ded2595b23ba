"""What is looked up and published: engines in memory, the cache, the log's backlog, the disk, open incidents."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.benches import T0
from tests.standin import lived

from farero.adapters.manual_clock import ManualClock
from farero.app.measuring import Measuring
from farero.errors import StoreUnavailable
from farero.serving.cache import AnswerCache
from farero.serving.meters import Meters
from farero.store import incidents
from farero.store.database import Store


class Parts:
    """What is measured."""

    def __init__(self, root: Path) -> None:
        self.meters = Meters(None, "test")
        self.pool = SimpleNamespace(loaded={})
        self.router = SimpleNamespace(tables={})
        self.oldest: float | None = None
        self.spool = SimpleNamespace(waiting_bytes=0, backlog_bytes=lambda: 4096, oldest_waiting=lambda: self.oldest)
        self.store = Store.memory(clock=ManualClock(T0))
        self.cache = AnswerCache[str](2, 60, lambda: 0.0)
        self.measuring = Measuring(
            meters=self.meters, pool=cast(Any, self.pool), router=cast(Any, self.router), spool=cast(Any, self.spool),
            store=self.store, caches={"bikes": self.cache}, root=root, models=("bikes",), started=T0, version="1.2.3",
        )  # fmt: skip

    def load(self, version: str, engine: str) -> None:
        self.pool.loaded = {"bikes": SimpleNamespace(version=SimpleNamespace(number=version), engine=SimpleNamespace(kind=engine))}

    def shown(self, name: str) -> dict[tuple[str, ...], float]:
        return {sample.labels: sample.value for sample in self.meters.samples() if sample.name == name and not math.isnan(sample.value)}


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


@pytest.mark.row("M8")
def test_the_version_in_memory_and_its_engine_are_shown_and_those_that_went_are_not(parts: Parts) -> None:
    parts.load("1.0.0", "original")
    parts.measuring.own(T0)
    assert parts.shown("farero_model_loaded") == {("bikes", "1.0.0"): 1.0}
    assert parts.shown("farero_engine_info") == {("bikes", "1.0.0", "original"): 1.0}
    parts.load("1.1.0", "compiled")
    parts.measuring.own(T0)
    assert parts.shown("farero_model_loaded") == {("bikes", "1.1.0"): 1.0}
    assert parts.shown("farero_engine_info") == {("bikes", "1.1.0", "compiled"): 1.0}
    parts.pool.loaded = {}
    parts.measuring.own(T0)
    assert parts.shown("farero_model_loaded") == {}
    parts.load("1.0.0", "original")
    parts.measuring.own(T0)
    assert parts.shown("farero_model_loaded") == {("bikes", "1.0.0"): 1.0}


@pytest.mark.row("M8")
def test_what_the_cache_counts_is_added_once(parts: Parts) -> None:
    parts.cache.put("digest", b"row", "answer")
    for _ in range(3):
        parts.cache.get("digest", b"row")
        parts.cache.get("digest", b"other")
        parts.cache.get("digest", b"another")
        parts.measuring.own(T0)
    parts.measuring.own(T0)
    assert parts.shown("farero_cache_hits_total") == {("bikes",): 3.0}
    assert parts.shown("farero_cache_misses_total") == {("bikes",): 6.0}
    assert parts.shown("farero_cache_entries") == {("bikes",): 1.0}


@pytest.mark.row("M8")
def test_uptime_and_what_waits_for_the_disk_are_this_moments(parts: Parts) -> None:
    parts.spool.waiting_bytes = 77
    parts.measuring.own(T0 + timedelta(minutes=2))
    assert list(parts.shown("farero_uptime_seconds").values()) == [120.0]
    assert list(parts.shown("farero_spool_backlog_bytes").values()) == [77.0]
    parts.spool.waiting_bytes = 0
    parts.measuring.own(T0 + timedelta(minutes=3))
    assert list(parts.shown("farero_spool_backlog_bytes").values()) == [0.0]


@pytest.mark.row("M8")
def test_the_installations_figures_are_its_backlog_its_disk_and_its_open_incidents(parts: Parts) -> None:
    with parts.store.write() as conn:
        for incident in lived(70).incidents("bikes"):
            incidents.save(conn, incident)
    still_open = [incident.severity for incident in lived(70).incidents("bikes") if incident.resolved is None]
    parts.oldest = time.time() - 30
    parts.measuring.installation()
    assert list(parts.shown("farero_spool_waiting_bytes").values()) == [4096.0]
    [lag_s] = parts.shown("farero_handover_lag_seconds").values()
    assert 30 <= lag_s < 60
    [free], [total] = parts.shown("farero_disk_free_bytes").values(), parts.shown("farero_disk_total_bytes").values()
    assert 0 < free <= total
    assert still_open != []
    found = {labels[1]: value for labels, value in parts.shown("farero_incidents_open").items()}
    assert found == {severity: float(still_open.count(severity)) for severity in ("low", "medium", "high", "critical")}  # type: ignore[comparison-overlap]
    assert parts.shown("farero_build_info") == {("1.2.3",): 1.0}


def test_without_the_store_the_other_figures_are_still_set(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise StoreUnavailable("The state database does not answer.")

    monkeypatch.setattr(parts.store, "read", refuse)
    parts.measuring.installation()
    assert list(parts.shown("farero_spool_waiting_bytes").values()) == [4096.0]
    assert parts.shown("farero_incidents_open") == {}
    assert list(parts.shown("farero_handover_lag_seconds").values()) == [0.0]


@pytest.mark.row("S4", "M8")
def test_versions_behind_endpoints_are_shown_beside_the_one_in_production(parts: Parts) -> None:
    parts.load("1.0.0", "compiled")
    canary = SimpleNamespace(version=SimpleNamespace(number="1.1.0"), engine=SimpleNamespace(kind="original"))
    ways = [SimpleNamespace(loaded=canary), SimpleNamespace(loaded=None)]
    parts.router.tables = {"ab": SimpleNamespace(endpoint=SimpleNamespace(model="bikes"), ways=ways)}
    parts.measuring.own(T0)
    assert parts.shown("farero_model_loaded") == {("bikes", "1.0.0"): 1.0, ("bikes", "1.1.0"): 1.0}
    parts.router.tables = {}
    parts.measuring.own(T0)
    assert parts.shown("farero_model_loaded") == {("bikes", "1.0.0"): 1.0}
