"""Calibration: bins, the error with its interval, and what of it is chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from scipy import stats

from farero.core.prediction import Outputs
from farero.core.reliability import calibrate, of_answers

RANDOM = np.random.default_rng(9)


def least_hits(runs: int, coverage: float) -> int:
    """A count of hits that is missed by chance once in ten million where each run hits with this chance at least."""
    return int(stats.binom.ppf(1e-7, runs, coverage))


@pytest.mark.row("M5")
@pytest.mark.parametrize("off", [0.0, 0.02, 0.15])
def test_the_calibration_error_is_held_in_95_of_100_cases(off: float) -> None:
    """Eight different probabilities, so that each is a bin of its own and the truth is known: all but one are off by the same."""
    given_ = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    true = given_ + off * np.array([1, 1, 1, 1, 1, -1, 1, 0])
    runs, hits, covered_gap = 1000, 0, 0
    for _ in range(runs):
        which = RANDOM.integers(0, 8, 600)
        found = calibrate(RANDOM.random(600) < true[which], given_[which], of="positive class")
        truth = float(np.mean(np.abs(true - given_)[which]))
        assert found.error.low is not None
        assert found.error.high is not None
        assert found.gap.low is not None
        assert found.gap.high is not None
        hits += found.error.low <= truth <= found.error.high
        covered_gap += found.gap.low <= float(np.mean((given_ - true)[which])) <= found.gap.high
    assert hits >= least_hits(runs, 0.95)
    assert covered_gap >= least_hits(runs, 0.93)


def test_the_error_is_held_where_whole_days_run_hot_or_cold() -> None:
    runs, hits, alone = 600, 0, 0
    days = np.repeat(np.arange(15), 40)
    for _ in range(runs):
        probability = RANDOM.choice([0.3, 0.5, 0.7], 600)
        true = np.clip(probability + RANDOM.normal(0, 0.15, 15)[days], 0, 1)
        rows = RANDOM.random(600) < true
        together, plain = (calibrate(rows, probability, of="positive class", days=each) for each in (days, None))
        hits += (together.error.low or 0) <= 0.001  # on average over days every probability is right, but for the clipping
        alone += (plain.error.low or 0) <= 0.001
    assert hits >= least_hits(runs, 0.95)
    assert alone < hits


def test_chance_alone_gives_the_error_that_is_told() -> None:
    errors, told = [], []
    for _ in range(400):
        probability = RANDOM.random(500)
        found = calibrate(RANDOM.random(500) < probability, probability, of="positive class")
        errors.append(found.error.value)
        told.append(found.by_chance)
    assert float(np.mean(told)) == pytest.approx(float(np.mean(np.array(errors, dtype=float))), rel=0.05)


@given(nps.arrays(np.float64, st.integers(1, 300), elements=st.floats(0, 1)), st.integers(0, 1000))
def test_bins_hold_every_row_once_and_equal_probabilities_together(probability: np.ndarray, seed: int) -> None:
    hits = np.random.default_rng(seed).random(len(probability)) < 0.5
    found = calibrate(hits, probability, of="predicted class", days=np.arange(len(probability)))
    assert sum(one.rows for one in found.bins) == len(probability)
    assert sum(round(one.observed * one.rows) for one in found.bins) == hits.sum()
    assert all(before.high < after.low for before, after in zip(found.bins, found.bins[1:], strict=False))
    assert len(found.bins) <= 10
    assert found.error.value == pytest.approx(sum(one.rows * abs(one.observed - one.predicted) for one in found.bins) / len(probability))
    assert found.error.low is not None
    assert found.error.high is not None
    assert 0 <= found.error.low <= (found.error.value or 0) + 1e-12
    assert found.error.high <= 1
    assert all(one.observed_low <= one.observed <= one.observed_high for one in found.bins)


def test_a_model_that_promises_too_much_has_a_gap_above_0() -> None:
    found = calibrate(np.arange(400) % 2 == 0, np.full(400, 0.8), of="positive class")
    assert (found.gap.value, found.error.value) == pytest.approx((0.3, 0.3))
    assert 0.2 < (found.gap.low or 0) < 0.3 < (found.gap.high or 0) < 0.4


def test_of_several_classes_the_probability_is_that_of_the_predicted_one() -> None:
    outputs = Outputs(value=np.array([0.0, 2.0, 1.0]), probability=np.array([0.5, 0.5, 0.5]))
    found = of_answers("classes", np.array([0.0, 1.0, np.nan]), outputs)
    assert found is not None
    assert (found.of, found.bins[0].rows, found.bins[0].observed) == ("predicted class", 2, 0.5)


def test_without_labels_or_probabilities_there_is_nothing_to_tell() -> None:
    assert of_answers("number", np.ones(2), Outputs(value=np.ones(2))) is None
    assert of_answers("binary", np.ones(2), Outputs(value=np.ones(2))) is None
    assert of_answers("binary", np.full(2, np.nan), Outputs(value=np.ones(2), probability=np.ones(2))) is None
    assert of_answers("binary", np.ones(2), Outputs(value=np.ones(2), probability=np.array([np.nan, 1.5]))) is None


def test_one_row_has_a_bin_and_no_gap_interval() -> None:
    found = of_answers("binary", np.ones(1), Outputs(value=np.ones(1), probability=np.array([0.7])), days=np.zeros(1, dtype=np.int64))
    assert found is not None
    assert (found.error.value, found.gap.low, found.gap.because) == (
        pytest.approx(0.3), None, "no interval: too few rows, or all are alike",
    )  # fmt: skip
