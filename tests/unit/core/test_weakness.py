"""The search for weak segments: none where there is none, and the planted one where there is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from farero.core.segments import Cut
from farero.core.weakness import ALPHA, LEAST_ROWS, TESTED, Search, search

ROWS = 2_000
DAYS = np.arange(ROWS) // 50


def made(draw: np.random.Generator, features: int, rows: int = ROWS, parts: int = 5) -> list[Cut]:
    names = tuple(f"part {number}" for number in range(parts))
    return [Cut(feature=f"f{at}", names=names, codes=draw.integers(0, parts, rows).astype(np.intp)) for at in range(features)]


def losses(draw: np.random.Generator, shape: str, rows: int = ROWS) -> NDArray[np.float64]:
    if shape == "exponential":
        return draw.exponential(1.0, rows)
    if shape == "wrong or right":
        return (draw.random(rows) < 0.2).astype(np.float64)
    return np.abs(draw.normal(size=rows)) * np.exp(draw.normal(0, 0.4, 40))[DAYS]


@pytest.mark.row("M5")
@pytest.mark.parametrize("shape", ["exponential", "wrong or right", "days that differ"])
def test_no_weak_segment_is_named_where_there_is_none(shape: str) -> None:
    """At most `ALPHA` of reports may; more than this many of a hundred would happen once in ten million."""
    draw = np.random.default_rng(1)
    runs = 100
    named = sum(bool(search(made(draw, 8), losses(draw, shape), days=DAYS, seed=run).found) for run in range(runs))
    assert named <= stats.binom.isf(1e-7, runs, ALPHA)
    assert named <= 3


@pytest.mark.row("M5")
@pytest.mark.parametrize("shape", ["exponential", "wrong or right"])
def test_a_planted_segment_of_one_feature_is_found(shape: str) -> None:
    draw = np.random.default_rng(2)
    for run in range(10):
        cuts, lost = made(draw, 8), losses(draw, shape)
        weak = cuts[3].codes == 2
        lost[weak] = losses(draw, "exponential")[weak] * 2.5 if shape == "exponential" else draw.random(int(weak.sum())) < 0.6
        found = search(cuts, lost, days=DAYS, seed=run)
        assert [(one.features, one.names) for one in found.found] == [(("f3",), ("part 2",))]


@pytest.mark.row("M5")
def test_a_planted_pair_is_found_and_not_named_by_its_parts() -> None:
    draw = np.random.default_rng(3)
    hits = 0
    for run in range(10):
        cuts, lost = made(draw, 8, parts=3), draw.exponential(1.0, ROWS)
        weak = (cuts[1].codes == 0) & (cuts[6].codes == 2)
        lost[weak] *= 4
        found = search(cuts, lost, days=DAYS, seed=run).found
        hits += [(one.features, one.names) for one in found][:1] == [(("f1", "f6"), ("part 0", "part 2"))]
        assert len(found) <= 2
    assert hits >= 9


def test_figures_are_of_rows_that_were_not_searched() -> None:
    draw = np.random.default_rng(4)
    cuts, lost = made(draw, 4), draw.exponential(1.0, ROWS)
    weak = cuts[0].codes == 1
    lost[weak] *= 3
    (one,) = search(cuts, lost, days=DAYS, seed=0).found
    assert weak[one.rows].all()
    assert not weak[one.rest].any()
    assert len(one.rows) + len(one.rest) == ROWS // 2
    assert set(DAYS[one.rows]) | set(DAYS[one.rest]) == set(DAYS[np.concatenate([one.rows, one.rest])])
    assert len(np.unique(DAYS[np.concatenate([one.rows, one.rest])])) == 20  # whole days
    assert (one.loss, one.rest_loss) == pytest.approx((lost[one.rows].mean(), lost[one.rest].mean()))
    assert one.p_value <= ALPHA / TESTED


def test_the_same_seed_finds_the_same_and_every_segment_is_counted() -> None:
    draw = np.random.default_rng(5)
    cuts, lost = made(draw, 4, parts=3), draw.exponential(1.0, ROWS)
    first, second = (search(cuts, lost, days=DAYS, seed=7) for _ in range(2))
    assert first.searched == second.searched == 4 * 3 + 6 * 9
    assert [one.names for one in first.found] == [one.names for one in second.found]


def test_few_days_are_no_halves_so_rows_are_divided() -> None:
    draw = np.random.default_rng(6)
    cuts, lost = made(draw, 3), draw.exponential(1.0, ROWS)
    lost[cuts[2].codes == 0] *= 3
    found = search(cuts, lost, days=np.zeros(ROWS, dtype=np.int64), seed=0)
    assert [one.features for one in found.found] == [("f2",)]


def test_doubled_features_name_the_segment_once() -> None:
    draw = np.random.default_rng(7)
    cuts, lost = made(draw, 3), draw.exponential(1.0, ROWS)
    lost[cuts[0].codes == 0] *= 3
    twin = Cut(feature="twin", names=cuts[0].names, codes=cuts[0].codes)
    assert len(search([*cuts, twin], lost, days=DAYS, seed=0).found) == 1


def test_what_cannot_be_searched_says_why() -> None:
    draw = np.random.default_rng(8)
    cuts = made(draw, 2)

    def why(cuts: list[Cut], lost: NDArray[np.float64]) -> str:
        found: Search = search(cuts, lost, days=np.arange(len(lost)), seed=0)
        assert (found.found, found.searched) == ((), 0)
        return found.because

    assert why(cuts, np.empty(0)) == f"0 labelled rows are too few to search; it takes {4 * LEAST_ROWS}"
    assert why([], np.arange(500.0)) == "no feature divides the rows"
    assert why(cuts, np.ones(ROWS)) == "all rows lost the same"


def test_many_features_are_searched_in_pairs_only_as_far_as_they_divide_the_losses() -> None:
    draw = np.random.default_rng(9)
    cuts = made(draw, 30, parts=2)
    found = search(cuts, draw.exponential(1.0, ROWS), days=DAYS, seed=0)
    assert found.searched == 30 * 2 + 190 * 4
