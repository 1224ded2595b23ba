from __future__ import annotations

import numpy as np
import pytest

from farero.core.estimate import estimator, together
from farero.core.field import Field
from farero.core.prediction import Outputs

FIELDS = (Field(name="x", kind="number"),)


def judged(seed: int, rows: int = 3000) -> tuple[np.ndarray, Outputs]:
    random = np.random.default_rng(seed)
    score = random.random(rows)
    return (random.random(rows) < score).astype(float), Outputs(value=(score >= 0.5).astype(float), probability=score)


def numbers(seed: int, rows: int = 3000) -> tuple[np.ndarray, Outputs, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.random(rows)
    return x + random.normal(0, 0.1 + x), Outputs(value=x), x.reshape(-1, 1)


@pytest.mark.row("M6")
def test_an_estimator_tells_its_judged_figures_and_how_far_it_missed_across_stretches_of_them() -> None:
    labels, outputs = judged(0)
    made = estimator("binary", labels, outputs)
    assert made.rows == 3000
    assert made.judged["accuracy"] == np.mean(labels == outputs.value)
    assert 0 < made.cross_fitted["accuracy"] < 0.04
    found = made.estimates(made.tally(outputs))
    assert found.metrics["accuracy"].value == pytest.approx(made.judged["accuracy"], abs=0.01)
    assert found.effective_rows == pytest.approx(3000, rel=0.01)


@pytest.mark.row("M6")
def test_a_regression_is_estimated_from_its_inputs() -> None:
    labels, outputs, matrix = numbers(0)
    made = estimator("number", labels, outputs, fields=FIELDS, matrix=matrix, metrics=["mae", "rmse"])
    assert set(made.cross_fitted) == {"mae", "rmse"} and made.cross_fitted["mae"] < 0.1
    found = made.estimates(made.tally(outputs, matrix)).metrics
    assert found["mae"].value == pytest.approx(made.judged["mae"], rel=0.03)
    with pytest.raises(ValueError, match="needs its inputs"):
        made.tally(outputs)
    with pytest.raises(ValueError, match="needs its inputs"):
        estimator("number", labels, outputs)


@pytest.mark.row("M6")
def test_the_quick_way_says_nearly_the_same_and_checks_nothing() -> None:
    labels, outputs, matrix = numbers(1)
    quick, whole = (
        estimator("number", labels, outputs, fields=FIELDS, matrix=matrix, metrics=["mae"], quick=quick) for quick in (True, False)
    )
    ahead = numbers(2)
    values = [made.estimates(made.tally(ahead[1], ahead[2])).metrics["mae"].value for made in (quick, whole)]
    assert values[0] == pytest.approx(values[1], rel=0.05)
    assert quick.cross_fitted == {}


def test_tallies_of_windows_add_up_and_kinds_do_not_mix() -> None:
    labels, outputs = judged(3)
    scores = estimator("binary", labels, outputs)
    both = together(scores.tally(outputs), scores.tally(outputs))
    assert both.rows == 6000
    assert scores.estimates(both).metrics["accuracy"].value == pytest.approx(
        scores.estimates(scores.tally(outputs)).metrics["accuracy"].value
    )
    truth, answers, matrix = numbers(3)
    losses = estimator("number", truth, answers, fields=FIELDS, matrix=matrix)
    assert together(losses.tally(answers, matrix), losses.tally(answers, matrix)).rows == 6000
    with pytest.raises(ValueError, match="do not add up"):
        together(both, losses.tally(answers, matrix))
    with pytest.raises(ValueError, match="another kind of label"):
        scores.estimates(losses.tally(answers, matrix))


def test_stretches_of_one_class_only_are_not_checked() -> None:
    _, outputs = judged(4, 200)
    made = estimator("binary", np.repeat([0.0, 1.0], [80, 120]), outputs)
    assert "roc_auc" not in made.cross_fitted and "accuracy" in made.cross_fitted
