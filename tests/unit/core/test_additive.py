from __future__ import annotations

import numpy as np
import pytest

from farero.core.additive import FOLDS, MOST_BINS, binning, cross_fit, fit
from farero.core.field import Field

NUMBER, LEVEL = Field(name="x", kind="number"), Field(name="k", kind="choice", levels=("a", "b", "c"), missing=True)


def rows(count: int = 6000, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.column_stack([random.normal(size=count), random.integers(0, 3, count)])


def folds(count: int) -> np.ndarray:
    return np.arange(count) % FOLDS


def test_bins_hold_about_as_many_rows_each_and_missing_values_have_their_own() -> None:
    matrix = rows()
    matrix[:50, 0] = np.nan
    cut = binning([NUMBER, LEVEL], matrix)
    codes = cut.codes(matrix)
    assert cut.widths[0] == MOST_BINS + 1
    counts = np.bincount(codes[0], minlength=cut.widths[0])
    assert counts[-1] == 50 and counts[:-1].min() > 150 and counts[:-1].max() < 220
    assert set(codes[1].tolist()) <= set(range(cut.widths[0], sum(cut.widths)))


def test_levels_that_are_new_or_missing_and_infinities_fall_into_bins_too() -> None:
    cut = binning([NUMBER, LEVEL], rows())
    codes = cut.codes(np.array([[np.inf, -1.0], [np.nan, -2.0], [0.0, 2.0]]))
    assert codes[0, 0] == codes[0, 1] == cut.widths[0] - 1
    assert len(set(codes[1].tolist())) == 3


def test_a_column_of_one_value_or_of_none_is_no_trouble() -> None:
    same = np.column_stack([np.full(300, 7.0), np.full(300, -1.0)])
    empty = np.column_stack([np.full(300, np.nan), np.zeros(300)])
    for matrix in (same, empty):
        cut = binning([NUMBER, LEVEL], matrix)
        made = cross_fit(cut.codes(matrix), cut.widths, np.arange(300) % 2.0, "odds", folds(300))
        assert made.sweeps == 0 and not made.parts.any()


def test_an_additive_truth_is_learnt_for_rows_not_seen() -> None:
    matrix = rows()
    truth = np.sin(2 * matrix[:, 0]) + np.array([0.0, 1.0, -1.0])[matrix[:, 1].astype(int)]
    noisy = truth + np.random.default_rng(1).normal(0, 0.5, len(truth))
    cut = binning([NUMBER, LEVEL], matrix)
    made = cross_fit(cut.codes(matrix), cut.widths, noisy, "mean", folds(len(truth)))
    assert np.mean((made.values - truth) ** 2) < 0.02 * np.var(truth)
    np.testing.assert_allclose(made.whole.at(cut.codes(matrix)), made.values, atol=0.25)


def test_odds_are_learnt_and_each_columns_part_is_its_own() -> None:
    matrix = rows(20_000)
    odds = 1.5 * matrix[:, 0]
    target = (np.random.default_rng(2).random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(float)
    cut = binning([NUMBER, LEVEL], matrix)
    made = cross_fit(cut.codes(matrix), cut.widths, target, "odds", folds(len(odds)))
    assert np.corrcoef(made.parts[0], odds)[0, 1] > 0.98
    assert made.parts[1].std() < 0.1 * made.parts[0].std()


def test_noise_is_not_taken_for_knowledge() -> None:
    matrix = rows(2000)
    made = []
    for seed in range(20):
        target = np.random.default_rng(100 + seed).normal(size=2000)
        cut = binning([NUMBER, LEVEL], matrix)
        made.append(cross_fit(cut.codes(matrix), cut.widths, target, "mean", folds(2000)).values.std())
    assert np.median(made) < 0.1


def test_parts_and_offset_add_up_to_the_value() -> None:
    matrix = rows(500)
    cut = binning([NUMBER, LEVEL], matrix)
    codes = cut.codes(matrix)
    model = fit(codes, cut.widths, matrix[:, 0], "mean", 10)
    assert model.at(codes) == pytest.approx(model.offset + model.table[codes[0]] + model.table[codes[1]])
