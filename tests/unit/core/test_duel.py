"""Duels: false verdicts as seldom as they say at every look, intervals that hold, and counts that add."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from farero.core import duel
from farero.core.duel import Tally

RANDOM = np.random.default_rng(11)
LIMIT = math.log(100)
COURSES = 400


def most_alarms(courses: int, chance: float) -> int:
    """A count that is passed by chance once in ten million where each course alarms with this chance at most."""
    return int(stats.binom.isf(1e-7, courses, chance))


def ever_over(share: float, new: NDArray[np.float64], old: NDArray[np.float64], allowance: float) -> int:
    """How many courses passed the limit at any of their looks; (courses, looks) rates of both sides, 40 units a look."""
    sent = RANDOM.binomial(40, share, new.shape)
    bad = RANDOM.binomial(sent, new), RANDOM.binomial(40 - sent, old)
    sides = [np.cumsum(np.stack([units - k, k], -1), 1) for units, k in zip((sent, 40 - sent), bad, strict=True)]
    found = duel.mixed(duel.fortunes(sides[0], sides[1], share, allowance))
    return int((found >= LIMIT).any(1).sum())


@pytest.mark.row("R7")
@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
@pytest.mark.parametrize("rate", [0.0005, 0.02, 0.3])
def test_a_side_that_is_as_bad_as_allowed_is_found_worse_no_oftener_than_stated_over_all_looks(share: float, rate: float) -> None:
    old = np.full((COURSES, 150), rate)
    assert ever_over(share, old + 0.01, old, 0.01) <= most_alarms(COURSES, 0.01)


@pytest.mark.row("R7")
def test_rates_that_change_with_time_on_both_sides_raise_no_more_alarms() -> None:
    waves = np.where(np.arange(150) % 30 < 3, 0.6, 0.01)[None].repeat(COURSES, axis=0)
    assert ever_over(0.05, waves, waves, 0.0) <= most_alarms(COURSES, 0.01)


@pytest.mark.row("R7")
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_a_side_that_fails_on_a_tenth_is_found(share: float) -> None:
    old = np.zeros((20, 150))
    assert ever_over(share, old + 0.1, old, 0.001) == 20


def test_the_same_counts_give_the_same_evidence_however_they_were_gathered() -> None:
    whole = duel.events(0.25, (7, 300), (2, 900))
    parts = duel.events(0.25, (3, 100), (2, 500)).plus(duel.events(0.25, (4, 200), (0, 400)))
    assert parts == whole
    assert duel.log_evidence([duel.events(0.25, (3, 100), (2, 500)), duel.events(0.25, (4, 200), (0, 400))], 0.01) == pytest.approx(
        duel.log_evidence([whole], 0.01)
    )


def test_tallies_of_different_shares_do_not_add() -> None:
    with pytest.raises(ValueError, match="do not add"):
        duel.events(0.25, (0, 1), (0, 1)).plus(duel.events(0.5, (0, 1), (0, 1)))


def test_evidence_of_several_shares_is_that_of_one_course_through_them() -> None:
    first, second = duel.events(0.05, (2, 50), (1, 950)), duel.events(0.5, (9, 500), (1, 500))
    held = [duel.fortunes(np.array(one.new), np.array(one.old), one.share, 0.001) for one in (first, second)]
    assert duel.log_evidence([first, second], 0.001) == pytest.approx(float(duel.mixed(held[0] + held[1])))


def test_a_side_that_nothing_goes_to_says_nothing() -> None:
    assert duel.log_evidence([duel.events(0.0, (0, 0), (5, 10))], 0.0) == 0.0


@pytest.mark.row("R7")
def test_where_everything_goes_to_the_new_side_it_is_held_against_the_allowance_itself() -> None:
    assert duel.log_evidence([duel.events(1.0, (10, 1000), (0, 0))], 0.001) > LIMIT
    assert duel.log_evidence([duel.events(1.0, (1, 1000), (0, 0))], 0.001) < LIMIT
    counts = np.cumsum(RANDOM.binomial(40, 0.001, (COURSES, 150)), 1)
    units = np.arange(40, 40 * 151, 40)[None].repeat(COURSES, axis=0)
    found = duel.mixed(duel.fortunes(np.stack([units - counts, counts], -1), np.zeros((1, 1, 2), dtype=np.int64), 1.0, 0.001))
    assert int((found >= LIMIT).any(1).sum()) <= most_alarms(COURSES, 0.01)


@given(
    share=st.floats(0.01, 0.99), allowance=st.floats(-1, 1), new=st.tuples(st.integers(0, 50), st.integers(50, 900)),
    old=st.tuples(st.integers(0, 50), st.integers(50, 900)),
)  # fmt: skip
def test_no_gambler_can_lose_more_than_everything_and_evidence_falls_as_more_is_allowed(
    share: float, allowance: float, new: tuple[int, int], old: tuple[int, int]
) -> None:
    tally = duel.events(share, new, old)
    found = duel.log_evidence([tally], allowance)
    assert math.isfinite(found)
    assert duel.log_evidence([tally], min(1.0, allowance + 0.1)) <= found + 1e-9


@pytest.mark.row("R11")
@pytest.mark.parametrize(("means", "share"), [((0.2, 0.2), 0.5), ((0.3, 0.2), 0.2), ((0.05, 0.4), 0.8)])
def test_the_interval_of_a_difference_holds_the_truth_at_all_looks_together(means: tuple[float, float], share: float) -> None:
    missed = 0
    for _ in range(40):
        sides = [RANDOM.beta(4 * mean, 4 * (1 - mean), 1500) for mean in means]
        went = RANDOM.random(1500) < share
        for look in (50, 150, 500, 1500):
            now = np.arange(1500) < look
            found = duel.difference([duel.scores(share, sides[0][went & now], sides[1][~went & now])], alpha=0.05)
            if not found.low - 1e-3 <= means[0] - means[1] <= found.high + 1e-3:
                missed += 1
                break
    assert missed <= most_alarms(40, 0.05)


def test_the_interval_of_nothing_is_everything() -> None:
    assert duel.difference([]) == duel.Interval(low=-1.0, high=1.0)


def test_the_interval_narrows_with_more_rows() -> None:
    few, many = (duel.difference([duel.events(0.5, (3 * n // 10, n), (2 * n // 10, n))]) for n in (200, 5000))
    assert few.low < many.low < 0.1 < many.high < few.high


def test_scores_outside_the_scale_count_as_its_ends() -> None:
    tally = duel.scores(0.5, np.array([-3.0, 7.0]), np.array([0.5]))
    assert (tally.new[0], tally.new[-1], tally.old[50], tally.rows) == (1, 1, 1, (2, 1))


def test_rates_are_means_over_all_shares() -> None:
    assert duel.rates([duel.events(0.05, (1, 10), (0, 100)), duel.events(0.5, (0, 30), (50, 100))]) == (0.025, 0.25)
    assert duel.rates([]) == (None, None)


def test_a_mirrored_tally_turns_every_value_around() -> None:
    assert Tally(share=0.5, new=(1, 2, 3), old=(4, 5, 6)).mirrored() == Tally(share=0.5, new=(3, 2, 1), old=(6, 5, 4))
