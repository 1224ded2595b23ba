from __future__ import annotations

import pytest

from farero.core.gain import DOUBLE, LITTLE, gain, growth_needed, worth_it


@pytest.mark.row("R4")
@pytest.mark.parametrize(
    ("current", "candidate", "higher", "worth"),
    [(20.0, 19.3, False, True), (20.0, 19.5, False, False), (0.9, 0.904, True, True), (0.9, 0.902, True, False), (20.0, 21.0, False, False),
     (1.0, 1.0, True, True), (0.0, 0.0, False, True), (None, 3.0, False, True)],
)  # fmt: skip
def test_a_contest_was_worth_its_training_if_it_took_away_enough_of_what_was_wrong(
    current: float | None, candidate: float | None, higher: bool, worth: bool
) -> None:
    assert worth_it(current, candidate, higher_is_better=higher) is worth


@pytest.mark.row("R4")
def test_where_nothing_is_wrong_nothing_is_gained() -> None:
    assert gain(0.0, 0.0, higher_is_better=False) is None


@pytest.mark.row("R4")
@pytest.mark.parametrize("power", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("grown", [1.05, 1.3, 2.0])
def test_the_growth_that_is_asked_for_gains_a_little_by_the_power_that_the_last_contest_showed(power: float, grown: float) -> None:
    needed = growth_needed(1 - grown**-power, grown, accepted=True, sure=True)
    assert 1 - needed**-power == pytest.approx(LITTLE)


@pytest.mark.row("R4")
def test_a_gain_that_may_be_chance_says_nothing_and_a_lost_contest_that_more_rows_bring_little() -> None:
    assert growth_needed(0.2, 1.1, accepted=True, sure=False) == DOUBLE
    assert growth_needed(-0.01, 1.1, accepted=True, sure=True) == DOUBLE
    assert growth_needed(0.02, 2.0, accepted=False, sure=True) == 8.0
    assert growth_needed(0.2, None, accepted=True, sure=True) == growth_needed(0.2, 1.0, accepted=True, sure=True) == DOUBLE


@pytest.mark.row("R4")
def test_a_gain_of_everything_or_of_next_to_nothing_asks_for_a_finite_growth() -> None:
    assert growth_needed(1.0, 2.0, accepted=True, sure=True) == 1.0
    assert growth_needed(1e-12, 2.0, accepted=True, sure=True) == growth_needed(0.0, 2.0, accepted=False, sure=True) == 8.0


@pytest.mark.row("R4")
@pytest.mark.parametrize("grown", [1.02, 1.5, 4.0])
def test_the_less_was_gained_the_more_rows_it_takes_and_a_lost_contest_takes_most(grown: float) -> None:
    gains = [0.3, 0.1, 0.05, 0.03, 0.01, 0.003, 0.0003]
    asked = [growth_needed(one, grown, accepted=True, sure=True) for one in gains]
    assert asked == sorted(asked) and asked[0] > 1
    assert asked[-1] <= growth_needed(0.0, grown, accepted=False, sure=True)
