"""A baseline bets as the formulas say, allows for what it does not know, and stays calm on the reference it was made from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from numpy.typing import NDArray
from tests.unit.core.days_of_scores import fitted, reference_of

from farero.core import scores
from farero.core.baseline import PRESETS, Baseline, accumulate, fit, log_bets, season, windows_a_year
from farero.core.days import Days, gather
from farero.core.reference import Reference, freeze_levels, freeze_values
from farero.core.scores import WindowScores, atoms

REFERENCE, BASELINE, HELD = fitted()
PLAN = BASELINE.plan


def flags(shares: list[int], rows: int = 100, number: int = 0) -> tuple[Baseline, NDArray[np.float64]]:
    """A baseline of one flag that was true in so many of `rows` rows, window by window, and the counts of the last window."""
    column = freeze_levels("f", "flag", ("false", "true"), np.array([50, 50]), 0)
    plan = scores.column_layout(column)
    windows = []
    for i, hits in enumerate(shares):
        cells = np.array([rows, 0, 0, 0, 0, rows, rows - hits, hits, 0], dtype=np.int64)
        windows.append(
            WindowScores(number=number + i, rows=rows, edges_hash=plan.edges_hash, cells=cells, constant=np.zeros(1, dtype=np.int64))
        )
    made = fit(plan, gather(windows), preset="sensitive", size_s=None, limit=365.0)
    return made, atoms(plan, windows[-1].cells).astype(np.float64)


def place(made: Baseline, kind: str) -> int:
    return next(i for i, score in enumerate(made.plan.scores) if score.kind == kind)


def test_a_bet_is_the_formula_of_its_source() -> None:
    made, counts = flags([50] * 40)
    k, s = place(made, "category"), len(made.plan.scores)
    base, allowed, phi = made.base[k], made.allowance[k], made.temper[k]
    assert (base, phi) == (0.5, 1.0)
    # delta sqrt(v) + z sqrt(v / n / windows)
    assert allowed == pytest.approx(0.02 * 0.5 + 1.5 * np.sqrt(0.25 / 100 / 40))
    stakes = made.stakes.reshape(6, s)[:, k]
    assert stakes[:3] == pytest.approx(np.minimum(np.array([0.15, 0.5, 1.2]) / np.sqrt(12) / 0.5, 0.9 / (0.5 + allowed)))
    found = log_bets(made, 7, counts)[:, k]  # 50 of 100
    for bet, value in zip(stakes[:3], found[:3], strict=True):
        m0 = 0.5 + allowed
        assert value == pytest.approx(50 * np.log(1 + bet * (1 - m0)) + 50 * np.log(1 - bet * m0))
    assert found[3:] == pytest.approx(found[:3])  # half and half looks the same from either side


def test_a_tempered_bet_is_its_root() -> None:
    made, counts = flags([50] * 40)
    slow = replace(made, temper=made.temper * 4)
    assert log_bets(slow, 0, counts) * 4 == pytest.approx(log_bets(made, 0, counts))


def test_many_more_rows_than_the_reference_ever_had_count_for_less_each() -> None:
    made, counts = flags([50, 60, 40, 55, 45] * 8)
    k = place(made, "category")
    assert made.growth[k] > 0
    few, many = log_bets(made, 0, counts)[2, k], log_bets(made, 0, 100 * counts)[2, k]
    assert many == pytest.approx(100 * few * made.temper[k] / (made.temper[k] + 99 * made.growth[k]))


@given(st.integers(0, 31), st.integers(0, 31), st.integers(1, 50))
def test_rows_that_move_up_speak_for_up_and_against_down(low: int, high: int, rows: int) -> None:
    k = place(BASELINE, "location")
    first, count = int(PLAN.starts[k]), int((PLAN.owner == k).sum())
    low, high = sorted((low % count, high % count))
    counts = HELD.table()[0]
    before = atoms(PLAN, counts).astype(np.float64)
    after = before.copy()
    moved = min(rows, before[first + low])
    after[first + low] -= moved
    after[first + high] += moved
    a, b = log_bets(BASELINE, 0, before)[:, k], log_bets(BASELINE, 0, after)[:, k]
    assert np.all(b[:3] >= a[:3] - 1e-9)
    assert np.all(b[3:] <= a[3:] + 1e-9)


def test_a_fair_bet_gains_nothing_on_average_at_the_edge_of_what_is_allowed() -> None:
    made, _ = flags([5] * 40, rows=10)
    k = place(made, "category")
    p = float(made.base[k] + made.allowance[k])
    hits = np.arange(11)
    chance = np.array([float(np.prod(np.arange(10, 10 - h, -1)) / np.prod(np.arange(1, h + 1))) * p**h * (1 - p) ** (10 - h) for h in hits])
    each = np.zeros((11, len(made.plan.values)))
    first = int(made.plan.starts[k])
    each[:, first], each[:, first + 1] = hits, 10 - hits
    e = np.exp([log_bets(made, 0, row)[:3, k] for row in each])
    assert chance @ e == pytest.approx(np.ones(3))


def test_evidence_grows_by_the_shiryaev_roberts_recursion() -> None:
    gains = np.log([2.0, 3.0, 0.5])
    held = np.array([-np.inf])
    expected = 0.0
    for gain in gains:
        held = accumulate(held, np.array([gain]))
        expected = (1 + expected) * float(np.exp(gain))
        assert np.exp(held[0]) == pytest.approx(expected)
    assert accumulate(np.array([3.0]), np.array([-np.inf]))[0] == -np.inf
    assert accumulate(np.array([900.0]), np.array([900.0]))[0] == pytest.approx(1800)


@settings(max_examples=40)
@given(nps.arrays(np.int64, st.integers(1, 90), elements=st.integers(0, 100)))
def test_the_reference_played_again_stays_below_half_the_limit_whatever_it_did(hits: NDArray[np.int64]) -> None:
    made, _ = flags(hits.tolist())
    held, peak = np.full((6, len(made.plan.scores)), -np.inf), -np.inf
    k = place(made, "category")
    for number, many in enumerate(hits.tolist()):
        counts = np.zeros(len(made.plan.values))
        first = int(made.plan.starts[k])
        counts[first], counts[first + 1] = many, 100 - many
        held = accumulate(held, log_bets(made, number, counts))
        peak = max(peak, float(held[:, k].max()))
    assert peak <= np.log(365 / 2) + 1e-9


def test_one_wild_day_in_the_reference_does_not_alarm_when_it_comes_again() -> None:
    wild, calm = flags([50] * 30 + [95] + [50] * 29)[0], flags([50] * 60)[0]
    k = place(wild, "category")
    assert wild.temper[k] > 4 * calm.temper[k]


def test_a_short_reference_allows_for_more_and_asks_for_no_weekday() -> None:
    long, short = fitted(56)[1], fitted(14)[1]
    assert (long.period, short.period) == (7, 1)
    k = place(long, "location")
    assert short.allowance[k] > 1.5 * long.allowance[k]


def test_quiet_asks_for_larger_changes_than_sensitive() -> None:
    quiet = fit(PLAN, HELD, preset="quiet", size_s=86_400, limit=365.0)
    assert np.all(quiet.allowance >= BASELINE.allowance)
    rare = place(BASELINE, "missing")
    assert BASELINE.allowance[rare] >= PRESETS["sensitive"].share
    assert quiet.allowance[rare] >= PRESETS["quiet"].share


def test_what_the_reference_says_nothing_of_gets_no_budget() -> None:
    column = freeze_values("x", "number", np.arange(100.0), 0)
    plan = scores.layout(
        Reference(rows=100, columns=(column,), prediction=replace(column, name="prediction"), windows=0, window_rows=0, edges_hash="x")
    )
    cells = np.zeros(plan.width + 1, dtype=np.int64)
    own = plan.columns[0]
    cells[own.first], cells[own.first + 5], cells[own.groups_from() : own.groups_from() + own.groups] = 320, 320, 320 // own.groups
    seen = WindowScores(number=0, rows=320, edges_hash="x", cells=cells, constant=np.array([0, -1]))
    made = fit(plan, gather([seen]), preset="sensitive", size_s=None, limit=365.0)
    s = len(plan.scores)
    shares = np.exp(made.log_weights)
    dead = [i for i, score in enumerate(plan.scores) if score.columns == ("prediction",)]
    assert shares.sum() == pytest.approx(1.0)
    assert shares[: 6 * s].reshape(6, s)[:, dead].sum() == 0
    assert not np.any(made.stakes.reshape(6, s)[:, dead])


def test_a_column_that_was_constant_before_gains_nothing_from_it() -> None:
    _, plan, held = reference_of(3)
    amount, plans = (next(c for c in plan.columns if c.name == name) for name in ("amount", "plan"))
    gains = fit(plan, held, preset="sensitive", size_s=None, limit=365.0).constant_gain
    # 24 groups: at most a few in a hundred rows of a day in one of them. Half of the plans are free, a fifth are pro.
    assert gains[amount.groups_from() : amount.groups_from() + amount.groups].min() > 2.5
    first = plans.groups_from()
    assert gains[first : first + 3] == pytest.approx(-np.log([0.5, 0.3, 0.2]), abs=0.25)
    before = held.constants()
    before[1, plan.columns.index(amount)] = 1
    constant = Days(edges_hash=held.edges_hash, numbers=held.numbers, cells=held.cells, constant=before.reshape(-1).astype(np.int32))
    found = fit(plan, constant, preset="sensitive", size_s=None, limit=365.0).constant_gain
    assert not np.any(found[amount.groups_from() : amount.groups_from() + amount.groups])
    assert found[first] == gains[first]


def test_seasons_and_years_in_windows() -> None:
    assert [season(size, 60) for size in (86_400, 604_800, 3_600, 2 * 86_400, None)] == [7, 1, 1, 1, 1]
    assert season(6 * 3600, 28 * 4) == 28
    assert season(6 * 3600, 28 * 4 - 1) == 4
    assert windows_a_year(604_800) == pytest.approx(52.14, abs=0.01)


def test_a_baseline_survives_bytes() -> None:
    again = Baseline.from_bytes(BASELINE.to_bytes())
    assert (again.preset, again.limit, again.period, again.plan.scores) == ("sensitive", 365.0, 7, PLAN.scores)
    for name in ("base", "allowance", "stakes", "temper", "growth", "usual_rows", "constant_gain", "log_weights"):
        assert np.array_equal(getattr(again, name), getattr(BASELINE, name))
    counts = atoms(PLAN, HELD.table()[0]).astype(np.float64)
    assert np.array_equal(log_bets(again, 3, counts), log_bets(BASELINE, 3, counts))


@pytest.mark.row("M2")
@pytest.mark.parametrize(("windows", "allowed"), [(1, 0.5), (3, 0.5), (4, 0.4), (6, 2 / 7), (7, 6.64 / (7 * 400 * 0.98))])
def test_few_windows_prove_little_of_a_range(windows: int, allowed: float) -> None:
    made = fitted(windows)[1]
    k = place(made, "outside")
    assert made.base[k] == 0
    assert made.allowance[k] == pytest.approx(max(allowed, 0.005), rel=0.02)
