"""A loaded model that answers checked rows, and is not believed when its answers are nonsense."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Schema
from farero.errors import Corrupt, PredictFailed
from farero.project.frame import frame
from farero.serving.layout import MODEL

EngineKind: TypeAlias = Literal["original", "compiled"]

HALF: Final = 0.5
"""A binary prediction is 1 from this probability on."""
_ROUNDING = 1e-6
_SUM_ROUNDING = 1e-3  # models that add up float32 shares


class Quick(Protocol):
    """The short way through a compiled model: from a row in memory to numbers in memory. For one thread only.

    Attributes:
        rows: (capacity, features) float64, as `core.matrix.to_matrix` fills it. The caller writes rows here.
        answers: (capacity, k) float64. k is 1 for a number (the value) and for a binary label (the probability of the positive class),
            else one probability for each declared class.
    """

    rows: NDArray[np.float64]
    answers: NDArray[np.float64]

    def run(self, count: int) -> None:
        """Answer the first `count` of `rows` in `answers`. A row that the kernel leaves to the original model gets NaN."""
        ...


class Engine(Protocol):
    """Answers rows of one version. Safe for threads."""

    kind: EngineKind
    detail: str
    """Which kernel answers, or why the original model does: one sentence for people."""
    quick: Quick | None
    """The same answers for few rows without any detour; None where there is no such way."""

    def predict(self, columns: Columns, count: int) -> Outputs:
        """The answers to `count` rows.

        Raises:
            PredictFailed: the model raised, or answered nonsense.
        """
        ...


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
        self._order = None if label.kind == "number" else _class_order(getattr(model, "classes_", None), label)

    def predict(self, columns: Columns, count: int) -> Outputs:
        """The answers to `count` rows; see `Engine`."""
        if count == 0:
            return _outputs(self._label, np.empty((0,) if self._order is None else (0, _width(self._label))))
        try:
            raw = self._ask(frame(self._schema, columns))  # type: ignore[misc]
        except Exception as error:  # whatever the project's own code raises
            raise PredictFailed(f"The model's {self._method} raised {type(error).__name__}: {error}.") from error
        answers = _numbers(raw, self._method)
        if self._order is None:
            return _outputs(self._label, _values(answers, count))
        return _outputs(self._label, _shares(answers, count, self._order, self._label))


def _class_order(classes: ArrayLike | None, label: LabelSpec) -> NDArray[np.intp] | None:
    """For each column of predict_proba, the label it stands for. Without `classes_`, the declared order.

    A model that never saw one of the classes has no column for it: its probability is 0.
    """
    if classes is None:
        return np.arange(_width(label))
    names = {name: index for index, name in enumerate(label.classes or ("0", "1"))}
    order = []
    for seen in np.asarray(classes).tolist():
        index = names.get(seen, -1) if isinstance(seen, str) else int(seen) if float(seen).is_integer() else -1
        if not 0 <= index < _width(label):
            raise PredictFailed(
                f"The model knows the class {seen!r}, which the label {label.name} has not.",
                hint="Fit it on data.y as it is, without another encoding.",
            )
        order.append(index)
    return np.asarray(order, dtype=np.intp)


def _width(label: LabelSpec) -> int:
    return len(label.classes) if label.kind == "classes" else 2


def _numbers(raw: object, method: str) -> NDArray[np.float64]:
    try:
        answers = np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PredictFailed(f"The model's {method} answered with something that is no number: {error}.") from error
    if not np.isfinite(answers).all():
        raise PredictFailed(
            f"The model's {method} answered with NaN or infinity.", hint="Let the model handle missing values, or fill them in train."
        )
    return answers


def _values(answers: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    if answers.size != count:
        raise PredictFailed(f"The model's predict gave {answers.size} answers to {count} rows.")
    return answers.reshape(count)


def _shares(answers: NDArray[np.float64], count: int, order: NDArray[np.intp], label: LabelSpec) -> NDArray[np.float64]:
    """Probabilities of every declared class (n, k), checked."""
    if answers.shape != (count, len(order)):
        raise PredictFailed(f"The model's predict_proba gave an array of {answers.shape} for {count} rows and {len(order)} classes.")
    if answers.min() < -_ROUNDING or answers.max() > 1 + _ROUNDING:
        raise PredictFailed(f"The model's predict_proba gave {answers.min():g} to {answers.max():g}, which are no probabilities.")
    if np.abs(answers.sum(axis=1) - 1).max() > _SUM_ROUNDING:
        raise PredictFailed("The model's predict_proba gave rows whose probabilities do not add up to 1.")
    shares = np.zeros((count, _width(label)))
    shares[:, order] = answers
    return shares.clip(0.0, 1.0)


def _outputs(label: LabelSpec, answers: NDArray[np.float64]) -> Outputs:
    if label.kind == "number":
        return Outputs(value=answers)
    if label.kind == "binary":
        positive = np.ascontiguousarray(answers[:, 1])
        return Outputs(value=(positive >= HALF).astype(np.float64), probability=positive)
    return Outputs(value=answers.argmax(axis=1).astype(np.float64), probability=answers.max(axis=1, initial=0.0), probabilities=answers)
