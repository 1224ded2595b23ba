"""Metrics equal scikit-learn's, and are left out where they mean nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from farero.core.label import LabelKind
from farero.core.performance import METRICS, evaluate, is_worse, loss
from farero.core.prediction import Outputs

RANDOM = np.random.default_rng(11)
ROWS = 500


def binary() -> tuple[NDArray[np.float64], Outputs]:
    labels = (RANDOM.random(ROWS) < 0.4).astype(np.float64)
    # Rounded, so that there are ties.
    probability = np.round(np.clip(0.3 * labels + 0.7 * RANDOM.random(ROWS), 0, 1), 2)
    return labels, Outputs(value=(probability >= 0.5).astype(np.float64), probability=probability)


def classes(k: int = 4) -> tuple[NDArray[np.float64], Outputs]:
    labels = RANDOM.integers(0, k, ROWS).astype(np.float64)
    scores = RANDOM.random((ROWS, k)) + np.eye(k)[labels.astype(int)] * 0.4
    shares = scores / scores.sum(axis=1, keepdims=True)
    return labels, Outputs(value=shares.argmax(axis=1).astype(np.float64), probability=shares.max(axis=1), probabilities=shares)


def number() -> tuple[NDArray[np.float64], Outputs]:
    labels = RANDOM.normal(50, 10, ROWS)
    return labels, Outputs(value=labels + RANDOM.normal(1, 4, ROWS))


@pytest.mark.row("M5")
def test_binary_metrics_equal_scikit_learn() -> None:
    y, out = binary()
    assert out.probability is not None
    assert evaluate("binary", y, out) == pytest.approx(
        {
            "accuracy": sk.accuracy_score(y, out.value),
            "precision": sk.precision_score(y, out.value),
            "recall": sk.recall_score(y, out.value),
            "f1": sk.f1_score(y, out.value),
            "roc_auc": sk.roc_auc_score(y, out.probability),
            "log_loss": sk.log_loss(y, y_proba=out.probability),
            "brier": sk.brier_score_loss(y, out.probability),
        },
        rel=1e-12,
    )


@pytest.mark.row("M5")
def test_class_metrics_equal_scikit_learn_macro_averages() -> None:
    y, out = classes()
    assert evaluate("classes", y, out) == pytest.approx(
        {
            "accuracy": sk.accuracy_score(y, out.value),
            "precision": sk.precision_score(y, out.value, average="macro"),
            "recall": sk.recall_score(y, out.value, average="macro"),
            "f1": sk.f1_score(y, out.value, average="macro"),
            "roc_auc": sk.roc_auc_score(y, out.probabilities, multi_class="ovr", average="macro"),
            "log_loss": sk.log_loss(y, y_proba=out.probabilities),
            "brier": sk.brier_score_loss(y, out.probabilities),
        },
        rel=1e-12,
    )


def test_a_class_that_is_never_predicted_counts_as_zero_as_in_scikit_learn() -> None:
    y, value = np.array([0.0, 1.0, 2.0, 2.0]), np.array([0.0, 1.0, 1.0, 0.0])
    found = evaluate("classes", y, Outputs(value=value), ["precision", "recall", "f1"])
    assert found == pytest.approx(
        {
            "precision": sk.precision_score(y, value, average="macro", zero_division=0),
            "recall": sk.recall_score(y, value, average="macro"),
            "f1": sk.f1_score(y, value, average="macro"),
        }
    )


@pytest.mark.row("M5")
def test_regression_metrics_equal_scikit_learn() -> None:
    y, out = number()
    assert evaluate("number", y, out) == pytest.approx(
        {
            "r2": sk.r2_score(y, out.value),
            "rmse": sk.root_mean_squared_error(y, out.value),
            "mae": sk.mean_absolute_error(y, out.value),
            "mape": sk.mean_absolute_percentage_error(y, out.value),
        },
        rel=1e-12,
    )


def test_rows_without_a_label_are_left_aside() -> None:
    y, out = binary()
    some = np.where(np.arange(ROWS) % 3 == 0, np.nan, y)
    known = ~np.isnan(some)
    assert out.probability is not None
    fewer = Outputs(value=out.value[known], probability=out.probability[known])
    assert evaluate("binary", some, out) == evaluate("binary", y[known], fewer)


@pytest.mark.parametrize(("kind", "make"), [("binary", binary), ("classes", classes), ("number", number)])
def test_no_metric_exists_on_no_rows(kind: LabelKind, make: Callable[[], tuple[NDArray[np.float64], Outputs]]) -> None:
    y, out = make()
    assert evaluate(kind, np.full(len(y), np.nan), out) == {}


def test_undefined_metrics_are_left_out_and_never_nan() -> None:
    ones = np.ones(5)
    all_negative = Outputs(value=np.zeros(5), probability=np.full(5, 0.1))
    assert set(evaluate("binary", ones, all_negative)) == {"accuracy", "recall", "f1", "brier"}
    assert set(evaluate("binary", np.zeros(5), all_negative)) == {"accuracy", "brier"}
    assert set(evaluate("number", np.array([0.0, 0.0]), Outputs(value=np.array([1.0, 2.0])))) == {"rmse", "mae"}


def test_metrics_that_need_a_probability_are_left_out_where_there_is_none() -> None:
    y, out = binary()
    assert set(evaluate("binary", y, Outputs(value=out.value))) == {"accuracy", "precision", "recall", "f1"}


def test_class_roc_auc_needs_every_class_among_the_labels() -> None:
    _, out = classes()
    assert "roc_auc" not in evaluate("classes", np.where(np.arange(ROWS) % 2, 0.0, 1.0), out)


def test_one_sure_and_wrong_answer_does_not_make_the_log_loss_infinite() -> None:
    y = np.array([1.0, 0.0])
    found = evaluate("binary", y, Outputs(value=1 - y, probability=np.array([0.0, 0.5])), ["log_loss"])
    assert math.isfinite(found["log_loss"])


def test_unknown_and_unfitting_metrics_and_lengths_are_refused() -> None:
    y, out = number()
    with pytest.raises(ValueError, match="there is no metric 'acuracy'"):
        evaluate("number", y, out, ["acuracy"])
    with pytest.raises(ValueError, match="'roc_auc' does not fit a label of kind 'number'"):
        evaluate("number", y, out, ["roc_auc"])
    with pytest.raises(ValueError, match="3 labels do not fit 500 answers"):
        evaluate("number", y[:3], out)
    with pytest.raises(ValueError, match="3 labels do not fit 500 answers"):
        loss("number", "mae", y[:3], out)


@pytest.mark.parametrize(
    ("kind", "make", "metric", "fold"),
    [
        ("number", number, "mae", float),
        ("number", number, "rmse", math.sqrt),
        ("number", number, "mape", float),
        ("binary", binary, "log_loss", float),
        ("binary", binary, "brier", float),
        ("classes", classes, "log_loss", float),
        ("classes", classes, "brier", float),
        ("binary", binary, "accuracy", lambda share: 1 - share),
    ],
)
def test_the_mean_loss_of_rows_is_the_metric(
    kind: LabelKind, make: Callable[[], tuple[NDArray[np.float64], Outputs]], metric: str, fold: Callable[[float], float]
) -> None:
    y, out = make()
    assert fold(float(np.mean(loss(kind, metric, y, out)))) == pytest.approx(evaluate(kind, y, out, [metric])[metric])


def test_a_row_without_a_label_has_no_loss() -> None:
    lost = loss("number", "mae", np.array([1.0, np.nan]), Outputs(value=np.array([3.0, 3.0])))
    assert lost[0] == 2.0
    assert np.isnan(lost[1])


def test_loss_says_when_it_lacks_probabilities() -> None:
    y, out = binary()
    with pytest.raises(ValueError, match="needs probabilities"):
        loss("binary", "log_loss", y, Outputs(value=out.value))
    with pytest.raises(ValueError, match="probability of every class"):
        loss("classes", "brier", y, Outputs(value=out.value))


@pytest.mark.parametrize(
    ("metric", "value", "baseline", "worse"),
    [
        ("accuracy", 0.94, 1.0, True),
        ("accuracy", 0.96, 1.0, False),
        ("accuracy", 1.0, 0.5, False),
        ("rmse", 10.6, 10.0, True),
        ("rmse", 10.4, 10.0, False),
        ("r2", -0.30, -0.2, True),
        ("r2", -0.2, -0.2, False),
    ],
)
def test_a_fall_is_measured_against_the_size_of_the_baseline(metric: str, value: float, baseline: float, worse: bool) -> None:
    assert is_worse(metric, value, baseline, 0.05) is worse


def test_every_metric_is_named_once_with_its_direction() -> None:
    names = "accuracy precision recall f1 roc_auc log_loss brier r2 rmse mae mape"
    assert list(METRICS) == names.split()
    assert [m.name for m in METRICS.values() if not m.higher_is_better] == ["log_loss", "brier", "rmse", "mae", "mape"]
