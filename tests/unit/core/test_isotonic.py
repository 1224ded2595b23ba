from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from farero.core import isotonic

SHARES = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 50)), min_size=1, max_size=40)


@pytest.mark.row("M6")
@given(SHARES)
def test_the_curve_equals_scikit_learns(drawn: list[tuple[float, int]]) -> None:
    means, weights = np.array([mean for mean, _ in drawn]), np.array([float(weight) for _, weight in drawn])
    points = np.linspace(0.0, 1.0, len(drawn))
    theirs = IsotonicRegression(out_of_bounds="clip").fit(points, means, sample_weight=weights)
    asked = np.linspace(-0.5, 1.5, 101)
    np.testing.assert_allclose(isotonic.fit(points, means, weights).at(asked), theirs.predict(asked), atol=1e-9)


@given(SHARES)
def test_values_never_fall_and_the_weighted_mean_stays(drawn: list[tuple[float, int]]) -> None:
    means, weights = np.array([mean for mean, _ in drawn]), np.array([float(weight) for _, weight in drawn])
    curve = isotonic.fit(np.arange(len(drawn), dtype=float), means, weights)
    assert (np.diff(curve.value) > 0).all()
    assert curve.weight.sum() == weights.sum()
    assert curve.value @ curve.weight == pytest.approx(means @ weights)


def test_every_point_belongs_to_the_block_that_pooled_it() -> None:
    points = np.array([0.0, 1.0, 2.0, 3.0])
    curve = isotonic.fit(points, np.array([0.0, 1.0, 0.0, 1.0]), np.ones(4))
    assert curve.value.tolist() == [0.0, 0.5, 1.0]
    assert curve.blocks(points).tolist() == [0, 1, 1, 2]
    assert curve.blocks(np.array([-9.0, 0.4, 0.6, 9.0])).tolist() == [0, 0, 1, 2]


def test_no_point_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one point"):
        isotonic.fit(np.zeros(0), np.zeros(0), np.zeros(0))
