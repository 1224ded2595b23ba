"""What each row moves a metric by, to first order: from it come intervals of smooth metrics, and of all where rows share a day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from farero.core import performance
from farero.core.intervals import Floats, Scale, delong
from farero.core.label import LabelKind
from farero.core.prediction import Outputs

SCALES: dict[str, Scale] = {
    "accuracy": "share", "precision": "share", "recall": "share", "f1": "share", "roc_auc": "share",
    "log_loss": "positive", "brier": "positive", "rmse": "positive", "mae": "positive", "mape": "positive", "r2": "below-one",
}  # fmt: skip
"""On which scale each metric moves freely."""


def influence(kind: LabelKind, name: str, labels: Floats, outputs: Outputs) -> Floats | None:
    """(n,) what each row moves the metric by, of mean 0; None where the metric is undefined on these rows.

    Of RMSE it is given for its square, the mean squared error.

    Args:
        kind: of the label.
        name: a metric that fits it.
        labels: (n,) encoded labels, all known.
        outputs: n answers.

    Source: derivatives of the metrics' definitions in `core.performance`; for the area under the ROC curve see `delong`.

    >>> answers = Outputs(value=np.array([1.0, 1.0, 0.0, 0.0]))
    >>> moved = influence("binary", "precision", np.array([1.0, 0.0, 0.0, 1.0]), answers)
    >>> moved.tolist() if moved is not None else None
    [1.0, -1.0, 0.0, 0.0]
    """
    if not len(labels):
        return None
    if kind == "number":
        return _of_numbers(name, labels, outputs)
    if name in ("log_loss", "brier"):
        losses = performance.loss(kind, name, labels, outputs)
        return _centred(losses)
    if name == "accuracy":
        hits = (labels == outputs.value).astype(np.float64)
        return _centred(hits)
    if name == "roc_auc":
        return _of_area(labels, outputs) if kind == "binary" else _of_areas(labels, outputs)
    return _of_classes(name, labels, outputs.value, positive_only=kind == "binary")


def _centred(values: Floats) -> Floats:
    return np.asarray(values - values.mean(), dtype=np.float64)


def _of_numbers(name: str, labels: Floats, outputs: Outputs) -> Floats | None:
    if name != "r2":
        losses = performance.loss("number", name, labels, outputs)
        return _centred(losses)
    off = (labels - labels.mean()) ** 2
    variance = float(off.mean())
    if not variance > 0:
        return None
    errors = (labels - outputs.value) ** 2
    return np.asarray(-(errors / variance - errors.mean() * off / variance**2), dtype=np.float64)


def _of_area(labels: Floats, outputs: Outputs) -> Floats | None:
    if outputs.probability is None:
        return None
    found = delong(labels == 1.0, outputs.probability)
    return None if found is None else found[1]


def _of_areas(labels: Floats, outputs: Outputs) -> Floats | None:
    """One class against the rest: the mean of the classes' own."""
    if outputs.probabilities is None:
        return None
    total = np.zeros(len(labels))
    for cls in range(outputs.probabilities.shape[1]):
        found = delong(labels == cls, outputs.probabilities[:, cls])
        if found is None:
            return None
        total += found[1]
    return np.asarray(total / outputs.probabilities.shape[1], dtype=np.float64)


def _of_classes(name: str, labels: Floats, answers: Floats, *, positive_only: bool) -> Floats | None:
    """Of precision, recall and F1: the mean over all classes that occur, or the positive class alone."""
    classes = np.array([1.0]) if positive_only else np.union1d(labels, answers)
    rows = len(labels)
    true, given = _codes(classes, labels), _codes(classes, answers)
    many = len(classes) + 1  # the last place takes what belongs to none of them
    n_true = np.bincount(true, minlength=many).astype(np.float64)
    n_given = np.bincount(given, minlength=many).astype(np.float64)
    right = labels == answers
    n_right = np.bincount(true[right], minlength=many).astype(np.float64)
    below = {"precision": n_given, "recall": n_true, "f1": n_given + n_true}[name][:-1]
    if positive_only and not below[0]:
        return None
    factor = 2.0 if name == "f1" else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(below > 0, factor * n_right[:-1] / below, 0.0)
        gain = np.where(below > 0, rows / below, 0.0) / len(classes)
    value, gain = np.append(value, 0.0), np.append(gain, 0.0)
    total = np.where(right, factor * gain[true], 0.0)
    if name != "recall":
        total -= value[given] * gain[given]
    if name != "precision":
        total -= value[true] * gain[true]
    return total


def _codes(classes: Floats, values: Floats) -> NDArray[np.intp]:
    """(n,) the place of each value among the classes; their number for one that is none of them."""
    at = np.searchsorted(classes, values)
    inside = np.minimum(at, len(classes) - 1)
    return np.where(classes[inside] == values, inside, len(classes))
