"""promise: whether requests keep what was promised of them. Counted every five minutes; an incident tells where room burns too fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import numpy as np
import pyarrow.compute as pc

from farero.core import objective as core
from farero.core.finding import Finding
from farero.core.objective import BUCKET, PERIOD, Bucket, Objective, Standing
from farero.core.window import Window, window_at
from farero.ports import PredictionLog
from farero.serving import stored
from farero.store import buckets, meta
from farero.store.database import Store

FOLD = timedelta(minutes=1)
"""After a bucket's end, until its answers are in the prediction log, whatever process recorded them."""


class _Kept(msgspec.Struct):
    """The counter of failures as it was seen last, and the failures of buckets that are not over."""

    seen: float
    failed: dict[datetime, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Watches the objective of one model; None = nothing was promised."""

    model: str
    objective: Objective | None
    store: Store
    log: PredictionLog

    def look(self, at: datetime, failures: float) -> tuple[Window, list[Finding]] | None:
        """Count what is new; after each bucket that is over, its window and what is found at its end, else None.

        Args:
            at: now.
            failures: requests that failed, as a counter that only rises, and begins anew with the service.
        """
        if self.objective is None:
            return None
        failed = self._failed(at, failures)
        newest = window_at(at - FOLD, BUCKET).start - BUCKET
        with self.store.read() as conn:
            known = buckets.last(conn, self.model)
        if known is not None and known >= newest:
            return None
        first = newest if known is None else max(known + BUCKET, newest - PERIOD)
        fresh = self._buckets(self.objective, first, newest + BUCKET, failed)
        with self.store.write() as conn:
            for bucket in fresh:
                buckets.put(conn, self.model, bucket)
            buckets.forget(conn, self.model, newest - PERIOD)
        self._keep(failures, {start: count for start, count in failed.items() if start > newest})
        found = core.finding(self._standing(self.objective, newest + BUCKET))
        return Window(start=newest, end=newest + BUCKET), [] if found is None else [found]

    def standing(self, at: datetime) -> Standing | None:
        """How the objective stands, by the buckets that were counted; None where nothing was promised."""
        return None if self.objective is None else self._standing(self.objective, window_at(at - FOLD, BUCKET).start)

    def _standing(self, objective: Objective, at: datetime) -> Standing:
        with self.store.read() as conn:
            return core.standing(objective, buckets.since(conn, self.model, at - PERIOD), at)

    def _failed(self, at: datetime, failures: float) -> dict[datetime, int]:
        """Failures of the buckets that are not counted yet. Those since the last look belong to the bucket of now."""
        with self.store.read() as conn:
            text = meta.get(conn, self._name)
        kept = msgspec.json.decode(text, type=_Kept) if text else _Kept(seen=0.0, failed={})
        # A counter that is below what it was has begun anew.
        risen = int(failures - kept.seen if failures >= kept.seen else failures)
        if failures != kept.seen:
            start = window_at(at, BUCKET).start
            kept.failed[start] = kept.failed.get(start, 0) + risen
            self._keep(failures, kept.failed)
        return kept.failed

    def _keep(self, seen: float, failed: dict[datetime, int]) -> None:
        with self.store.write() as conn:
            meta.set(conn, self._name, msgspec.json.encode(_Kept(seen=seen, failed=failed)).decode())

    @property
    def _name(self) -> str:
        return f"promise.{self.model}"

    def _buckets(self, objective: Objective, first: datetime, end: datetime, failures: Mapping[datetime, int]) -> list[Bucket]:
        """What the log and the counters say of the buckets from `first` to `end`."""
        table = self.log.read(self.model, first, end, ["time", "row", "latency_us"])
        table = table.filter(pc.equal(table["row"], 0))  # each request once
        numbers = stored.window_numbers(stored.times(table), BUCKET)
        within_us = np.iinfo(np.int64).max if objective.within_us is None else objective.within_us
        late = np.asarray(table["latency_us"].fill_null(0).to_numpy(), dtype=np.int64) > within_us
        found = []
        start = first
        while start < end:
            own = numbers == stored.window_number(start, BUCKET)
            failed = failures.get(start, 0)
            found.append(Bucket(start=start, requests=int(own.sum()) + failed, failed=failed, slow=int((own & late).sum())))
            start += BUCKET
        return found
