from __future__ import annotations

import numpy as np
import pytest

from farero.core.field import Field
from farero.core.loss_model import LossModel, add, learn
from farero.core.performance import evaluate
from farero.core.prediction import Outputs

FIELDS = (Field(name="x", kind="number"), Field(name="k", kind="choice", levels=("a", "b")))
METRICS = ("mae", "rmse", "mape", "r2")


def world(seed: int, rows: int, *, move: float = 0.0, worse: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, labels and the predictions of a good model; errors grow with x, and are three times as large for level b."""
    random = np.random.default_rng(seed)
    x, k = random.uniform(0, 1, rows) ** (1 / (1 + move)), random.integers(0, 2, rows)
    value = 10 + 5 * x
    labels = value + worse * random.normal(size=rows) * (0.2 + x) * (1 + 2 * k)
    return np.column_stack([x, k]), labels, value


def fitted(seed: int = 0, rows: int = 10_000) -> LossModel:
    matrix, labels, value = world(seed, rows)
    return learn(FIELDS, matrix, labels, value, METRICS).model


@pytest.mark.row("M6")
@pytest.mark.parametrize("move", [0.0, 2.0])
def test_when_only_the_inputs_change_the_estimate_is_what_labels_show_later(move: float) -> None:
    model = fitted()
    matrix, labels, value = world(5, 40_000, move=move)
    found = model.estimates(model.tally(matrix, value))
    realized = evaluate("number", labels, Outputs(value=value))
    assert set(found) == set(realized) == set(METRICS)
    for name, truth in realized.items():
        assert found[name].value == pytest.approx(truth, rel=0.06, abs=0.02), name
        assert found[name].low < found[name].value < found[name].high
    unchanged = evaluate("number", *(lambda m, y, v: (y, Outputs(value=v)))(*world(0, 10_000)))
    if move:
        assert abs(found["mae"].value - realized["mae"]) < 0.2 * abs(unchanged["mae"] - realized["mae"])


@pytest.mark.row("M6")
def test_when_the_relation_changes_the_estimate_does_not_see_it() -> None:
    model = fitted()
    matrix, labels, value = world(5, 20_000, worse=3.0)
    assert model.estimates(model.tally(matrix, value))["mae"].value < 0.5 * np.abs(labels - value).mean()


@pytest.mark.row("M6")
def test_the_interval_holds_what_labels_show_about_as_often_as_it_says() -> None:
    """200 figures in 100 independent trials; fewer than 85 % inside is beyond six deviations of a coin of 95 %."""
    inside = []
    for trial in range(100):
        matrix, labels, value = world(1000 + trial, 800)
        model = learn(FIELDS, matrix, labels, value, ("mae", "rmse")).model
        matrix, later, value = world(9000 + trial, 300, move=0.5)
        found, realized = model.estimates(model.tally(matrix, value)), evaluate("number", later, Outputs(value=value))
        inside += [found[name].low <= realized[name] <= found[name].high for name in ("mae", "rmse")]
    assert np.mean(inside) > 0.85


def test_tallies_of_parts_add_up_to_the_tally_of_the_whole() -> None:
    model = fitted(rows=1000)
    matrix, _, value = world(3, 500)
    whole, parts = model.tally(matrix, value), [model.tally(matrix[cut], value[cut]) for cut in (slice(0, 123), slice(123, 500))]
    summed = add(*parts)
    assert (summed.rows, summed.groups.tolist()) == (whole.rows, whole.groups.tolist())
    assert dict(summed.losses) == pytest.approx(dict(whole.losses))
    assert (summed.truth, summed.truth_squares) == pytest.approx((whole.truth, whole.truth_squares))
    other = learn(FIELDS, *world(0, 200), ("mae",)).model
    with pytest.raises(ValueError, match="different models"):
        add(whole, other.tally(matrix, value))


def test_effective_rows_fall_where_the_rows_are_unlike_those_that_judged() -> None:
    model = fitted()
    same, far = world(4, 10_000), world(4, 10_000, move=9.0)
    assert model.effective_rows(model.tally(same[0], same[2])) == pytest.approx(10_000, rel=0.05)
    assert model.effective_rows(model.tally(far[0], far[2])) < 5_000
    assert model.effective_rows(model.tally(same[0][:0], same[2][:0])) == 0.0


def test_errors_that_the_inputs_do_not_explain_are_expected_to_be_the_mean() -> None:
    random = np.random.default_rng(3)
    matrix = np.column_stack([random.random(2000), random.integers(0, 2, 2000)])
    labels = random.normal(size=2000)
    model = learn(FIELDS, matrix, labels, np.zeros(2000), ("mae",)).model
    assert model.skill["absolute"] < 0.01
    assert model.estimates(model.tally(matrix[:5], np.zeros(5)))["mae"].value == pytest.approx(np.abs(labels).mean(), rel=0.05)


def test_mape_is_not_estimated_where_a_label_is_0_and_a_window_without_rows_has_no_figures() -> None:
    matrix, labels, value = world(0, 300)
    labels[0] = 0.0
    model = learn(FIELDS, matrix, labels, value, METRICS).model
    assert model.metrics == ("mae", "rmse", "r2")
    assert model.estimates(model.tally(matrix[:0], value[:0])) == {}
    with pytest.raises(ValueError, match="none of the metrics"):
        learn(FIELDS, matrix, labels, value, ("mape",))


@pytest.mark.row("M6")
def test_too_few_labels_are_refused_with_their_number_and_constant_labels_are_not() -> None:
    matrix, labels, value = world(0, 60)
    with pytest.raises(ValueError, match="3 labelled rows say too little; at least 50"):
        learn(FIELDS, matrix, np.where(np.arange(60) < 3, labels, np.nan), value, METRICS)
    same = learn(FIELDS, matrix, np.full(60, 3.0), np.full(60, 3.0), ("mae", "r2")).model
    assert same.estimates(same.tally(matrix, np.full(60, 3.0)))["mae"].value == 0.0
