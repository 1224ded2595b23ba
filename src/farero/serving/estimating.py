"""What it takes to estimate a version's performance before labels come: what its judged rows teach, and answers as estimates read them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from farero.core import estimate
from farero.core.estimate import Estimator
from farero.core.label import LabelSpec
from farero.core.matrix import to_matrix
from farero.core.prediction import Outputs
from farero.serving import frozen, stored
from farero.serving.pool import Loaded


def learn(loaded: Loaded, label: LabelSpec, metrics: Sequence[str] | None = None, *, quick: bool = False) -> Estimator:
    """What the rows that judged a version teach.

    Args:
        metrics: to estimate; None = all that fit the label.
        quick: see `core.estimate.estimator`.

    Raises:
        ValueError: no such rows are kept, or nothing can be learnt from them; says why.
    """
    judged = frozen.judged(loaded.folder, loaded.schema)
    if judged is None or judged.outputs is None:
        raise ValueError("no row is kept that it had not learnt from")
    matrix = to_matrix(loaded.schema, judged.columns, judged.count) if label.kind == "number" else None
    return estimate.estimator(
        label.kind, judged.labels, judged.outputs, fields=loaded.schema.features, matrix=matrix, metrics=metrics, quick=quick
    )  # fmt: skip


def answers(loaded: Loaded, label: LabelSpec, rows: pa.Table) -> tuple[Outputs, NDArray[np.float64] | None]:
    """What a version answered to rows of the log, and for numbers the row matrix.

    The log keeps one probability a row, so for several classes the version is asked again.
    """
    outputs = stored.outputs(label, rows)
    if label.kind == "binary":
        return outputs, None
    columns = stored.columns(loaded.schema, rows)
    if label.kind == "classes":
        return loaded.engine.predict(columns, rows.num_rows), None
    return outputs, to_matrix(loaded.schema, columns, rows.num_rows)
