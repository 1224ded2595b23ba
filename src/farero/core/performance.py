"""How well a model did: metrics of answers against labels, the loss of each row, and whether a figure fell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.label import LabelKind
from farero.core.prediction import Outputs

Floats: TypeAlias = NDArray[np.float64]

MEANS = frozenset({"accuracy", "log_loss", "brier", "mae", "rmse", "mape"})
"""Metrics that are worse whenever the mean of their row losses is."""

BEYOND_CHANCE = 2.5
"""How many standard errors a figure must lie beyond another before a fall counts: about 1 false finding in 160 windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A figure of merit: its name, whether more is better, and the kinds of label that it fits."""

    name: str
    higher_is_better: bool
    kinds: frozenset[LabelKind]


_CLASSIFICATION: frozenset[LabelKind] = frozenset({"binary", "classes"})
_REGRESSION: frozenset[LabelKind] = frozenset({"number"})

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        name: Metric(name=name, higher_is_better=higher, kinds=kinds)
        for name, higher, kinds in (
            ("accuracy", True, _CLASSIFICATION),
            ("precision", True, _CLASSIFICATION),
            ("recall", True, _CLASSIFICATION),
            ("f1", True, _CLASSIFICATION),
            ("roc_auc", True, _CLASSIFICATION),
            ("log_loss", False, _CLASSIFICATION),
            ("brier", False, _CLASSIFICATION),
            ("r2", True, _REGRESSION),
            ("rmse", False, _REGRESSION),
            ("mae", False, _REGRESSION),
            ("mape", False, _REGRESSION),
        )
    }
)
"""Every metric by its name. Each equals scikit-learn's; for classes precision, recall, F1 and ROC AUC are macro averages."""


def evaluate(kind: LabelKind, labels: Floats, outputs: Outputs, names: Sequence[str] | None = None) -> dict[str, float]:
    """The metrics of answers whose labels are known.

    A metric that is undefined on these rows is left out, never NaN: ROC AUC and log loss of one class only, precision where
    nothing was predicted positive, recall where nothing is, R² of equal labels, MAPE where a label is 0, and all on zero rows.

    Args:
        kind: of the label.
        labels: (n,) encoded labels; rows with NaN are not labelled and are left aside.
        outputs: n answers. Metrics that need a probability are left out where there is none.
        names: which metrics; None = all that fit `kind`.

    Returns:
        Metric name -> value; RMSE and MAE in the label's unit, log loss in nats, the rest without unit.

    Raises:
        ValueError: an unknown metric, one that does not fit `kind`, or lengths that differ.

    Source: definitions of scikit-learn (`sklearn.metrics`), to which the unit tests hold it.

    >>> answers = Outputs(value=np.array([1.0, 0.0, 1.0]), probability=np.array([0.9, 0.2, 0.6]))
    >>> evaluate("binary", np.array([1.0, 0.0, 0.0]), answers, ["accuracy", "roc_auc"])
    {'accuracy': 0.6666666666666666, 'roc_auc': 1.0}
    """
    wanted = [m.name for m in METRICS.values() if kind in m.kinds] if names is None else list(names)
    for name in wanted:
        _require(kind, name)
    known, answers = _labelled(labels, outputs)
    if not len(known):
        return {}
    computed = {name: _FORMULAS[kind][name](known, answers) for name in wanted}
    return {name: float(value) for name, value in computed.items() if value is not None and np.isfinite(value)}


def loss(kind: LabelKind, metric: str, labels: Floats, outputs: Outputs) -> Floats:
    """What each row lost [0, inf), so that two models can be compared row by row on the same rows.

    Squared error for rmse and r2, absolute error for mae, relative error for mape, squared error of the probability for brier,
    log loss for log_loss and roc_auc (which has no loss of a single row), and 0 or 1 for the rest.

    Args:
        kind: of the label.
        metric: one of `METRICS` that fits `kind`.
        labels: (n,) encoded labels; NaN gives NaN.
        outputs: n answers.

    Returns:
        (n,) losses.

    Raises:
        ValueError: an unknown metric, one that does not fit `kind`, lengths that differ, or no probabilities where they are needed.

    >>> loss("number", "mae", np.array([1.0, 5.0]), Outputs(value=np.array([2.0, 2.0]))).tolist()
    [1.0, 3.0]
    """
    _require(kind, metric)
    if len(labels) != len(outputs.value):
        raise ValueError(f"{len(labels)} labels do not fit {len(outputs.value)} answers")
    known = np.isfinite(labels)
    result = np.full(len(labels), np.nan)
    rows, answers = _labelled(labels, outputs)
    if kind == "number":
        errors = np.abs(rows - answers.value)
        if metric == "mape":
            result[known] = errors / np.maximum(np.abs(rows), np.finfo(np.float64).eps)
        else:
            result[known] = errors if metric == "mae" else errors**2
    elif metric in ("log_loss", "roc_auc"):
        result[known] = -np.log(_clipped(_of_truth(kind, rows, answers)))
    elif metric == "brier":
        result[known] = ((_shares(kind, answers) - _one_hot(kind, rows, answers)) ** 2).sum(axis=1) / (2 if kind == "binary" else 1)
    else:
        result[known] = (rows != answers.value).astype(np.float64)
    return result


def row_metric(kind: LabelKind, metric: str, outputs: Outputs) -> str:
    """The metric whose loss of each row can be had: this one, or accuracy where it needs the probability of every class and there is none.

    >>> row_metric("classes", "log_loss", Outputs(value=np.array([1.0]), probability=np.array([0.8])))
    'accuracy'
    """
    spread = metric in ("roc_auc", "log_loss", "brier") and kind == "classes"
    return "accuracy" if spread and outputs.probabilities is None else metric


def baseline(kind: LabelKind, metric: str, labels: Floats, outputs: Outputs) -> dict[str, float]:
    """What a version is measured at before it serves: every metric, mean and deviation of the metric's losses, and the rows.

    Args:
        kind: of the label.
        metric: the one that the project is judged by.
        labels: (n,) encoded labels that the version had not learnt from.
        outputs: its n answers.
    """
    losses = loss(kind, metric, labels, outputs)
    spread = {"loss_mean": float(losses.mean()), "loss_std": float(losses.std()), "measured_rows": float(len(labels))}
    return {**evaluate(kind, labels, outputs), **spread}


def baseline_error(measured: Mapping[str, float]) -> float:
    """The standard error of the mean loss in what `baseline` gives; 0 where the rows are not told.

    >>> baseline_error({"loss_mean": 3.0, "loss_std": 2.0, "measured_rows": 100.0})
    0.2
    """
    rows = measured.get("measured_rows", 0.0)
    return measured.get("loss_std", 0.0) / sqrt(rows) if rows > 0 else 0.0


def is_worse(metric: str, value: float, baseline: float, drop: float) -> bool:
    """Whether a figure is worse than its baseline by more than the share `drop` [0-1] of the baseline's size.

    >>> is_worse("roc_auc", 0.75, 0.80, 0.05), is_worse("mae", 10.4, 10.0, 0.05)
    (True, False)
    """
    room = drop * abs(baseline)
    return value < baseline - room if METRICS[metric].higher_is_better else value > baseline + room


def _require(kind: LabelKind, name: str) -> None:
    if name not in METRICS:
        raise ValueError(f"there is no metric {name!r}; the metrics are {', '.join(METRICS)}")
    if kind not in METRICS[name].kinds:
        raise ValueError(f"the metric {name!r} does not fit a label of kind {kind!r}")


def _labelled(labels: Floats, outputs: Outputs) -> tuple[Floats, Outputs]:
    """The rows that have a label."""
    if len(labels) != len(outputs.value):
        raise ValueError(f"{len(labels)} labels do not fit {len(outputs.value)} answers")
    known = np.isfinite(labels)
    if known.all():
        return np.asarray(labels, dtype=np.float64), outputs
    return np.asarray(labels, dtype=np.float64)[known], Outputs(
        value=outputs.value[known],
        probability=None if outputs.probability is None else outputs.probability[known],
        probabilities=None if outputs.probabilities is None else outputs.probabilities[known],
    )


def _clipped(probability: Floats) -> Floats:
    eps = np.finfo(np.float64).eps  # as scikit-learn: one sure and wrong answer must not make the mean infinite
    return np.clip(probability, eps, 1 - eps)


def _shares(kind: LabelKind, outputs: Outputs) -> Floats:
    """(n, k) probabilities of each class."""
    if kind == "classes":
        if outputs.probabilities is None:
            raise ValueError("this metric needs the probability of every class, and the answers carry none")
        return outputs.probabilities
    if outputs.probability is None:
        raise ValueError("this metric needs probabilities, and the answers carry none")
    return np.column_stack([1 - outputs.probability, outputs.probability])


def _one_hot(kind: LabelKind, labels: Floats, outputs: Outputs) -> Floats:
    return np.asarray(labels.astype(np.int64)[:, None] == np.arange(_shares(kind, outputs).shape[1]), dtype=np.float64)


def _of_truth(kind: LabelKind, labels: Floats, outputs: Outputs) -> Floats:
    """(n,) the probability that was given to what then happened."""
    shares = _shares(kind, outputs)
    return np.asarray(shares[np.arange(len(labels)), labels.astype(np.int64)], dtype=np.float64)


def _accuracy(labels: Floats, outputs: Outputs) -> float | None:
    return float(np.mean(labels == outputs.value))


class _Hits(NamedTuple):
    """Of one class: rows rightly given to it, rows given to it, rows that belong to it."""

    right: int
    given: int
    true: int


def _hits(labels: Floats, outputs: Outputs, cls: float) -> _Hits:
    given, true = outputs.value == cls, labels == cls
    return _Hits(int(np.sum(given & true)), int(np.sum(given)), int(np.sum(true)))


def _precision(hits: _Hits) -> float | None:
    return hits.right / hits.given if hits.given else None


def _recall(hits: _Hits) -> float | None:
    return hits.right / hits.true if hits.true else None


def _f1(hits: _Hits) -> float | None:
    return 2 * hits.right / (hits.given + hits.true) if hits.given + hits.true else None


_OneClass: TypeAlias = Callable[[_Hits], float | None]
_Formula: TypeAlias = Callable[[Floats, Outputs], float | None]


def _of_positive(formula: _OneClass) -> _Formula:
    return lambda labels, outputs: formula(_hits(labels, outputs, 1.0))


def _macro(formula: _OneClass) -> _Formula:
    def mean(labels: Floats, outputs: Outputs) -> float | None:
        classes = np.union1d(labels, outputs.value)
        # A class never predicted counts as 0, as in scikit-learn: leaving it out would reward a model that ignores it.
        return float(np.mean([formula(_hits(labels, outputs, float(cls))) or 0.0 for cls in classes]))

    return mean


def _auc(is_positive: NDArray[np.bool_], score: Floats) -> float | None:
    """Share of (positive, negative) pairs in the right order, ties half (Mann-Whitney)."""
    positives, negatives = np.sort(score[is_positive]), np.sort(score[~is_positive])
    if not len(positives) or not len(negatives):
        return None
    below = np.searchsorted(negatives, positives, side="left").sum(dtype=np.int64)
    up_to = np.searchsorted(negatives, positives, side="right").sum(dtype=np.int64)
    return float((int(below) + int(up_to)) / (2 * len(positives) * len(negatives)))


def _roc_auc(labels: Floats, outputs: Outputs) -> float | None:
    return None if outputs.probability is None else _auc(labels == 1.0, outputs.probability)


def _roc_auc_macro(labels: Floats, outputs: Outputs) -> float | None:
    """One class against the rest, averaged; undefined unless every class is among the labels."""
    if outputs.probabilities is None:
        return None
    parts = [_auc(labels == cls, outputs.probabilities[:, cls]) for cls in range(outputs.probabilities.shape[1])]
    defined = [part for part in parts if part is not None]
    return float(np.mean(defined)) if parts and len(defined) == len(parts) else None


def _log_loss(kind: LabelKind) -> _Formula:
    def mean(labels: Floats, outputs: Outputs) -> float | None:
        if (outputs.probability if kind == "binary" else outputs.probabilities) is None or np.all(labels == labels[0]):
            return None
        return float(np.mean(-np.log(_clipped(_of_truth(kind, labels, outputs)))))

    return mean


def _brier(kind: LabelKind) -> _Formula:
    def mean(labels: Floats, outputs: Outputs) -> float | None:
        if (outputs.probability if kind == "binary" else outputs.probabilities) is None:
            return None
        return float(np.mean(loss(kind, "brier", labels, outputs)))

    return mean


def _r2(labels: Floats, outputs: Outputs) -> float | None:
    spread = float(np.sum((labels - labels.mean()) ** 2))
    return 1.0 - float(np.sum((labels - outputs.value) ** 2)) / spread if spread > 0 else None


def _rmse(labels: Floats, outputs: Outputs) -> float | None:
    return float(np.sqrt(np.mean((labels - outputs.value) ** 2)))


def _mae(labels: Floats, outputs: Outputs) -> float | None:
    return float(np.mean(np.abs(labels - outputs.value)))


def _mape(labels: Floats, outputs: Outputs) -> float | None:
    return None if np.any(labels == 0) else float(np.mean(np.abs((labels - outputs.value) / labels)))


_FORMULAS: Mapping[LabelKind, Mapping[str, _Formula]] = {
    "binary": {
        "accuracy": _accuracy,
        "precision": _of_positive(_precision),
        "recall": _of_positive(_recall),
        "f1": _of_positive(_f1),
        "roc_auc": _roc_auc,
        "log_loss": _log_loss("binary"),
        "brier": _brier("binary"),
    },
    "classes": {
        "accuracy": _accuracy,
        "precision": _macro(_precision),
        "recall": _macro(_recall),
        "f1": _macro(_f1),
        "roc_auc": _roc_auc_macro,
        "log_loss": _log_loss("classes"),
        "brier": _brier("classes"),
    },
    "number": {"r2": _r2, "rmse": _rmse, "mae": _mae, "mape": _mape},
}
