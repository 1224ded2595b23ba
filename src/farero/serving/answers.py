"""What engines answer with: the protocols, and the checks between a model's raw numbers and the outputs that are believed."""

from __future__ import annotations

from typing import Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.schema import Columns
from farero.errors import PredictFailed

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


def class_order(classes: ArrayLike | None, label: LabelSpec) -> NDArray[np.intp] | None:
    """For each column of predict_proba, the label it stands for. Without `classes_`, the declared order.

    A model that never saw one of the classes has no column for it: its probability is 0.
    """
    if classes is None:
        return np.arange(width(label))
    names = {name: index for index, name in enumerate(label.classes or ("0", "1"))}
    order = []
    for seen in np.asarray(classes).tolist():
        index = names.get(seen, -1) if isinstance(seen, str) else int(seen) if float(seen).is_integer() else -1
        if not 0 <= index < width(label):
            raise PredictFailed(
                f"The model knows the class {seen!r}, which the label {label.name} has not.",
                hint="Fit it on data.y as it is, without another encoding.",
            )
        order.append(index)
    return np.asarray(order, dtype=np.intp)


def width(label: LabelSpec) -> int:
    """How many columns predict_proba of a model for this label has."""
    return len(label.classes) if label.kind == "classes" else 2


def numbers(raw: object, method: str) -> NDArray[np.float64]:
    """What a model answered, as float64; NaN and infinities are refused."""
    try:
        answers = np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PredictFailed(f"The model's {method} answered with something that is no number: {error}.") from error
    if not np.isfinite(answers).all():
        raise PredictFailed(
            f"The model's {method} answered with NaN or infinity.", hint="Let the model handle missing values, or fill them in train."
        )
    return answers


def values(answers: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """One number for each row, checked."""
    if answers.size != count:
        raise PredictFailed(f"The model's predict gave {answers.size} answers to {count} rows.")
    return answers.reshape(count)


def shares(answers: NDArray[np.float64], count: int, order: NDArray[np.intp], label: LabelSpec) -> NDArray[np.float64]:
    """Probabilities of every declared class (n, k), checked."""
    if answers.shape != (count, len(order)):
        raise PredictFailed(f"The model's predict_proba gave an array of {answers.shape} for {count} rows and {len(order)} classes.")
    if answers.min() < -_ROUNDING or answers.max() > 1 + _ROUNDING:
        raise PredictFailed(f"The model's predict_proba gave {answers.min():g} to {answers.max():g}, which are no probabilities.")
    if np.abs(answers.sum(axis=1) - 1).max() > _SUM_ROUNDING:
        raise PredictFailed("The model's predict_proba gave rows whose probabilities do not add up to 1.")
    shares = np.zeros((count, width(label)))
    shares[:, order] = answers
    return shares.clip(0.0, 1.0)


def outputs(label: LabelSpec, answers: NDArray[np.float64]) -> Outputs:
    """Numbers as they are, and probabilities of every declared class (n, k) with the class they speak for."""
    if label.kind == "number":
        return Outputs(value=answers)
    if label.kind == "binary":
        positive = np.ascontiguousarray(answers[:, 1])
        return Outputs(value=(positive >= HALF).astype(np.float64), probability=positive)
    return Outputs(value=answers.argmax(axis=1).astype(np.float64), probability=answers.max(axis=1, initial=0.0), probabilities=answers)


def outputs_of(label: LabelSpec, answers: NDArray[np.float64]) -> Outputs:
    """From (n, k) numbers as `Quick.answers` has them: the value, the positive class's probability, or every class's."""
    if label.kind == "number":
        return outputs(label, answers[:, 0])
    if label.kind == "binary":
        return outputs(label, np.column_stack([1.0 - answers[:, 0], answers[:, 0]]))
    return outputs(label, answers)
