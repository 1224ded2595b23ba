"""Figures of a profile against its reference: near the exact ones, and None where they do not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon
from tests.unit.core.rows_of import SCHEMA, columns, outputs

from farero.core import distance, reference
from farero.core.drift import compare, compare_prediction, figures, ks_interval, verdict
from farero.core.observation import ColumnDrift
from farero.core.prediction import Outputs
from farero.core.profile import PREDICTION, ColumnProfile, build, build_reference, count_values
from farero.core.reference import count_ordered, freeze_levels, freeze_values, grouped
from farero.core.schema import Columns
from farero.core.sorted_samples import ks_distance

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


@pytest.mark.row("M1")
@given(
    st.lists(st.floats(-50, 50) | st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=60),
    st.lists(st.floats(-60, 60) | st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=60),
    st.sampled_from([4, 16, 1024]),
)
def test_the_distance_of_the_rows_lies_in_the_interval_that_their_counts_certify(a: list[float], b: list[float], bins: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "BINS", bins)
        ref = freeze_values("x", "number", np.sort(a), 0)
    now = count_values(ref, count_ordered(ref.edges, np.sort(b)), np.array(b), 0, 0)
    found = ks_interval(ref, now)
    assert found is not None
    exact = ks_distance(np.sort(a), np.sort(b))
    assert found[0] - 1e-12 <= exact <= found[1] + 1e-12


@pytest.mark.row("M1")
@pytest.mark.parametrize("shift", [0.0, 0.05, 1.0])
def test_the_certified_interval_is_a_thousandth_wide(shift: float) -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=100_000), random.normal(shift, 1, 50_000)
    ref = freeze_values("x", "number", np.sort(a), 0)
    found = ks_interval(ref, count_values(ref, count_ordered(ref.edges, np.sort(b)), b, 0, 0))
    assert found is not None
    assert found[1] - found[0] <= 2 / 1024
    assert found[0] == pytest.approx(float(stats.ks_2samp(a, b, method="asymp").statistic), abs=5e-4)


def test_a_frequent_value_does_not_widen_the_interval() -> None:
    random = np.random.default_rng(0)
    a, b = (np.where(random.random(20_000) < share, 0.0, random.normal(size=20_000)) for share in (0.4, 0.5))
    ref = freeze_values("x", "number", np.sort(a), 0)
    found = ks_interval(ref, count_values(ref, count_ordered(ref.edges, np.sort(b)), b, 0, 0))
    assert found is not None and found[1] - found[0] <= 2 / 1024


def test_choices_and_columns_without_values_have_no_interval() -> None:
    made = build(REFERENCE, {**columns(50, 1), "amount": np.full(50, np.nan)})
    assert [ks_interval(ref, now) is None for ref, now in zip(REFERENCE.columns, made.columns, strict=True)] == [True, True, True, False]


def test_all_columns_at_once_have_the_figures_of_each_by_itself() -> None:
    random = np.random.default_rng(0)
    rows = {**columns(1000, 7, shift=0.4), "plan": random.integers(-2, 3, 1000).astype(np.int32)}
    made = build(REFERENCE, rows, None, {"plan": {"team": 3}})
    for ref, now, found in zip(REFERENCE.columns, made.columns, compare(REFERENCE, made), strict=True):
        alone = figures(ref, now, (REFERENCE.rows, made.rows))
        assert alone.psi == pytest.approx(found.psi, rel=1e-12)
        assert alone.jensen_shannon == pytest.approx(found.jensen_shannon, rel=1e-12)
        assert replace(alone, psi=found.psi, jensen_shannon=found.jensen_shannon) == found


@pytest.mark.row("M1")
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=60).filter(any), st.lists(st.integers(0, 3000), min_size=61, max_size=61))
def test_figures_of_levels_are_those_of_the_measures_by_name(before: list[int], after: list[int]) -> None:
    counts, new = np.array(before), after[60]
    ref = freeze_levels("c", "choice", tuple(map(str, range(len(before)))), counts, 0)
    now = ColumnProfile(name="c", counts=np.array(after[: len(before)]), new=new)
    found = figures(ref, now, (sum(before), now.values))
    if not now.values:
        assert (found.psi, found.chi2_p) == (None, None)
        return
    small = np.append(grouped(ref.counts, ref.groups), 0), np.append(grouped(now.counts, ref.groups), new)
    assert found.psi == pytest.approx(distance.psi(*small), abs=1e-12)
    assert found.jensen_shannon == pytest.approx(distance.jensen_shannon(*small), abs=1e-7)
    pooled = distance.pooled(np.append(counts, 0), np.append(now.counts, new))
    assert found.chi2_p == pytest.approx(distance.chi2(*pooled).p_value, rel=1e-6, abs=1e-15)
