"""Copies of requests, scored by shadow versions after the answer has left, and recorded in a log of their own.

The copies wait in a queue with a limit, for one thread: where the shadow versions are too slow for the load, copies are dropped and
counted, and no request waits for them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from time import perf_counter_ns
from typing import Any, Final

import msgspec
import numpy as np

from farero.core.label import LabelSpec
from farero.core.matrix import to_columns
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Schema
from farero.errors import FareroError
from farero.serving.decoder import RowDecoder
from farero.serving.lane import CAPACITY
from farero.serving.meters import Meters
from farero.serving.privacy import Protector
from farero.serving.router import Router, Table
from farero.serving.spool import Spool, frame
from farero.telemetry import log

SUFFIX: Final = ".shadow"
"""After the model's name: the log that shadow answers are in. A model's name holds no dot, so it is nobody else's."""

MOST_WAITING: Final = 1000
"""Copies that may wait in a process."""

MOST_ROWS_WAITING: Final = 20_000


class Copy(msgspec.Struct, gc=False):
    """A request whose rows were checked and protected."""

    columns: Columns
    count: int
    inputs: Mapping[str, Sequence[Any] | msgspec.Raw]
    keys: list[str | None] | None
    request_id: str
    endpoint: str
    at: datetime


class RawCopy(msgspec.Struct, gc=False):
    """A request that a lane has answered, as it came: it is read again here, off the event loop."""

    body: bytes
    request_id: str
    endpoint: str
    at: datetime


class Shadow:
    """Scores copies of one model's requests. Its thread starts with the first copy."""

    def __init__(
        self, model: str, *, schema: Schema, label: LabelSpec, router: Router, protector: Protector, spool: Spool, meters: Meters | None
    ) -> None:  # fmt: skip
        self.model = model
        self._schema = schema
        self._label = label
        self._router = router
        self._protector = protector
        self._spool = spool
        self._meters = meters
        self._waiting: deque[tuple[Table, Copy | RawCopy]] = deque()
        self._rows = 0
        self._arrival = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._busy = False
        self._decoder: RowDecoder | None = None
        self._buffer = np.empty((0, 0))

    def take(self, table: Table, copy: Copy | RawCopy) -> None:
        """Have a copy scored by every shadow version of this table, soon; or drop it, where too many wait already."""
        rows = _rows(copy)
        with self._arrival:
            if self._ending or len(self._waiting) >= MOST_WAITING or (self._waiting and self._rows + rows > MOST_ROWS_WAITING):
                self._count("farero_shadow_dropped_total")
                return
            self._waiting.append((table, copy))
            self._rows += rows
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"farero-shadow-{self.model}", daemon=True)
                self._thread.start()
            self._arrival.notify()

    def settle(self, timeout_s: float) -> bool:
        """Wait until nothing waits; whether it came to that in time."""
        with self._arrival:
            return self._arrival.wait_for(lambda: not self._waiting and not self._busy, timeout_s)

    def close(self, timeout_s: float = 1.0) -> None:
        """Take no more. What waits is scored if that is done soon, and dropped if not."""
        with self._arrival:
            self._ending = True
            self._arrival.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)
            with self._arrival:
                self._waiting.clear()

    def _run(self) -> None:
        while True:
            with self._arrival:
                self._busy = False
                self._arrival.notify_all()
                self._arrival.wait_for(lambda: bool(self._waiting) or self._ending)
                if not self._waiting:
                    return
                table, copy = self._waiting.popleft()
                self._rows -= _rows(copy)
                self._busy = True
            try:
                self._score(table, copy)
            except Exception as error:  # noqa: BLE001 - a bug here must not end the thread, and with it all later copies
                log("error", level="error", error=error, where="a shadow version", request_id=copy.request_id)

    def _score(self, table: Table, copy: Copy | RawCopy) -> None:
        read = copy if isinstance(copy, Copy) else self._read(copy)
        if read is None:
            self._count("farero_shadow_dropped_total")
            return
        for way in table.shadows:
            begun = perf_counter_ns()
            try:
                loaded = self._router.load(table, way)
                outputs = loaded.engine.predict(read.columns, read.count)
                self._record(read, loaded.version.number, outputs, (perf_counter_ns() - begun) // 1000)
            except FareroError as failure:
                log("shadow.failed", level="warning", model=self.model, version=way.number, error=failure)
                self._count("farero_shadow_failures_total", version=way.number)
                continue
            self._count("farero_shadow_requests_total", version=way.number)

    def _read(self, copy: RawCopy) -> Copy | None:
        if self._decoder is None:
            self._buffer = np.empty((CAPACITY, len(self._schema.features)))
            self._decoder = RowDecoder(self._schema, max_rows=CAPACITY, rows=self._buffer)
        rows = self._decoder.decode(copy.body)
        if rows is None:
            return None
        columns = to_columns(self._schema, self._buffer[: rows.count].copy())
        inputs = {**rows.inputs, **self._protector.disguised(rows.personal)} if self._schema.personal else rows.inputs
        return Copy(columns, rows.count, inputs, rows.keys, copy.request_id, copy.endpoint, copy.at)

    def _record(self, copy: Copy, version: str, outputs: Outputs, latency_us: int) -> None:
        values: list[Any] = outputs.value.tolist()
        if self._label.kind == "classes":
            values = [self._label.classes[int(value)] for value in values]
        probability = None if outputs.probability is None else outputs.probability.tolist()
        self._spool.append(
            frame(
                self.model + SUFFIX, version, copy.request_id, copy.endpoint, copy.at, copy.inputs, values, probability, copy.keys,
                latency_us,
            )
        )  # fmt: skip

    def _count(self, name: str, **labels: str) -> None:
        if self._meters is not None:
            self._meters.counter(name, model=self.model, **labels).add()


def _rows(copy: Copy | RawCopy) -> int:
    return copy.count if isinstance(copy, Copy) else 1
