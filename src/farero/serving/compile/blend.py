"""Several compiled models that answer together: each by its own kernel, on the same rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from farero.core.label import LabelSpec
from farero.core.matrix import to_matrix
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Schema
from farero.serving.answers import EngineKind, Quick, outputs_of
from farero.serving.compile.ensemble import Ensemble
from farero.serving.compile.linear import Linear
from farero.serving.compile.single import CAPACITY, Compiled, Short


class CompiledBlend:
    """The mean of several compiled models' answers. See `serving.answers.Engine`.

    A row that one of them leaves to its original has NaN for its answer.
    """

    kind: EngineKind = "compiled"

    def __init__(self, members: Sequence[Compiled], shares: Sequence[float], label: LabelSpec, schema: Schema) -> None:
        self.detail = f"the mean of {len(members)}: {', '.join(dict.fromkeys(member.detail for member in members))}"
        self._members = tuple(members)
        self._shares = tuple(shares)
        self._label = label
        self._schema = schema
        rows = np.zeros((CAPACITY, len(schema.features)))
        self.quick: Quick | None = ShortBlend([member.short(rows) for member in members], self._shares)

    @property
    def reads(self) -> tuple[Ensemble | Linear, ...]:
        """What was read from each model, for those who compare."""
        return tuple(read for member in self._members for read in member.reads)

    def forget(self) -> None:
        """Let go what was read: it is as large as the models."""
        for member in self._members:
            member.forget()

    def predict(self, columns: Columns, count: int) -> Outputs:
        """The answers to `count` rows."""
        return outputs_of(self._label, self.answers(to_matrix(self._schema, columns, count)))

    def answers(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """The answers (n, k) to a row matrix (n, features), as `Quick.answers` has them. Safe for threads."""
        made = self._members[0].answers(matrix) * self._shares[0]
        for member, share in zip(self._members[1:], self._shares[1:], strict=True):
            made += member.answers(matrix) * share
        return made


class ShortBlend:
    """The short way through a blend: the models read the same rows, one after the other. For one thread. See `serving.answers.Quick`.

    Args:
        members: that all read the same memory.
    """

    def __init__(self, members: Sequence[Short], shares: Sequence[float]) -> None:
        self.rows = members[0].rows
        self.answers = np.zeros_like(members[0].answers)
        self._members = tuple(members)
        self._shares = tuple(shares)
        self._spare = np.zeros_like(self.answers)

    def run(self, count: int) -> None:
        """Answer the first `count` of `rows` in `answers`."""
        made, spare = self.answers[:count], self._spare[:count]
        for number, (member, share) in enumerate(zip(self._members, self._shares, strict=True)):
            member.run(count)
            if number == 0:
                np.multiply(member.answers[:count], share, out=made)
            else:
                np.multiply(member.answers[:count], share, out=spare)
                made += spare
