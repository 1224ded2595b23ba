"""One compiled model: the kernel of its kind on its own memory."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from farero.core.label import LabelSpec
from farero.core.matrix import to_matrix
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Schema
from farero.serving.answers import EngineKind, Quick, outputs_of
from farero.serving.compile.ensemble import Ensemble, Packed
from farero.serving.compile.linear import Linear, PackedLinear

CAPACITY: Final = 1024
"""Rows that the short way takes at once."""


class Compiled:
    """A compiled model. See `serving.answers.Engine`.

    A row that the original would refuse has NaN for its answer, in `predict` and in `answers` alike: ask the original.

    Attributes:
        reads: what was read from the model, for those who compare.
    """

    kind: EngineKind = "compiled"

    def __init__(
        self, packed: Packed | PackedLinear, detail: str, label: LabelSpec, schema: Schema, wide: int, read: Ensemble | Linear
    ) -> None:
        self.reads: tuple[Ensemble | Linear, ...] = (read,)
        self.detail = detail
        self._packed = packed
        self._label = label
        self._schema = schema
        self._wide = wide
        self._state = packed.state(len(schema.features))
        self.quick: Quick | None = self.short(np.zeros((CAPACITY, len(schema.features))))

    def short(self, rows: NDArray[np.float64]) -> Short:
        """A short way that reads from this memory, (CAPACITY, features)."""
        return Short(self._packed, self._state, rows, self._wide)

    def forget(self) -> None:
        """Let go what was read: it is as large as the model."""
        self.reads = ()

    def predict(self, columns: Columns, count: int) -> Outputs:
        """The answers to `count` rows."""
        return outputs_of(self._label, self.answers(to_matrix(self._schema, columns, count)))

    def answers(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """The answers (n, k) to a row matrix (n, features), as `Quick.answers` has them. Safe for threads."""
        matrix = np.ascontiguousarray(matrix, dtype=np.float64)
        made = np.empty((len(matrix), self._wide))
        scratch = np.empty(self._packed.scratch_bytes, dtype=np.uint8)
        self._packed.kernel(self._state.ctypes.data, matrix.ctypes.data, made.ctypes.data, scratch.ctypes.data, len(matrix))
        return made


class Short:
    """The short way through a compiled model: its own memory, addressed once. For one thread. See `serving.answers.Quick`."""

    def __init__(self, packed: Packed | PackedLinear, state: NDArray[np.int64], rows: NDArray[np.float64], wide: int) -> None:
        self.rows = rows
        self.answers = np.zeros((CAPACITY, wide))
        self._keep = (packed, state, np.empty(packed.scratch_bytes, dtype=np.uint8))
        self._kernel = packed.kernel
        self._addresses = (state.ctypes.data, self.rows.ctypes.data, self.answers.ctypes.data, self._keep[2].ctypes.data)

    def run(self, count: int) -> None:
        """Answer the first `count` of `rows` in `answers`."""
        if count > CAPACITY:
            raise ValueError(f"{count} rows where there is room for {CAPACITY}")
        state, rows, answers, scratch = self._addresses
        self._kernel(state, rows, answers, scratch, count)
