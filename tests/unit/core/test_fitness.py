from __future__ import annotations

import numpy as np
import pytest

from farero.core import fitness
from farero.core.prediction import Outputs


@pytest.mark.row("R10")
def test_known_rows_tell_how_many_are_answered_otherwise_and_the_largest_change() -> None:
    before, now = np.array([[0.1], [0.4], [0.6], [0.9]]), np.array([[0.1], [0.55], [0.7], [0.9]])
    check = fitness.known_rows("binary", before, now, most=None)
    assert check.passed and check.because == "25.0% of 4 known rows are answered otherwise, the largest change is 0.15"
    strict = fitness.known_rows("binary", before, now, most=0.1)
    assert strict.passed is False and strict.because.endswith(": 10.0% may be")
    assert fitness.known_rows("binary", before, before, most=0.0).passed


@pytest.mark.row("R10")
def test_numbers_are_answered_otherwise_where_they_moved_noticeably_and_classes_where_the_first_is_another() -> None:
    before = np.arange(10.0)[:, None]
    assert fitness.known_rows("number", before, before + np.where(before < 2, 1.0, 0.01), most=None).figures["share"] == 0.2
    shares = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    assert fitness.known_rows("classes", shares, shares[::-1], most=None).figures["share"] == 1.0


def test_answers_of_another_form_are_not_compared() -> None:
    assert fitness.known_rows("classes", np.zeros((4, 2)), np.zeros((4, 3)), most=0.0).passed is None


@pytest.mark.row("R6")
def test_pace_matters_only_where_it_is_slow_beside_production_and_by_itself() -> None:
    assert fitness.pace({1: (0.00001, 0.01), 100: (0.001, 0.1)}, most=10).passed is True
    assert fitness.pace({1: (0.01, 0.05), 100: (0.1, 0.5)}, most=10).passed is True
    slow = fitness.pace({1: (0.001, 0.05), 100: (0.1, 0.5)}, most=10)
    assert slow.passed is False and slow.because == "too slow: 1 row in 50 ms against 1 ms; 10 times as long is allowed"
    assert slow.figures == {"current_1_ms": 1.0, "candidate_1_ms": 50.0, "current_100_ms": 100.0, "candidate_100_ms": 500.0}


@pytest.mark.row("R6")
def test_size_has_a_limit_only_where_one_is_set() -> None:
    assert fitness.size(300_000_000, most_mb=None).passed is True
    assert fitness.size(300_000_000, most_mb=200).because == "300 MB, 200 MB are allowed"


@pytest.mark.row("R6")
def test_three_rows_are_no_training() -> None:
    assert fitness.learnt(3).because == "it learnt from 3 rows; fewer than 10 are no training"
    assert fitness.learnt(10).passed is True


@pytest.mark.row("R6")
def test_floors_hold_in_the_metrics_direction() -> None:
    checks = fitness.floors({"roc_auc": 0.7, "log_loss": 0.5}, {"roc_auc": 0.8, "log_loss": 0.6, "f1": 0.5})
    assert [check.passed for check in checks] == [False, True, False]
    assert checks[2].because == "f1 was not measured, at least 0.5 is asked for"


@pytest.mark.row("R6")
@pytest.mark.parametrize("metric", ["mae", "rmse", "r2", "mape"])
def test_a_number_must_be_told_better_than_by_one_answer_to_all(metric: str) -> None:
    labels = np.arange(1.0, 31.0)
    flat = Outputs(value=np.full(30, labels.mean()))
    assert fitness.better_than_a_constant("number", metric, labels, Outputs(value=labels + 0.5)).passed is True
    assert fitness.better_than_a_constant("number", metric, labels, flat).passed is (metric == "mape" and None or False)


@pytest.mark.row("R6")
@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "f1", "recall", "log_loss", "brier"])
def test_yes_or_no_must_be_told_better_than_by_one_answer_to_all(metric: str) -> None:
    labels = np.tile([0.0, 0.0, 0.0, 1.0], 25)
    useful, constant = np.where(labels == 1, 0.45, 0.15), np.full(100, 0.25)
    for shares, passed in ((useful, True), (constant, False), (np.ones(100), False)):
        outputs = Outputs(value=(shares >= 0.5).astype(float), probability=shares)
        check = fitness.better_than_a_constant("binary", metric, labels, outputs)
        assert check.passed is passed, check
    assert "no better than one answer to every row" in check.because


@pytest.mark.row("R6")
def test_classes_must_be_told_better_than_by_the_most_frequent() -> None:
    labels = np.tile([0.0, 1.0, 2.0, 2.0], 25)
    shares = np.eye(3)[labels.astype(int)] * 0.7 + 0.1
    right = Outputs(value=labels, probability=shares.max(axis=1), probabilities=shares)
    flat = Outputs(value=np.full(100, 2.0), probability=np.full(100, 0.5), probabilities=np.tile([0.25, 0.25, 0.5], (100, 1)))
    assert fitness.better_than_a_constant("classes", "accuracy", labels, right).passed is True
    assert fitness.better_than_a_constant("classes", "accuracy", labels, flat).passed is False


def test_where_nothing_is_defined_nothing_is_said() -> None:
    assert fitness.better_than_a_constant("number", "mape", np.zeros(5), Outputs(value=np.ones(5))).passed is None
