from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from farero.core.fairness import ANSWER, ERROR, FALSE_ALARMS, FOUND, SELECTED, GroupsOf, by_group
from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.segments import Cut

DAY = timedelta(days=1)
BINARY = LabelSpec(name="y", kind="binary", arrives_within=DAY)
NUMBER = LabelSpec(name="y", kind="number", arrives_within=DAY)


def drawn(seed: int, rows: int = 600, lift: float = 0.3) -> tuple[np.ndarray, np.ndarray, Cut]:
    """Labels, answers, and two groups of which the second is selected more often."""
    random = np.random.default_rng(seed)
    codes = (np.arange(rows) % 3 == 0).astype(np.intp)
    truth = (random.random(rows) < 0.4).astype(np.float64)
    answers = (random.random(rows) < 0.2 + 0.5 * truth + lift * codes * 0.8).astype(np.float64)
    return truth, answers, Cut(feature="sex", names=("f", "m"), codes=codes)


def gaps(found: GroupsOf) -> dict[str, float | None]:
    return {gap.figure: gap.value for gap in found.gaps}


@pytest.mark.row("R12")
def test_gaps_are_those_that_fairlearn_names() -> None:
    metrics = pytest.importorskip("fairlearn.metrics")
    truth, answers, made = drawn(0)
    groups = np.array(made.names)[made.codes]
    found = by_group(BINARY, truth, Outputs(value=answers), made)
    mine = gaps(found)
    assert mine[SELECTED] == pytest.approx(metrics.demographic_parity_difference(truth, answers, sensitive_features=groups))
    odds = metrics.equalized_odds_difference(truth, answers, sensitive_features=groups)
    assert max(mine[FOUND] or 0, mine[FALSE_ALARMS] or 0) == pytest.approx(odds)
    frame = metrics.MetricFrame(
        metrics={"tpr": metrics.true_positive_rate}, y_true=truth, y_pred=answers, sensitive_features=groups
    ).by_group["tpr"]  # fmt: skip
    assert {group.name: group.figures[1].value for group in found.groups} == pytest.approx(dict(frame))


@pytest.mark.row("R12")
def test_the_interval_of_a_gap_holds_the_true_one_as_often_as_it_says() -> None:
    truth_gap = 0.24
    held = 0
    for seed in range(200):
        found = by_group(BINARY, *_as_arguments(drawn(seed)))
        gap = next(gap for gap in found.gaps if gap.figure == FALSE_ALARMS)
        assert gap.low is not None
        assert gap.high is not None
        held += gap.low <= truth_gap <= gap.high
    assert 180 <= held <= 198, held


def test_groups_alike_are_rarely_said_to_be_beyond_a_limit() -> None:
    alarms = sum(bool(by_group(BINARY, *_as_arguments(drawn(seed, lift=0.0))).beyond(0.0)) for seed in range(100))
    assert alarms <= 20, "four figures, each wrong in one of forty cases"


@pytest.mark.row("R12")
def test_a_small_group_is_shown_and_not_compared() -> None:
    truth, answers, _ = drawn(1)
    codes = np.zeros(600, dtype=np.intp)
    codes[:300] = 1
    codes[:7] = 2
    found = by_group(BINARY, truth, Outputs(value=answers), Cut(feature="sex", names=("f", "m", "x"), codes=codes))
    small = found.groups[2]
    assert (small.name, small.rows) == ("x", 7)
    assert "not compared" in small.figures[0].because
    assert all("x" in gap.left_out for gap in found.gaps)
    assert {gap.most for gap in found.gaps} <= {"f", "m"}


def test_one_group_alone_has_no_gap() -> None:
    truth, answers, _ = drawn(2)
    found = by_group(BINARY, truth, Outputs(value=answers), Cut(feature="sex", names=("f",), codes=np.zeros(600, dtype=np.intp)))
    assert set(gaps(found).values()) == {None}
    assert found.beyond(0.0) == ()


@pytest.mark.row("R12")
def test_numbers_are_compared_by_what_is_answered_and_how_wrong_it_is() -> None:
    codes = (np.arange(400) % 2).astype(np.intp)
    truth = np.linspace(0, 10, 400)
    answers = truth + 0.5 * codes + np.random.default_rng(0).normal(0, 0.1, 400)
    found = by_group(NUMBER, truth, Outputs(value=answers), Cut(feature="site", names=("a", "b"), codes=codes))
    error = next(gap for gap in found.gaps if gap.figure == ERROR)
    assert error.value == pytest.approx(0.5, abs=0.05)
    assert (error.most, error.least) == ("b", "a")
    assert found.beyond(0.3) == (error,)
    assert next(gap for gap in found.gaps if gap.figure == ANSWER).low == 0.0


def _as_arguments(made: tuple[np.ndarray, np.ndarray, Cut]) -> tuple[np.ndarray, Outputs, Cut]:
    return made[0], Outputs(value=made[1]), made[2]
