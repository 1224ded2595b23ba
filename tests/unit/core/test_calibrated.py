from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from farero.core.calibrated import BINS, Calibration, ScoreTally, add, bin_of, calibrate
from farero.core.performance import evaluate
from farero.core.prediction import Outputs


def answers(score: np.ndarray) -> Outputs:
    return Outputs(value=(score >= 0.5).astype(float), probability=score)


def world(seed: int, rows: int, *, tilt: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of a model that is too sure of itself, and labels that come true as they do; `tilt` moves the scores and nothing else."""
    random = np.random.default_rng(seed)
    truth = 1 / (1 + np.exp(-(random.normal(tilt, 1.2, rows))))
    score = 1 / (1 + np.exp(-2 * np.log(truth / (1 - truth))))
    return score, (random.random(rows) < truth).astype(float)


def fitted(seed: int = 0, rows: int = 20_000) -> Calibration:
    score, labels = world(seed, rows)
    return calibrate("binary", labels, answers(score))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_bins_keep_the_order_of_scores_and_the_ends_have_their_own(scores: list[float]) -> None:
    values = np.sort(np.array(scores))
    places = bin_of(values)
    assert (np.diff(places) >= 0).all()
    assert (places[values <= 0] == 0).all() and (places[values > 1e-30] > 0).all() and ((places == BINS - 1) == (values >= 1)).all()
    assert places.min() >= 0 and places.max() < BINS


@pytest.mark.row("M6")
def test_the_expected_confusion_matrix_is_that_of_scikit_learns_calibration_row_by_row() -> None:
    score, labels = world(1, 20_000)
    now, _ = world(2, 30_000, tilt=0.5)
    made = calibrate("binary", labels, answers(score))
    found = {name: one.value for name, one in made.estimates(made.tally(answers(now))).items()}
    chance = IsotonicRegression(out_of_bounds="clip").fit(score, labels).predict(now)
    given_to = now >= 0.5
    tp, fp, fn = chance[given_to].sum(), (1 - chance[given_to]).sum(), chance[~given_to].sum()
    assert found["accuracy"] == pytest.approx((tp + (1 - chance[~given_to]).sum()) / len(now), abs=5e-4)
    assert found["precision"] == pytest.approx(tp / (tp + fp), abs=5e-4)
    assert found["recall"] == pytest.approx(tp / (tp + fn), abs=5e-4)
    assert found["f1"] == pytest.approx(2 * tp / (2 * tp + fp + fn), abs=5e-4)
    assert found["brier"] == pytest.approx(np.mean(chance * (1 - now) ** 2 + (1 - chance) * now**2), abs=5e-4)


@pytest.mark.row("M6")
@pytest.mark.parametrize("tilt", [-1.0, 0.0, 1.0])
def test_when_only_the_inputs_change_the_estimate_is_what_labels_show_later(tilt: float) -> None:
    now, labels = world(7, 100_000, tilt=tilt)
    made = fitted()
    found = made.estimates(made.tally(answers(now)))
    for name, realized in evaluate("binary", labels, answers(now)).items():
        assert found[name].value == pytest.approx(realized, abs=0.015), name
        assert found[name].low <= realized <= found[name].high, name


@pytest.mark.row("M6")
def test_when_the_relation_changes_the_estimate_does_not_see_it() -> None:
    now, labels = world(7, 50_000)
    turned = np.where(now > 0.8, 0.0, labels)
    made = fitted()
    found = made.estimates(made.tally(answers(now)))["accuracy"]
    assert found.value - evaluate("binary", turned, answers(now), ["accuracy"])["accuracy"] > 0.15


@pytest.mark.row("M6")
def test_the_interval_holds_what_labels_show_about_as_often_as_it_says() -> None:
    """480 figures, each inside with 95 %; they come in 120 independent trials, so fewer than 88 % inside is beyond six deviations."""
    inside = []
    for trial in range(120):
        score, labels = world(1000 + trial, 1500)
        now, later = world(5000 + trial, 400, tilt=0.4)
        made = calibrate("binary", labels, answers(score))
        found = made.estimates(made.tally(answers(now)))
        realized = evaluate("binary", later, answers(now))
        inside += [found[name].low <= realized[name] <= found[name].high for name in ("accuracy", "f1", "brier", "roc_auc")]
    assert np.mean(inside) > 0.88


@given(st.integers(0, 500), st.integers(0, 500))
def test_tallies_of_parts_add_up_to_the_tally_of_the_whole(first: int, second: int) -> None:
    made = fitted(rows=500)
    score, _ = world(3, first + second)
    whole = made.tally(answers(score))
    summed = add(made.tally(answers(score[:first])), made.tally(answers(score[first:])))
    assert summed.rows == whole.rows and (summed.counts == whole.counts).all()
    np.testing.assert_allclose(summed.expected, whole.expected, atol=1e-9)


def test_tallies_of_different_labels_do_not_add_up() -> None:
    one, other = np.zeros((1, 2, BINS)), np.zeros((3, 2, BINS))
    with pytest.raises(ValueError, match="different labels"):
        add(ScoreTally(rows=0, counts=one.astype(int), expected=one), ScoreTally(rows=0, counts=other.astype(int), expected=other))


def test_effective_rows_are_all_rows_without_a_shift_and_few_far_away() -> None:
    made = fitted()
    same, far = world(9, 20_000)[0], world(9, 20_000, tilt=4.0)[0]
    assert made.effective_rows(made.tally(answers(same))) == pytest.approx(20_000, rel=0.02)
    assert made.effective_rows(made.tally(answers(far))) < 4_000
    assert made.effective_rows(made.tally(answers(same[:3]))) > 5_000, "three rows say nothing of a shift"
    assert made.effective_rows(made.tally(answers(np.zeros(0)))) == 0.0


def test_scores_of_a_few_values_and_of_exactly_0_and_1_are_calibrated_each_by_itself() -> None:
    score = np.repeat([0.0, 0.25, 1.0], 100)
    labels = np.concatenate([np.arange(100) < 10, np.arange(100) < 40, np.arange(100) < 90]).astype(float)
    made = calibrate("binary", labels, answers(score))
    assert made.shares[0, bin_of(np.array([0.0, 0.25, 1.0]))].tolist() == pytest.approx([0.1, 0.4, 0.9])
    found = made.estimates(made.tally(answers(score)))
    realized = evaluate("binary", labels, answers(score))
    assert {name: one.value for name, one in found.items()} == pytest.approx(realized, abs=1e-3)


@pytest.mark.row("M6")
def test_several_classes_are_estimated_each_against_the_rest() -> None:
    random = np.random.default_rng(4)

    def draw(rows: int, tilt: float) -> tuple[np.ndarray, Outputs]:
        odds = random.normal(0, 1, (rows, 3)) + np.array([tilt, 0.0, 0.0])
        truth = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
        sure = truth**1.7 / (truth**1.7).sum(axis=1, keepdims=True)
        labels = (truth.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1).astype(float)
        return labels, Outputs(value=sure.argmax(axis=1).astype(float), probability=sure.max(axis=1), probabilities=sure)

    labels, outputs = draw(20_000, 0.0)
    made = calibrate("classes", labels, outputs)
    later, now = draw(40_000, 1.0)
    found = made.estimates(made.tally(now))
    realized = evaluate("classes", later, now)
    assert set(found) == set(realized)
    for name, value in realized.items():
        assert found[name].value == pytest.approx(value, abs=0.02), name
    with pytest.raises(ValueError, match="1 classes do not fit a calibration of 3"):
        made.tally(answers(np.array([0.5])))


def test_rows_without_a_score_are_left_out() -> None:
    made = fitted(rows=500)
    score = np.array([0.2, np.nan, 0.9])
    assert made.tally(Outputs(value=np.array([0.0, 0.0, 1.0]), probability=score)).rows == 2
    labels = np.append(world(1, 200)[1], np.nan)
    assert calibrate("binary", labels, answers(np.append(world(1, 200)[0], 0.5))).rows == 200


@pytest.mark.row("M6")
@pytest.mark.parametrize(
    ("labels", "outputs", "words"),
    [
        (np.array([0.0, 1.0, 1.0]), answers(np.array([0.1, 0.5, 0.9])), "3 labelled rows say too little"),
        (np.zeros(100), answers(np.linspace(0, 1, 100)), "all labelled rows are of one class"),
        (np.arange(100) % 2.0, Outputs(value=np.zeros(100)), "carry no probabilities"),
        (np.full(100, np.nan), answers(np.linspace(0, 1, 100)), "0 labelled rows"),
    ],
)
def test_rows_that_say_nothing_are_refused_with_the_reason(labels: np.ndarray, outputs: Outputs, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        calibrate("binary", labels, outputs)
