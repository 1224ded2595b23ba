"""Which version behind an endpoint is better: what its requests and their labels say since it was last changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farero.core import canary, split_test
from farero.core.endpoint import OWN, PRODUCTION, Endpoint, Route
from farero.core.intervals import Floats
from farero.core.label import LabelSpec
from farero.core.split_test import Arm, Readout
from farero.errors import BadInput
from farero.flow.rollout.measured import SETTLE, RequestRows
from farero.ports import PredictionLog
from farero.serving import stored
from farero.store import labels, versions
from farero.store.database import Store

BEFORE = timedelta(days=30)
"""How far to look back for the size of losses, which must be known before the first row that is compared by it."""

SMALLEST = 0.05
"""Part of the first version's loss that matters where nobody says what does [0-1]."""

_COLUMNS = ("time", "request_id", "row", "endpoint", "version", "prediction", "probability", "latency_us")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitTest:
    """Reads splits of one model out. `metric`: the one that contests are judged by."""

    model: str
    label: LabelSpec
    metric: str
    store: Store
    log: PredictionLog

    def read(self, endpoint: Endpoint, at: datetime, *, smallest: float | None) -> Readout:
        """Hold every version against the first one, over requests since the split is what it is.

        Raises:
            BadInput: fewer than two versions answer there, or `smallest` is not above 0.
        """
        if smallest is not None and not smallest > 0:
            raise BadInput(f"The smallest difference that matters is {smallest}; it must be above 0.")
        numbered, since = self._numbered(endpoint)
        if len(numbered) < 2:
            raise BadInput(
                f"One version answers behind {endpoint.name}: there is nothing to compare.",
                hint=f"Split it first: farero endpoints split {endpoint.name} --route production=50 --route V=50.",
            )
        recorded = OWN if endpoint.is_own else endpoint.name
        scale = self._scale(recorded, numbered[0][0], since)
        found = self._losses(recorded, since, at)
        counted = {number: 0 for number, _ in numbered}
        for number, count in found.rows.items():
            if number in counted:
                counted[number] = count
        first = found.losses.get(numbered[0][0], np.zeros(0))
        if scale is None:  # nothing was labelled before
            scale = canary.loss_scale(self.label.kind, first) or (float(first.max()) if len(first) and first.max() > 0 else 1.0)
        matters = smallest or SMALLEST * float(first.mean() if len(first) and first.mean() > 0 else scale)
        arms = [
            Arm(
                version=number, name=route.name, share=route.share, rows=counted[number],
                losses=np.clip(found.losses.get(number, np.zeros(0)) / scale, 0.0, 1.0),
            )
            for number, route in numbered
        ]  # fmt: skip
        return split_test.read(endpoint.name, self.model, self._compared(), arms, scale=scale, smallest=matters)

    def _compared(self) -> str:
        """The metric whose loss of a row is compared."""
        return "brier" if self.label.kind == "binary" and self.metric in ("roc_auc", "log_loss") else self.metric

    def _numbered(self, endpoint: Endpoint) -> tuple[list[tuple[str, Route]], datetime]:
        """The routes with the versions that answer now, and since when they do."""
        with self.store.read() as conn:
            holder = versions.production(conn, self.model)
            taken = [move.at for move in versions.moves(conn, self.model) if move.target == "production"]
        since = endpoint.changed_at or datetime.fromtimestamp(0).astimezone()
        found: list[tuple[str, Route]] = []
        for route in endpoint.routes:
            if route.version == PRODUCTION and holder is not None:
                since = max([since, *taken[-1:]])
                found.append((holder.number, route))
            elif route.version != PRODUCTION:
                found.append((route.version, route))
        return found, since + SETTLE

    def _scale(self, recorded: str, number: str, before: datetime) -> float | None:
        if self.label.kind != "number":
            return 1.0
        return canary.loss_scale(self.label.kind, self._losses(recorded, before - BEFORE, before).losses.get(number, np.zeros(0)))

    def _losses(self, recorded: str, start: datetime, end: datetime) -> _Found:
        """Requests of each version, and the mean loss of each labelled one."""
        if start >= end:
            return _Found(rows={}, losses={})
        table = self.log.read(self.model, start, end, list(_COLUMNS))
        table = table.filter(pc.equal(table["endpoint"].cast(pa.string()), recorded))
        first = table.filter(pc.equal(table["row"], 0))
        counts = {pair["values"]: pair["counts"] for pair in first["version"].cast(pa.string()).value_counts().to_pylist()}
        with self.store.read() as conn:
            known = labels.between(conn, self.model, start, end, end)
        places, values, _ = stored.matched(table, known)
        if not len(places):
            return _Found(rows=counts, losses={})
        chosen = table.take(pa.array(places))
        losses = canary.losses(self.label.kind, self.metric, values, stored.outputs(self.label, chosen))
        found: dict[str, Floats] = {}
        for number in counts:
            own = RequestRows.of(chosen, self.label, number)
            found[number] = own.means(losses)[own.new]
        return _Found(rows=counts, losses=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """By version: requests, and the mean loss of each labelled one."""

    rows: dict[str, int]
    losses: dict[str, Floats]
