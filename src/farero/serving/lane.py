"""The short way of a request through one endpoint: bytes to numbers and a frame for the log, with nothing in between. For one thread only.

Whatever is out of the ordinary, a fault, an odd spelling, a batch too big, a model without a compiled engine, is left to the careful
way: `score` then returns None and has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from time import perf_counter_ns
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from farero.core.endpoint import OWN, PRODUCTION
from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.rollout import log_of
from farero.core.schema import Schema
from farero.serving.answers import HALF
from farero.serving.cache import MOST_ROWS, AnswerCache
from farero.serving.decoder import Decoded, RowDecoder
from farero.serving.engine import Quick
from farero.serving.pool import Loaded, Pool
from farero.serving.privacy import Protector
from farero.serving.router import Router, Table
from farero.serving.spool import frame

CAPACITY: Final = 256
"""Most rows that are answered on the event loop; more would let the other connections wait."""


class Scored(msgspec.Struct, gc=False):
    """What a request's rows came to, not yet recorded.

    Attributes:
        values: a prediction a row: the value, 0 or 1, or the index of the class.
        probability: of the positive or the predicted class, a row; None for numbers.
        probabilities: of each class, a row; for classes only.
        frame: what the spool shall hold before the answer leaves.
        bare: the request was one row, not a list.
    """

    version: str
    values: list[float]
    probability: list[float] | None
    probabilities: list[list[float]] | None
    frame: bytes
    bare: bool


class _Way(msgspec.Struct, gc=False):
    """A version that may answer here, and the short way through it, if it has one."""

    version: str
    files: str
    quick: Quick | None


class Lane:
    """The short way for one endpoint of a model.

    Attributes:
        shadowing: whether copies of what is answered shall be given to `flow.predict`.
    """

    def __init__(
        self,
        model: str,
        *,
        schema: Schema,
        label: LabelSpec,
        pool: Pool,
        router: Router,
        protector: Protector,
        cache: AnswerCache[Outputs] | None,
        now: Callable[[], datetime],
        max_rows: int,
        endpoint: str | None = None,
    ) -> None:
        """Make it. `endpoint` is its name; None = the model's own, whose requests are recorded as "predict"."""
        self.model = model
        self.label = label
        self.shadowing = False
        self._schema = schema
        self._digest = schema.digest()
        self._pool = pool
        self._router = router
        self._name = endpoint or model
        self._recorded_as = endpoint or OWN
        self._log = log_of(model, self._recorded_as)
        self._protector = protector
        self._cache = cache
        self._now = now
        self._max_rows = max_rows
        self._loaded: Loaded | None = None
        self._table: Table | None = None
        self._ways: list[_Way] = []
        self._way: _Way | None = None  # the only one; None where a split picks
        self._rows: NDArray[np.float64] = np.empty((0, 0))
        self._decoder: RowDecoder | None = None
        self._built: tuple[RowDecoder, int] | None = None
        self._guarded = bool(schema.personal)

    def look(self) -> None:
        """Follow a change, and let go of what it took out of memory, without waiting for a request."""
        loaded, table = self._pool.ready(self.model), self._router.find(self._name)
        if loaded is not self._loaded or table is not self._table:
            self._open(loaded, table)

    def score(self, body: bytes, request_id: str) -> Scored | None:
        """Answer the rows in a body, or None where the careful way must look at it."""
        loaded, table = self._pool.ready(self.model), self._router.find(self._name)
        if loaded is not self._loaded or table is not self._table:
            self._open(loaded, table)
        if self._decoder is None:
            return None
        begun = perf_counter_ns()
        rows = self._decoder.decode(body)
        if rows is None:
            return None
        way = self._way
        if table is not None:
            table.use.count += 1
            if way is None:
                way = self._picked(table, rows, request_id)
        if way is None:
            return None
        count = rows.count
        answered = self._answer(way, count) if self._cache is None else self._answer_cached(way, count, self._cache)
        if answered is None:
            return None
        values, probability, probabilities = answered
        kept = frame(
            self._log,
            way.version,
            request_id,
            self._recorded_as,
            self._now(),
            rows.inputs if not self._guarded else self._guard(rows),
            [self.label.classes[int(value)] for value in values] if probabilities is not None else values,
            probability,
            rows.keys,
            (perf_counter_ns() - begun) // 1000,
        )
        return Scored(way.version, values, probability, probabilities, kept, rows.bare)

    def _open(self, loaded: Loaded | None, table: Table | None) -> None:
        """Other versions answer from now on: their own buffers, and a decoder that fills them."""
        self._loaded, self._table = loaded, table
        self._decoder, self._way, self._ways = None, None, []
        self.shadowing = table is not None and bool(table.shadows)
        if (self._recorded_as != OWN) if table is None else table.endpoint.model != self.model:
            self._ways = []  # an endpoint that is not there any more, or another model's by now
        elif table is None or table.split is None:
            self._ways = [self._made(loaded)]
            self._way = self._ways[0]
        else:
            self._ways = [self._made(loaded if way.number == PRODUCTION else way.loaded) for way in table.ways]
        quick = [way.quick for way in self._ways if way.quick is not None]
        known = self._cache is not None and any(way.version for way in self._ways)
        if not quick and not known:
            self._rows, self._built = np.empty((0, 0)), None
            return
        rows = quick[0].rows if quick else np.empty((MOST_ROWS, len(self._schema.features)))
        most = min(self._max_rows, CAPACITY, len(rows), *(len(one.rows) for one in quick))
        if self._built is None or self._built[1] != most or rows is not self._rows:
            self._rows = rows
            self._built = RowDecoder(self._schema, max_rows=most, rows=rows), most
        self._decoder = self._built[0]

    def _made(self, loaded: Loaded | None) -> _Way:
        if loaded is None or loaded.schema.digest() != self._digest:
            return _Way("", "", None)
        return _Way(loaded.version.number, loaded.version.digest, loaded.engine.quick)

    def _picked(self, table: Table, rows: Decoded, request_id: str) -> _Way | None:
        """The version that these rows go to, with the rows in its own buffer."""
        assert table.split is not None
        key = rows.keys[0] if rows.keys is not None and table.endpoint.sticky else None
        way = self._ways[table.split.pick(key or request_id)]
        if way.quick is not None and way.quick.rows is not self._rows:
            way.quick.rows[: rows.count] = self._rows[: rows.count]
        return way if way.version else None

    def _guard(self, rows: Decoded) -> Mapping[str, Sequence[object] | msgspec.Raw]:
        return {**rows.inputs, **self._protector.disguised(rows.personal)}

    def _answer(self, way: _Way, count: int) -> tuple[list[float], list[float] | None, list[list[float]] | None] | None:
        quick = way.quick
        if quick is None:
            return None
        quick.run(count)
        if self.label.kind == "classes":
            shares = quick.answers[:count]
            if np.isnan(shares).any():
                return None
            return shares.argmax(axis=1).astype(np.float64).tolist(), shares.max(axis=1).tolist(), shares.tolist()
        found: list[float] = [quick.answers.item(0)] if count == 1 else quick.answers[:count, 0].tolist()
        total = sum(found)
        if total != total:  # a NaN among them: a row that the kernel leaves to the original model
            return None
        if self.label.kind == "number":
            return found, None, None
        return [1.0 if share >= HALF else 0.0 for share in found], found, None

    def _answer_cached(
        self, way: _Way, count: int, cache: AnswerCache[Outputs]
    ) -> tuple[list[float], list[float] | None, list[list[float]] | None] | None:
        if count > MOST_ROWS:
            return self._answer(way, count)
        key = self._rows[:count].tobytes()
        known = cache.get(way.files, key)
        if known is not None:
            return _lists(known)
        answered = self._answer(way, count)
        if answered is not None:
            cache.put(way.files, key, _outputs(*answered))
        return answered


def _lists(outputs: Outputs) -> tuple[list[float], list[float] | None, list[list[float]] | None]:
    return (
        outputs.value.tolist(),
        None if outputs.probability is None else outputs.probability.tolist(),
        None if outputs.probabilities is None else outputs.probabilities.tolist(),
    )


def _outputs(values: Sequence[float], probability: Sequence[float] | None, probabilities: Sequence[Sequence[float]] | None) -> Outputs:
    return Outputs(
        value=np.asarray(values),
        probability=None if probability is None else np.asarray(probability),
        probabilities=None if probabilities is None else np.asarray(probabilities),
    )
