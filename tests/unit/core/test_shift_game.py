from __future__ import annotations

import numpy as np
import pytest

from farero.core.field import Field
from farero.core.shift_game import PLAYERS, Game, Side, fit

FIELDS = tuple(Field(name=name, kind="number") for name in ("a", "b"))


def game(shift: float, *, rows: int = 8000, worse: float = 0.0) -> Game:
    """Losses of a²; in the current rows a has moved by `shift`, and every row loses `worse` more."""
    made = []
    for seed, move in ((1, 0.0), (2, shift)):
        matrix = np.random.default_rng(seed).normal(size=(rows, 2)) + np.array([move, 0.0])
        noise = np.random.default_rng(10 + seed).normal(0, 0.3, rows)
        made.append(Side(matrix=matrix, losses=matrix[:, 0] ** 2 + noise + worse * (move > 0), windows=np.arange(rows) // 100))
    matrix = np.concatenate([one.matrix for one in made])
    return fit(FIELDS, (made[0], made[1]), matrix, np.repeat([False, True], rows))


@pytest.mark.row("M7")
def test_both_sides_are_weighted_to_the_inputs_that_they_share() -> None:
    """Between N(0, 1) and N(1, 1) the shared inputs lie evenly around 1/2: both sides' means of a there agree, and so do their losses."""
    found = game(1.0)
    moved = found.play(np.ones(len(found.parts), dtype=np.bool_))
    old, new = (float(side.losses.mean()) for side in found.sides)
    assert old + moved.known == pytest.approx(new - moved.new, abs=0.1)
    assert 0.6 < moved.overlap < 0.9
    assert found.members[0] == (0,)


@pytest.mark.row("M7")
def test_odds_and_losses_together_are_right_where_the_weights_alone_are_a_little_off() -> None:
    found = game(1.0, worse=0.5)
    both = found.everything()
    old, new = (float(side.losses.mean()) for side in found.sides)
    relation = new - old - both.known - both.new
    assert relation == pytest.approx(0.5, abs=0.03)
    assert both.known + both.new == pytest.approx(1.0, abs=0.1)


def test_moving_nothing_changes_nothing() -> None:
    found = game(1.0)
    still = found.play(np.zeros(len(found.parts), dtype=np.bool_))
    assert still.known == pytest.approx(0.0, abs=1e-12) and still.new == pytest.approx(0.0, abs=1e-12)
    assert all(np.allclose(one, 0.0, atol=1e-9) for one in still.influence)


def test_influences_are_centred_on_each_side() -> None:
    both = game(0.5).everything()
    for one in (*both.of_known, *both.of_new):
        assert one.mean() == pytest.approx(0.0, abs=1e-9)


def test_without_a_shift_the_inputs_part_is_what_chance_in_the_inputs_brings() -> None:
    found = game(0.0)
    both = found.everything()
    assert both.overlap > 0.99
    chance = float((found.sides[1].matrix[:, 0] ** 2).mean() - (found.sides[0].matrix[:, 0] ** 2).mean())
    assert both.known + both.new == pytest.approx(chance, abs=0.01)


def test_sides_with_nothing_in_common_are_told_by_the_weights_alone() -> None:
    found = game(20.0)
    both = found.everything()
    assert both.overlap < 0.01
    assert np.isfinite([both.known, both.new, *both.effective_rows]).all()


def test_features_beyond_the_players_go_together_and_silent_ones_do_not_play() -> None:
    fields = tuple(Field(name=f"x{at}", kind="number") for at in range(PLAYERS + 5))
    sides = []
    for seed, move in ((1, 0.0), (2, 0.4)):
        matrix = np.random.default_rng(seed).normal(size=(2500, len(fields))) + move
        sides.append(Side(matrix=matrix, losses=matrix[:, 0], windows=np.zeros(2500, dtype=np.int64)))
    matrix = np.concatenate([one.matrix for one in sides])
    found = fit(fields, (sides[0], sides[1]), matrix, np.repeat([False, True], 2500))
    assert len(found.members) == PLAYERS + 1 and len(found.members[-1]) == 5
    silent = fit(fields, (sides[0], sides[0]), np.concatenate([sides[0].matrix] * 2), np.repeat([False, True], 2500))
    assert silent.members == () and silent.everything().known == pytest.approx(0.0, abs=5e-3)
