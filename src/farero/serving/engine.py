"""A loaded model that answers checked rows, and is not believed when its answers are nonsense."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Schema
from farero.errors import PredictFailed
from farero.project.adapted import bare
from farero.project.frame import frame
from farero.serving.answers import Engine, EngineKind, Quick, class_order, numbers, outputs, shares, values, width
from farero.serving.checked import Choice, choose
from farero.serving.kinds import load_model
from farero.serving.sample import read_sample

__all__ = ["Choice", "Engine", "EngineKind", "Original", "Quick", "chosen", "load"]


def load(folder: Path, label: LabelSpec, schema: Schema, *, gate: bool = True) -> Engine:
    """The engine for the model in a version's folder. Verify the folder first: unpickling runs what is in it.

    Args:
        gate: compile the model, and let the compiled engine serve where it equals the original. Without, the original serves: for judging
            a model once, compiling and comparing would cost more than they save.

    Raises:
        Corrupt: there is no model in the folder.
        PredictFailed: the model cannot be loaded here.
    """
    return chosen(folder, label, schema, gate=gate).engine


def chosen(folder: Path, label: LabelSpec, schema: Schema, *, gate: bool = True, reopen: Callable[[], Path] | None = None) -> Choice:
    """As `load`, with what was found when the engines were compared.

    Args:
        reopen: gives the folder again, verified. With it, an original beside a compiled engine is let go, and loaded again when a row
            asks for it.
    """
    model = load_model(folder, label, schema)
    original = Original(model, label, schema)
    if not gate:
        return Choice(engine=original)
    again = None if reopen is None else lambda: Original(load_model(reopen(), label, schema), label, schema)
    return choose(original, bare(model), label, schema, read_sample(folder, schema), again)


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
