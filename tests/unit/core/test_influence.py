"""Influence: what a metric really changes by when a row is counted a little more."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from farero.core.influence import SCALES, influence
from farero.core.label import LabelKind
from farero.core.measured import pick
from farero.core.performance import METRICS, evaluate
from farero.core.prediction import Outputs

RANDOM = np.random.default_rng(3)
ROWS = 60
KINDS: tuple[LabelKind, ...] = ("binary", "classes", "number")


def rows(kind: LabelKind) -> tuple[NDArray[np.float64], Outputs]:
    if kind == "number":
        labels = RANDOM.normal(10, 2, ROWS)
        return labels, Outputs(value=labels + RANDOM.normal(0, 1, ROWS))
    if kind == "binary":
        probability = RANDOM.random(ROWS)
        return (RANDOM.random(ROWS) < probability).astype(np.float64), Outputs(value=(probability >= 0.5) * 1.0, probability=probability)
    probabilities = RANDOM.dirichlet(np.ones(3), ROWS)
    labels = np.array([RANDOM.choice(3, p=one) for one in probabilities], dtype=np.float64)
    value = probabilities.argmax(axis=1).astype(np.float64)
    return labels, Outputs(value=value, probability=probabilities.max(axis=1), probabilities=probabilities)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name, metric in METRICS.items() if kind in metric.kinds])
def test_it_is_the_derivative_of_the_metric_by_the_weight_of_a_row(kind: LabelKind, name: str) -> None:
    labels, outputs = rows(kind)
    found = influence(kind, name, labels, outputs)
    assert found is not None
    assert abs(float(found.mean())) < 1e-9
    # Each row many times, one of them once more: a step of 1/(copies * rows) in the weight of that row.
    copies = 4000
    before = evaluate(kind, labels, outputs, [name])[name]
    for row in (0, 7, 31):
        order = np.concatenate([np.repeat(np.arange(ROWS), copies), np.full(copies // 100, row)])
        after = evaluate(kind, labels[order], pick(outputs, order), [name])[name]
        moved = (after**2 - before**2 if name == "rmse" else after - before) * len(order) / (copies // 100)
        corrected = _without_correction(name, labels, row)
        assert moved * corrected == pytest.approx(found[row], rel=0.02, abs=0.01)


def _without_correction(name: str, labels: NDArray[np.float64], row: int) -> float:
    """DeLong's variance divides by n - 1, which the influence of an area carries as a factor."""
    if name != "roc_auc":
        return 1.0
    own = float(np.sum(labels == labels[row]))
    return float(np.sqrt(own / (own - 1)))


def test_what_is_undefined_has_no_influence() -> None:
    ones = np.ones(4)
    assert influence("binary", "roc_auc", ones, Outputs(value=ones, probability=ones)) is None
    assert influence("binary", "roc_auc", ones, Outputs(value=ones)) is None
    assert influence("binary", "precision", ones, Outputs(value=np.zeros(4))) is None
    assert influence("number", "r2", ones, Outputs(value=ones)) is None
    assert influence("classes", "roc_auc", ones, Outputs(value=ones, probability=ones)) is None
    assert influence("number", "mae", np.empty(0), Outputs(value=np.empty(0))) is None


def test_every_metric_has_its_scale() -> None:
    assert set(SCALES) == set(METRICS)
