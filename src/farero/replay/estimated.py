"""What each window of a replay would have been expected to score before its labels came, as a live installation would have said it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from farero.core import estimate
from farero.core.estimate import Estimator
from farero.core.label import LabelSpec
from farero.core.matrix import to_matrix
from farero.core.prediction import Outputs
from farero.serving import frozen
from farero.serving.pool import Loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """Estimates of one metric, version by version. Each learns from the rows that judged its version, once."""

    label: LabelSpec
    metric: str
    known: dict[str, Estimator | None] = field(default_factory=dict)

    def of(self, loaded: Loaded, columns: Mapping[str, NDArray[Any]], outputs: Outputs) -> float | None:
        """What the metric of these answers is expected to be; None where nothing can be said of the version."""
        number = loaded.version.number
        if number not in self.known:
            self.known[number] = self._learn(loaded)
        made = self.known[number]
        if made is None:
            return None
        matrix = to_matrix(loaded.schema, columns, len(outputs.value)) if self.label.kind == "number" else None
        found = made.estimates(made.tally(outputs, matrix)).metrics.get(self.metric)
        return None if found is None else found.value

    def _learn(self, loaded: Loaded) -> Estimator | None:
        judged = frozen.judged(loaded.folder, loaded.schema)
        if judged is None or judged.outputs is None:
            return None
        matrix = to_matrix(loaded.schema, judged.columns, judged.count) if self.label.kind == "number" else None
        try:
            return estimate.estimator(
                self.label.kind, judged.labels, judged.outputs, fields=loaded.schema.features, matrix=matrix, metrics=[self.metric],
                quick=True,
            )  # fmt: skip
        except ValueError:  # too few rows judged it, or rows of one class
            return None
