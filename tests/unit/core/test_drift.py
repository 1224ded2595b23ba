"""Figures of a profile against its reference: near the exact ones, and None where they do not apply."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon
from tests.unit.core.rows_of import SCHEMA, columns, outputs

from farero.core.drift import compare, compare_prediction, verdict
from farero.core.observation import ColumnDrift
from farero.core.prediction import Outputs
from farero.core.profile import PREDICTION, build, build_reference
from farero.core.schema import Columns

ROWS = columns(6000)
REFERENCE = build_reference(SCHEMA, ROWS, outputs(6000), np.repeat(np.arange(60), 100))


def drift_of(name: str, rows: Columns) -> ColumnDrift:
    return next(c for c in compare(REFERENCE, build(REFERENCE, rows)) if c.name == name)


@pytest.mark.row("M1")
@pytest.mark.parametrize("shift", [0.0, 0.3, 4.0])
def test_binned_figures_of_numbers_are_near_the_exact_ones(shift: float) -> None:
    rows = columns(1000, 7, shift=shift)
    found = drift_of("amount", rows)
    a, b = ROWS["amount"], rows["amount"]
    exact = stats.ks_2samp(a, b, method="asymp")
    assert found.ks == pytest.approx(exact.statistic, abs=0.005)
    assert found.p_value == pytest.approx(exact.pvalue, rel=0.35, abs=1e-12)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(a, b), rel=0.05)
    assert found.wasserstein_normalised == pytest.approx(stats.wasserstein_distance(a, b) / a.std(), rel=0.05)
    assert found.mean == pytest.approx((a.mean(), b.mean()))
    assert found.std == pytest.approx((a.std(), b.std()))


@pytest.mark.row("M1")
def test_psi_and_jensen_shannon_of_numbers_are_over_tenths_of_the_reference() -> None:
    rows = columns(1000, 7, shift=0.6)
    found = drift_of("amount", rows)
    edges = np.quantile(ROWS["amount"], np.arange(0.1, 1, 0.1))
    p, q = (np.bincount(np.searchsorted(edges, x), minlength=10) / len(x) for x in (ROWS["amount"], rows["amount"]))
    assert found.psi == pytest.approx(float(np.sum((q - p) * np.log(q / p))), rel=0.05)
    assert found.jensen_shannon == pytest.approx(float(jensenshannon(p, q, 2)), rel=0.03)
    assert found.psi_reading == "large"


@pytest.mark.row("M1")
def test_choices_have_a_chi_squared_p_and_no_order() -> None:
    rows = columns(1000, 7, shares=(0.3, 0.4, 0.3))
    found = drift_of("plan", rows)
    counts = [np.bincount(c["plan"], minlength=3) for c in (ROWS, rows)]
    assert found.chi2_p == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue, rel=1e-6)
    assert (found.ks, found.p_value, found.wasserstein, found.mean) == (None, None, None, None)
    assert found.jensen_shannon == pytest.approx(float(jensenshannon(*counts, 2)), abs=1e-9)


@pytest.mark.row("M1")
def test_flags_have_a_share_as_their_mean() -> None:
    rows = columns(1000, 7)
    found = drift_of("active", rows)
    assert found.mean == pytest.approx((ROWS["active"].mean(), rows["active"].mean()))
    assert found.chi2_p is not None


@pytest.mark.row("M1")
def test_dates_are_compared_as_numbers() -> None:
    rows = dict(columns(1000, 7))
    rows["since"] = rows["since"] + np.timedelta64(15, "D")
    found = drift_of("since", rows)
    assert found.ks == pytest.approx(0.5, abs=0.05)
    assert found.wasserstein == pytest.approx(15 * 86_400, rel=0.05)


def test_new_levels_are_named_and_counted_in_the_figures() -> None:
    rows = dict(columns(400, 7))
    rows["plan"] = np.where(np.arange(400) < 100, -2, rows["plan"]).astype(np.int32)
    made = build(REFERENCE, rows, None, {"plan": {"team": 100}})
    plan = compare(REFERENCE, made)[1]
    assert plan.new_categories == ("team",)
    assert plan.chi2_p is not None
    assert plan.chi2_p < 1e-50


def test_a_column_without_values_has_no_figures_and_has_drifted() -> None:
    rows = dict(columns(100, 7))
    rows["amount"] = np.full(100, np.nan)
    figures = compare(REFERENCE, build(REFERENCE, rows))
    found, judged = verdict("textbook", REFERENCE, figures, 100)
    assert (judged[0].ks, judged[0].p_value, judged[0].missing) == (None, None, (0.0, 1.0))
    assert judged[0].drift
    assert found.alarm
    assert "amount (no values any more)" in found.because


def test_a_window_without_rows_has_no_figures_and_no_alarm() -> None:
    found, judged = verdict("guarded", REFERENCE, compare(REFERENCE, build(REFERENCE, columns(0))), 0)
    assert (found.alarm, found.because) == (False, "no rows in this window")
    assert judged[0].ks is None


@pytest.mark.row("M2")
def test_rows_like_the_reference_raise_no_alarm_and_a_shift_does() -> None:
    calm, _ = verdict("guarded", REFERENCE, compare(REFERENCE, build(REFERENCE, columns(1000, 7))), 1000)
    moved, judged = verdict("guarded", REFERENCE, compare(REFERENCE, build(REFERENCE, columns(1000, 7, shift=0.8))), 1000)
    assert (calm.alarm, calm.score, calm.features) == (False, 0.0, ())
    assert (moved.alarm, moved.features, [c.drift for c in judged]) == (True, ("amount",), [True, False, False, False])


def test_the_models_own_answers_are_judged_like_a_column() -> None:
    answers = outputs(1000, 3)
    assert answers.probability is not None
    high = Outputs(value=np.ones(1000), probability=answers.probability / 2 + 0.5)
    figures = compare_prediction(REFERENCE, build(REFERENCE, columns(1000), high))
    assert figures is not None
    found, _ = verdict("guarded", REFERENCE, [figures], 1000)
    assert (figures.name, found.alarm) == (PREDICTION, True)


def test_answers_that_nobody_watches_have_no_figures() -> None:
    assert compare_prediction(REFERENCE, build(REFERENCE, columns(10))) is None


def test_a_profile_on_another_reference_is_refused() -> None:
    other = build_reference(SCHEMA, columns(100, 4))
    with pytest.raises(ValueError, match="another reference"):
        compare(REFERENCE, build(other, columns(10)))
