"""Every metric with its interval: the value is the metric's own, and the interval holds the truth as often as it says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from farero.core.label import LabelKind
from farero.core.measured import Measured, measure, pick, usable
from farero.core.performance import METRICS, evaluate
from farero.core.prediction import Outputs

Rows = tuple[NDArray[np.float64], Outputs]
EMPTY = np.empty(0)


def least_hits(runs: int, coverage: float) -> int:
    """A count of hits that is missed by chance once in ten million where each run hits with this chance at least."""
    return int(stats.binom.ppf(1e-7, runs, coverage))


def binary(draw: np.random.Generator, count: int) -> Rows:
    probability = draw.beta(1, 2, count)
    labels = (draw.random(count) < probability**1.2).astype(np.float64)
    return labels, Outputs(value=(probability >= 0.4) * 1.0, probability=np.clip(probability, 0.01, 0.99))


def classes(draw: np.random.Generator, count: int) -> Rows:
    probabilities = draw.dirichlet(np.array([2.0, 1.0, 1.0]), count)
    labels = (draw.random(count)[:, None] > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, 2).astype(np.float64)
    probabilities = 0.9 * probabilities + 0.1 / 3
    value = probabilities.argmax(axis=1).astype(np.float64)
    return labels, Outputs(value=value, probability=probabilities.max(axis=1), probabilities=probabilities)


def number(draw: np.random.Generator, count: int) -> Rows:
    expected = draw.uniform(5, 25, count)
    return expected + draw.exponential(2.0, count) - 1.5, Outputs(value=expected)


MADE: dict[LabelKind, Callable[[np.random.Generator, int], Rows]] = {"binary": binary, "classes": classes, "number": number}


def by_name(found: tuple[Measured, ...]) -> dict[str, Measured]:
    return {one.name: one for one in found}


@pytest.mark.row("M5")
@pytest.mark.parametrize("kind", MADE)
def test_every_metric_of_a_kind_has_its_value_inside_its_interval(kind: LabelKind) -> None:
    labels, outputs = MADE[kind](np.random.default_rng(1), 400)
    found = by_name(measure(kind, labels, outputs))
    assert list(found) == [name for name, metric in METRICS.items() if kind in metric.kinds]
    assert {name: one.value for name, one in found.items()} == evaluate(kind, labels, outputs)
    for one in found.values():
        assert one.value is not None
        assert one.low is not None
        assert one.high is not None
        assert one.low < one.value < one.high
        assert one.because == ""


@pytest.mark.row("M5")
@pytest.mark.parametrize("kind", MADE)
def test_intervals_hold_the_truth_in_nearly_95_of_100_cases(kind: LabelKind) -> None:
    """Rows are drawn with replacement from 5,000, whose metrics are then the truth."""
    draw = np.random.default_rng(2)
    labels, outputs = MADE[kind](draw, 5_000)
    truth = evaluate(kind, labels, outputs)
    runs, rows = 800, 250
    hits = dict.fromkeys(truth, 0)
    for _ in range(runs):
        chosen = draw.integers(0, len(labels), rows)
        for one in measure(kind, labels[chosen], pick(outputs, chosen)):
            assert one.low is not None
            assert one.high is not None
            hits[one.name] += one.low <= truth[one.name] <= one.high
    assert {name: count for name, count in hits.items() if count < least_hits(runs, 0.93)} == {}


@pytest.mark.row("M5")
@pytest.mark.parametrize("kind", ["binary", "number"])
def test_intervals_by_day_hold_the_truth_where_days_differ(kind: LabelKind) -> None:
    """Days of 20 rows, each with a mood of its own, are drawn with replacement from 400."""
    draw = np.random.default_rng(4)
    labels, outputs = MADE[kind](draw, 8_000)
    days = np.arange(8_000) // 20
    mood = draw.normal(size=400)[days]
    if kind == "number":
        labels = labels + 2 * mood
    else:
        labels = np.where(draw.random(8_000) < 0.6 * (mood > 0.5), 1 - labels, labels)
    truth = evaluate(kind, labels, outputs)
    runs, drawn = 500, 25
    hits, alone = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0)
    for _ in range(runs):
        chosen = (draw.integers(0, 400, drawn)[:, None] * 20 + np.arange(20)).ravel()
        own = np.repeat(np.arange(drawn), 20)
        for found, count in ((measure(kind, labels[chosen], pick(outputs, chosen), days=own), hits),
                             (measure(kind, labels[chosen], pick(outputs, chosen)), alone)):  # fmt: skip
            for one in found:
                assert one.low is not None
                assert one.high is not None
                count[one.name] += one.low <= truth[one.name] <= one.high
    assert {name: count for name, count in hits.items() if count < least_hits(runs, 0.9)} == {}
    assert min(alone.values()) < 0.8 * runs


@pytest.mark.parametrize("kind", MADE)
def test_ten_days_only_ever_widen_an_interval(kind: LabelKind) -> None:
    labels, outputs = MADE[kind](np.random.default_rng(6), 200)
    few, many = (by_name(measure(kind, labels, outputs, days=np.arange(200) % days)) for days in (9, 10))
    alone = by_name(measure(kind, labels, outputs))
    assert few == alone
    for name, one in many.items():
        assert one.low is not None
        assert one.high is not None
        assert one.low <= (alone[name].low or 0.0)
        assert one.high >= (alone[name].high or 0.0)
        assert one.by_day == (one.low < (alone[name].low or 0.0) or one.high > (alone[name].high or 0.0))


@pytest.mark.parametrize(
    ("kind", "labels", "outputs", "reasons"),
    [
        ("binary", EMPTY, Outputs(value=EMPTY, probability=EMPTY), {"accuracy": "no labelled rows", "roc_auc": "no labelled rows"}),
        ("binary", np.full(3, np.nan), Outputs(value=np.ones(3)), {"accuracy": "no labelled rows"}),
        (
            "binary",
            np.ones(5),
            Outputs(value=np.ones(5), probability=np.full(5, 0.9)),
            {
                "roc_auc": "only one class among the labels",
                "log_loss": "only one class among the labels",
                "brier": "no interval: all 5 rows are alike",
            },
        ),
        (
            "binary",
            np.zeros(5),
            Outputs(value=np.zeros(5)),
            {
                "precision": "nothing was predicted positive",
                "recall": "no label is positive",
                "roc_auc": "the answers carry no probability",
                "f1": "nothing was predicted positive, and no label is",
            },
        ),
        (
            "classes",
            np.array([0.0, 1.0]),
            Outputs(value=np.array([0.0, 1.0]), probability=np.array([0.9, 0.8])),
            {"roc_auc": "the record keeps the probability of the predicted class only"},
        ),
        (
            "number",
            np.full(4, 2.0),
            Outputs(value=np.full(4, 3.0)),
            {"r2": "all labels are equal", "mae": "no interval: all 4 rows are alike"},
        ),
        ("number", np.array([0.0, 1.0]), Outputs(value=np.array([1.0, 3.0])), {"mape": "a label is 0, and nothing is relative to 0"}),
        ("number", np.array([1.0]), Outputs(value=np.array([2.0])), {"mae": "no interval from one row", "r2": "one row"}),
    ],
)
def test_what_cannot_be_had_says_why(kind: LabelKind, labels: NDArray[np.float64], outputs: Outputs, reasons: dict[str, str]) -> None:
    found = by_name(measure(kind, labels, outputs))
    assert {name: found[name].because for name in reasons} == reasons
    assert all(found[name].low is None for name in reasons)


def test_a_class_that_is_not_among_the_labels_leaves_the_area_undefined() -> None:
    labels, outputs = classes(np.random.default_rng(0), 40)
    kept = labels < 2
    assert by_name(measure("classes", labels[kept], pick(outputs, kept)))["roc_auc"].because == "a class is not among the labels"


def test_three_rows_give_wide_intervals_and_no_error() -> None:
    for kind, make in MADE.items():
        labels, outputs = make(np.random.default_rng(8), 3)
        for one in measure(kind, labels, outputs, days=np.arange(3)):
            assert (one.value is None or one.low is None) == bool(one.because)
            assert one.low is None or (one.high is not None and one.high - one.low > 0)


def test_a_faultless_model_is_not_taken_to_be_faultless_for_sure() -> None:
    labels = np.repeat([0.0, 1.0], 20)
    found = by_name(measure("binary", labels, Outputs(value=labels, probability=labels)))
    assert (found["accuracy"].value, found["roc_auc"].value, found["f1"].value) == (1.0, 1.0, 1.0)
    assert found["accuracy"].low == pytest.approx(0.025 ** (1 / 40))
    assert found["recall"].low == pytest.approx(0.025 ** (1 / 20))
    assert 0.8 < (found["roc_auc"].low or 0) < 0.95
    many = np.repeat([0.0, 1.0, 2.0], [30, 20, 10])
    of_classes = by_name(measure("classes", many, Outputs(value=many, probability=np.ones(60), probabilities=np.eye(3)[many.astype(int)])))
    assert of_classes["f1"].low == pytest.approx(0.025 ** (1 / 10))  # no better known than the rarest class
    assert (of_classes["roc_auc"].value, of_classes["roc_auc"].method) == (1.0, "score")


def test_rows_with_nonsense_for_a_probability_count_where_none_is_needed() -> None:
    labels = np.array([1.0, 0.0, 1.0, 0.0, np.nan, 1.0])
    probability = np.array([0.9, 0.2, np.nan, 1.7, 0.5, 0.6])
    outputs = Outputs(value=np.array([1.0, 0.0, 1.0, 1.0, 0.0, np.nan]), probability=probability)
    found = by_name(measure("binary", labels, outputs))
    assert (found["accuracy"].rows, found["accuracy"].value) == (4, 0.75)
    assert (found["roc_auc"].rows, found["roc_auc"].value) == (2, 1.0)
    assert usable("binary", labels, outputs) == (4, 2)
    assert usable("number", labels, Outputs(value=labels)) == (5, 0)


def test_wrong_names_and_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="no metric"):
        measure("binary", EMPTY, Outputs(value=EMPTY), names=["auc"])
    with pytest.raises(ValueError, match="does not fit"):
        measure("number", EMPTY, Outputs(value=EMPTY), names=["f1"])
    with pytest.raises(ValueError, match="2 labels do not fit 3 answers"):
        measure("number", np.zeros(2), Outputs(value=np.zeros(3)))
