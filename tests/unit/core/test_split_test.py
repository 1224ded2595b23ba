"""Read-outs of split tests: winners beyond doubt only, and rows that are needed and turn out to be enough."""

from __future__ import annotations

import numpy as np
import pytest

from farero.core import duel, split_test
from farero.core.split_test import Arm

RANDOM = np.random.default_rng(8)


def arm(version: str, mean: float, rows: int, share: float = 50.0) -> Arm:
    return Arm(version=version, name="", share=share, rows=2 * rows, losses=RANDOM.beta(8 * mean, 8 * (1 - mean), rows))


@pytest.mark.row("R11")
def test_a_clear_winner_is_named_with_its_difference_on_the_metrics_own_scale() -> None:
    found = split_test.read("ab", "churn", "mae", [arm("1.0.0", 0.4, 3000), arm("1.1.0", 0.2, 3000)], scale=50.0, smallest=1.0)
    (pair,) = found.pairs
    assert (found.winner, pair.winner) == ("1.1.0", "1.1.0")
    assert pair.difference == pytest.approx(-10.0, abs=1.0)
    assert pair.interval.low < -10.0 < pair.interval.high < 0
    assert pair.chance_better == pytest.approx(1.0)
    assert pair.rows_needed == 0
    assert found.arms[1].loss == pytest.approx(10.0, abs=0.5)
    assert found.arms[1].labelled == 3000


@pytest.mark.row("R11")
def test_two_that_are_equal_have_no_winner_and_it_says_how_many_rows_it_takes() -> None:
    one, two = arm("1.0.0", 0.3, 400), arm("1.1.0", 0.3, 400)
    found = split_test.read("ab", "churn", "brier", [one, two], scale=1.0, smallest=0.02)
    (pair,) = found.pairs
    assert found.winner is None
    assert pair.rows_needed is not None
    assert pair.rows_needed > 0
    assert pair.because.endswith(f"about {pair.rows_needed} more labelled rows would tell")


@pytest.mark.row("R11")
def test_so_many_rows_are_enough_to_tell_the_smallest_difference_that_matters() -> None:
    seen = [arm("1.0.0", 0.3, 300), arm("1.1.0", 0.3, 300)]
    needed = split_test.rows_needed(seen[1].losses, seen[0].losses, 0.5, 0.05)
    assert needed is not None
    rows = (600 + needed) // 2
    found = duel.difference([duel.scores(0.5, arm("1.1.0", 0.38, rows).losses, arm("1.0.0", 0.28, rows).losses)])
    assert found.low > 0


@pytest.mark.row("R11")
def test_of_three_the_one_that_beats_all_wins_and_the_first_if_none_does() -> None:
    better = split_test.read(
        "ab", "churn", "brier", [arm("1.0.0", 0.5, 3000), arm("1.1.0", 0.2, 3000), arm("1.2.0", 0.8, 3000)], scale=1.0, smallest=0.01
    )
    assert better.winner == "1.1.0"
    worse = split_test.read("ab", "churn", "brier", [arm("1.0.0", 0.2, 3000), arm("1.1.0", 0.5, 3000)], scale=1.0, smallest=0.01)
    assert worse.winner == "1.0.0"


@pytest.mark.row("R11")
def test_without_labels_or_without_a_split_nothing_is_claimed() -> None:
    bare = split_test.read("ab", "churn", "brier", [arm("1.0.0", 0.3, 0), arm("1.1.0", 0.3, 0)], scale=1.0, smallest=0.01)
    assert (bare.winner, bare.pairs[0].difference, bare.pairs[0].rows_needed) == (None, None, None)
    assert bare.pairs[0].because == "labels of both are needed to compare them"
    alone = split_test.read("ab", "churn", "brier", [arm("1.0.0", 0.3, 900, 100), arm("1.1.0", 0.8, 900, 0)], scale=1.0, smallest=0.01)
    assert alone.winner is None
    assert alone.pairs[0].because == "requests are not split between 1.1.0 and 1.0.0"
    assert split_test.read("ab", "churn", "brier", [arm("1.0.0", 0.3, 900)], scale=1.0, smallest=0.01).winner is None


def test_equal_differences_that_do_not_matter_are_said_to_be_none() -> None:
    found = split_test.read("ab", "churn", "brier", [arm("1.0.0", 0.3, 9000), arm("1.1.0", 0.3, 9000)], scale=1.0, smallest=0.2)
    assert found.pairs[0].rows_needed == 0
    assert found.pairs[0].because.startswith("no difference that would matter")


def test_losses_without_any_spread_are_certain() -> None:
    assert split_test.chance_better(np.zeros(5), np.ones(5)) == 1.0
    assert split_test.chance_better(np.ones(5), np.zeros(5)) == 0.0
    assert split_test.chance_better(np.zeros(1), np.ones(5)) is None
