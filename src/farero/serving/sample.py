"""Rows that a version was trained on, and what its model answered then: kept with it, so that a later load can ask again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from farero.core.label import LabelSpec
from farero.core.matrix import to_matrix
from farero.core.packed import pack, unpack
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Schema
from farero.errors import Corrupt
from farero.serving.layout import SAMPLE

SAMPLE_ROWS: Final = 1000
"""Rows kept at most."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Rows and the answers to them.

    Attributes:
        rows: (n, features) float64, as `core.matrix.to_matrix` gives them: features only, never a personal field.
        answers: (n, k) float64, as `answers_of` gives them.
    """

    rows: NDArray[np.float64]
    answers: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Packed:
    """A sample as it is stored: flat."""

    count: int
    rows: NDArray[np.float64]
    answers: NDArray[np.float64]


def answers_of(label: LabelSpec, outputs: Outputs) -> NDArray[np.float64]:
    """The numbers that an answer consists of, (n, k): the value, the positive class's probability, or every class's."""
    if label.kind == "classes" and outputs.probabilities is not None:
        return outputs.probabilities
    numbers = outputs.value if outputs.probability is None else outputs.probability
    return numbers.reshape(-1, 1)


def evenly(count: int, wanted: int = SAMPLE_ROWS) -> NDArray[np.intp]:
    """Which of `count` rows to keep: at most `wanted`, evenly spaced, the first and the last among them.

    >>> evenly(10, 4).tolist(), evenly(3, 4).tolist()
    ([0, 3, 6, 9], [0, 1, 2])
    """
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, wanted)).astype(np.intp))


def write_sample(folder: Path, schema: Schema, columns: Columns, answers: NDArray[np.float64]) -> None:
    """Put the sample into a version's folder. Equal rows and answers give equal bytes."""
    rows = to_matrix(schema, columns, len(answers))
    (folder / SAMPLE).write_bytes(pack(_Packed(count=len(rows), rows=rows.ravel(), answers=answers.astype(np.float64).ravel())))


def read_sample(folder: Path, schema: Schema) -> Sample | None:
    """The sample of a version's folder; None where there is none, as for a model that was registered without data.

    Raises:
        Corrupt: it is there and no sample for these features.
    """
    try:
        data = (folder / SAMPLE).read_bytes()
    except FileNotFoundError:
        return None
    kept = unpack(data, _Packed)
    width = len(schema.features)
    if kept.count <= 0 or kept.rows.size != kept.count * width or kept.answers.size % kept.count:
        raise Corrupt(f"{folder / SAMPLE} holds no rows of {width} features.", hint="Restore the folder from a backup.")
    return Sample(rows=kept.rows.reshape(kept.count, width), answers=kept.answers.reshape(kept.count, -1))
