"""The short way of a request through one model: bytes to numbers and a frame for the log, with nothing in between. For one thread only.

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

from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.schema import Schema
from farero.serving.answers import HALF
from farero.serving.cache import MOST_ROWS, AnswerCache
from farero.serving.decoder import Decoded, RowDecoder
from farero.serving.engine import Quick
from farero.serving.pool import Loaded, Pool
from farero.serving.privacy import Protector
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


class Lane:
    """The short way for one model."""

    def __init__(
        self,
        model: str,
        *,
        schema: Schema,
        label: LabelSpec,
        pool: Pool,
        protector: Protector,
        cache: AnswerCache[Outputs] | None,
        now: Callable[[], datetime],
        max_rows: int,
    ) -> None:
        self.model = model
        self.label = label
        self._schema = schema
        self._digest = schema.digest()
        self._pool = pool
        self._protector = protector
        self._cache = cache
        self._now = now
        self._max_rows = max_rows
        self._loaded: Loaded | None = None
        self._version = ""
        self._files = ""
        self._quick: Quick | None = None
        self._rows: NDArray[np.float64] = np.empty((0, 0))
        self._decoder: RowDecoder | None = None
        self._guarded = bool(schema.personal)

    def score(self, body: bytes, request_id: str, endpoint: str = "predict") -> Scored | None:
        """Answer the rows in a body, or None where the careful way must look at it."""
        loaded = self._pool.ready(self.model)
        if loaded is not self._loaded:
            self._open(loaded)
        if self._decoder is None:
            return None
        begun = perf_counter_ns()
        rows = self._decoder.decode(body)
        if rows is None:
            return None
        answered = self._answer(rows.count) if self._cache is None else self._answer_cached(rows.count, self._cache)
        if answered is None:
            return None
        values, probability, probabilities = answered
        kept = frame(
            self.model,
            self._version,
            request_id,
            endpoint,
            self._now(),
            rows.inputs if not self._guarded else self._guard(rows),
            [self.label.classes[int(value)] for value in values] if probabilities is not None else values,
            probability,
            rows.keys,
            (perf_counter_ns() - begun) // 1000,
        )
        return Scored(self._version, values, probability, probabilities, kept, rows.bare)

    def _open(self, loaded: Loaded | None) -> None:
        """Another version answers from now on: its own buffers, and a decoder that fills them."""
        self._loaded = loaded
        self._decoder = None
        if loaded is None or (loaded.engine.quick is None and self._cache is None) or loaded.schema.digest() != self._digest:
            return
        self._version, self._files = loaded.version.number, loaded.version.digest
        self._quick = loaded.engine.quick
        self._rows = np.empty((MOST_ROWS, len(self._schema.features))) if self._quick is None else self._quick.rows
        self._decoder = RowDecoder(self._schema, max_rows=min(self._max_rows, CAPACITY, len(self._rows)), rows=self._rows)

    def _guard(self, rows: Decoded) -> Mapping[str, Sequence[object] | msgspec.Raw]:
        return {**rows.inputs, **self._protector.disguised(rows.personal)}

    def _answer(self, count: int) -> tuple[list[float], list[float] | None, list[list[float]] | None] | None:
        quick = self._quick
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
        self, count: int, cache: AnswerCache[Outputs]
    ) -> tuple[list[float], list[float] | None, list[list[float]] | None] | None:
        if count > MOST_ROWS:
            return self._answer(count)
        key = self._rows[:count].tobytes()
        known = cache.get(self._files, key)
        if known is not None:
            return _lists(known)
        answered = self._answer(count)
        if answered is not None:
            cache.put(self._files, key, _outputs(*answered))
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
