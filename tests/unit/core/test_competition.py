from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from farero.core.competition import Entrant, drawn, entrants, pick

DAY = timedelta(days=1)


def names(span: timedelta, window: timedelta, before: str | None = None) -> list[str]:
    return [one.name for one in entrants((), look_back=None, span=span, window=window, before=before)]


@pytest.mark.row("R5")
def test_all_history_competes_with_look_backs_that_hold_enough_windows_and_are_shorter() -> None:
    assert names(400 * DAY, 7 * DAY) == ["all history", "365d", "180d", "90d"]
    assert names(200 * DAY, 7 * DAY) == ["all history", "180d", "90d"]
    assert names(60 * DAY, 7 * DAY) == ["all history"]
    assert names(30 * 365 * DAY, 365 * DAY) == ["all history", "5840d", "2920d"]


@pytest.mark.row("R5")
def test_at_first_look_backs_are_spread_and_then_those_next_to_the_winner_compete() -> None:
    assert names(400 * DAY, DAY) == ["all history", "365d", "45d", "11d"]
    assert names(400 * DAY, DAY, before="45d") == ["all history", "90d", "45d", "22d"]
    assert names(400 * DAY, DAY, before="365d") == ["all history", "365d", "180d", "90d"]
    assert names(400 * DAY, DAY, before="11d") == ["all history", "45d", "22d", "11d"]
    assert names(400 * DAY, DAY, before="all history") == ["all history", "365d", "45d", "11d"]


@pytest.mark.row("R5")
def test_what_the_project_names_competes_alone_and_each_way_once() -> None:
    asked = (Entrant(look_back=30 * DAY), Entrant(params={"depth": 3}), Entrant(look_back=30 * DAY))
    assert entrants(asked, look_back=10 * DAY, span=DAY, window=DAY) == asked[:2]
    assert entrants((), look_back=10 * DAY, span=DAY, window=DAY) == (Entrant(look_back=10 * DAY),)


def test_an_entrant_is_named_by_what_it_is() -> None:
    assert Entrant(look_back=timedelta(hours=36), half_life=45 * DAY, params={"b": 2, "a": "x"}).name == "36h, half-life 45d, a=x, b=2"


@pytest.mark.row("R5")
def test_a_look_back_cuts_and_a_half_life_draws_half_as_often_each_time() -> None:
    ages = np.repeat([0.0, 1.0, 2.0, 3.0], 20_000) * DAY.total_seconds()
    luck = np.random.default_rng(0).random(ages.size)
    assert drawn(Entrant(), ages, luck).all()
    assert drawn(Entrant(look_back=DAY), ages, luck).reshape(4, -1).mean(axis=1).tolist() == [1.0, 1.0, 0.0, 0.0]
    shares = drawn(Entrant(half_life=DAY), ages, luck).reshape(4, -1).mean(axis=1)
    assert shares == pytest.approx([1.0, 0.5, 0.25, 0.125], abs=0.01)
    both = drawn(Entrant(half_life=DAY, look_back=2 * DAY), ages, luck).reshape(4, -1).mean(axis=1)
    assert both == pytest.approx([1.0, 0.5, 0.25, 0.0], abs=0.01)


@pytest.mark.row("R6")
def test_the_way_that_served_stays_unless_another_is_ahead_beyond_chance() -> None:
    random = np.random.default_rng(3)
    base = random.exponential(size=400)
    a_little = base - 0.001 + random.normal(0, 0.5, 400)
    a_lot = base - 0.2 + random.normal(0, 0.5, 400)
    losses = {"all history": base, "90d": a_little - a_little.mean() + base.mean() - 0.001, "45d": a_lot}
    assert pick({name: losses[name] for name in ("all history", "90d")}, before="all history") == "all history"
    assert pick(losses, before="all history") == "45d"
    assert pick(losses, before="gone") == "45d"
    assert pick({"90d": base}, before=None) == "90d"


@pytest.mark.row("R6")
def test_among_ways_that_do_not_differ_the_one_that_served_mostly_stays() -> None:
    random = np.random.default_rng(4)
    kept = sum(pick({name: random.normal(size=100) for name in "abcd"}, before="a") == "a" for _ in range(500))
    assert kept > 250


def test_a_single_row_decides_by_its_loss() -> None:
    assert pick({"a": np.array([2.0]), "b": np.array([1.0])}, before="a") == "b"
