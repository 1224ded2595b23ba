"""A loaded model that answers checked rows, and is not believed when its answers are nonsense."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Schema
from farero.errors import Corrupt, PredictFailed
from farero.project.frame import frame
from farero.serving.answers import Engine, EngineKind, Quick, class_order, numbers, outputs, shares, values, width
from farero.serving.layout import MODEL

__all__ = ["Engine", "EngineKind", "Original", "Quick", "load"]


def load(folder: Path, label: LabelSpec, schema: Schema) -> Engine:
    """The engine for the model in a version's folder. Verify the folder first: unpickling runs what is in it.

    Raises:
        Corrupt: there is no model in the folder.
        PredictFailed: the model cannot be loaded here.
    """
    try:
        content = (folder / MODEL).read_bytes()
    except FileNotFoundError as error:
        raise Corrupt(
            f"There is no {MODEL} in {folder}.", hint="Restore the folder from a backup, or roll back to another version."
        ) from error
    try:
        model = pickle.loads(content)
    except Exception as error:  # unpickling runs code of the project and its libraries
        raise PredictFailed(
            f"The model in {folder} cannot be loaded: {type(error).__name__}: {error}.",
            hint="Install the library versions it was trained with (farero versions show V), or train again.",
        ) from error
    return Original(model, label, schema)


class Original:
    """The model object itself, as train returned it, asked through the same frame that it was trained on."""

    kind: EngineKind = "original"
    quick: Quick | None = None

    def __init__(self, model: object, label: LabelSpec, schema: Schema, detail: str = "") -> None:
        self.detail = detail
        self._label = label
        self._schema = schema
        self._method = "predict" if label.kind == "number" else "predict_proba"
        self._ask = getattr(model, self._method, None)
        if not callable(self._ask):
            raise PredictFailed(
                f"The model, a {type(model).__name__}, has no {self._method}.", hint="Let train return a fitted classifier or regressor."
            )
        self._order = None if label.kind == "number" else class_order(getattr(model, "classes_", None), label)

    def predict(self, columns: Columns, count: int) -> Outputs:
        """The answers to `count` rows; see `Engine`."""
        if count == 0:
            return outputs(self._label, np.empty((0,) if self._order is None else (0, width(self._label))))
        try:
            raw = self._ask(frame(self._schema, columns))  # type: ignore[misc]
        except Exception as error:  # whatever the project's own code raises
            raise PredictFailed(f"The model's {self._method} raised {type(error).__name__}: {error}.") from error
        answers = numbers(raw, self._method)
        if self._order is None:
            return outputs(self._label, values(answers, count))
        return outputs(self._label, shares(answers, count, self._order, self._label))
