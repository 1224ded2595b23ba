"""What holds of distances, profiles and comparisons whatever the rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from numpy.typing import NDArray

from farero.core import distance
from farero.core.compare import compare_tables
from farero.core.drift import RULES, compare, verdict
from farero.core.performance import METRICS, evaluate
from farero.core.prediction import Outputs
from farero.core.profile import Profile, build, build_reference, merge
from farero.core.quality import check
from farero.core.reference import Reference
from farero.core.schema import Columns, Field, Schema
from farero.core.sorted_samples import ks_distance, wasserstein

SCHEMA = Schema(
    fields=(
        Field(name="x", kind="number", missing=True),
        Field(name="c", kind="choice", levels=("a", "b", "c"), missing=True, new_levels=True),
        Field(name="f", kind="flag", missing=True),
    )
)
FLOATS = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 2.0])
COUNTS = st.lists(st.integers(0, 1000), min_size=2, max_size=12).filter(any)


@st.composite
def tables(draw: st.DrawFn, least: int = 0, most: int = 40) -> Columns:
    n = draw(st.integers(least, most))
    return {
        "x": draw(nps.arrays(np.float64, n, elements=FLOATS | st.just(float("nan")))),
        "c": draw(nps.arrays(np.int32, n, elements=st.integers(-2, 2))),
        "f": draw(nps.arrays(np.int8, n, elements=st.integers(-1, 1))),
    }


@st.composite
def pairs_of_counts(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    first = draw(COUNTS)
    return first, draw(st.lists(st.integers(0, 1000), min_size=len(first), max_size=len(first)).filter(any))


def reference_of(rows: Columns) -> Reference:
    n = len(rows["x"])
    return build_reference(SCHEMA, rows, None, np.arange(n) // 7)


@pytest.mark.row("M1")
@given(pairs_of_counts())
def test_distances_are_never_negative_bounded_and_symmetric_where_they_should_be(pair: tuple[list[int], list[int]]) -> None:
    a, b = pair
    assert 0 <= distance.ks(a, b) <= 1 + 1e-12
    assert distance.psi(a, b) >= 0
    assert 0 <= distance.jensen_shannon(a, b) <= 1 + 1e-12
    assert distance.ks(a, b) == pytest.approx(distance.ks(b, a))
    assert distance.jensen_shannon(a, b) == pytest.approx(distance.jensen_shannon(b, a))
    assert 0 <= distance.chi2(*distance.pooled(a, b)).p_value <= 1


@pytest.mark.row("M1")
@given(COUNTS, st.integers(1, 5))
def test_every_distance_of_a_distribution_to_itself_is_0(counts: list[int], times: int) -> None:
    more = [times * count for count in counts]
    assert distance.ks(counts, more) == pytest.approx(0, abs=1e-12)
    assert distance.psi(counts, more) == pytest.approx(0, abs=1e-12)
    assert distance.jensen_shannon(counts, more) == pytest.approx(0, abs=1e-7)


@given(nps.arrays(np.float64, st.integers(1, 50), elements=FLOATS), nps.arrays(np.float64, st.integers(1, 50), elements=FLOATS))
def test_sample_distances_are_symmetric_and_wasserstein_bounds_the_difference_of_means(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> None:
    a, b = np.sort(a), np.sort(b)
    ks, moved = ks_distance(a, b), wasserstein(a, b)
    assert 0 <= ks <= 1 + 1e-12
    assert (ks, moved) == pytest.approx((ks_distance(b, a), wasserstein(b, a)), abs=1e-6)
    assert moved >= abs(a.mean() - b.mean()) - 1e-6
    assert (ks_distance(a, a), wasserstein(a, a)) == (0.0, 0.0)


def as_integers(profile: Profile) -> list[object]:
    return [(c.counts.tolist(), c.missing, c.infinite, c.new, dict(c.new_values), c.low, c.high) for c in profile.columns]


@pytest.mark.row("M9")
@given(tables(1), tables(), tables(), tables())
def test_merging_profiles_is_associative_and_commutative_and_equals_profiling_the_union(
    first: Columns, a: Columns, b: Columns, c: Columns
) -> None:
    ref = reference_of(first)
    x, y, z = (build(ref, rows) for rows in (a, b, c))
    whole = build(ref, {name: np.concatenate([a[name], b[name], c[name]]) for name in a})
    left, right = merge(merge(x, y), z), merge(z, merge(y, x))
    assert as_integers(left) == as_integers(right) == as_integers(whole)
    assert left.rows == right.rows == whole.rows
    for one, other in zip(left.columns, whole.columns, strict=True):
        assert (one.total, one.squares) == pytest.approx((other.total, other.squares), rel=1e-9, abs=1e-3)


@pytest.mark.row("M9")
@given(tables(1), tables())
def test_references_and_profiles_come_back_from_bytes(first: Columns, rows: Columns) -> None:
    ref = reference_of(first)
    made = build(ref, rows)
    assert Reference.from_bytes(ref.to_bytes()).to_bytes() == ref.to_bytes()
    again = Profile.from_bytes(made.to_bytes())
    assert as_integers(again) == as_integers(made)
    assert as_integers(merge(again, build(Reference.from_bytes(ref.to_bytes()), rows))) == as_integers(merge(made, made))


@pytest.mark.row("M2")
@given(tables(1, 80))
def test_no_rule_calls_the_references_own_rows_drifted(rows: Columns) -> None:
    ref = reference_of(rows)
    n = len(rows["x"])
    known = {**rows, "c": np.where(rows["c"] == -2, -1, rows["c"]).astype(np.int32)}
    ref = reference_of(known)
    figures = compare(ref, build(ref, known))
    for rule in RULES:
        assert not verdict(rule, ref, figures, n)[0].alarm


@pytest.mark.row("M2", "M4")
@given(tables(1, 60), tables(0, 60))
def test_any_window_can_be_judged_by_every_rule_and_the_score_is_the_share_of_drifted_columns(first: Columns, rows: Columns) -> None:
    ref = reference_of(first)
    made = build(ref, rows)
    figures = compare(ref, made)
    for rule in RULES:
        found, judged = verdict(rule, ref, figures, made.rows)
        assert found.features == tuple(c.name for c in judged if c.drift)
        assert found.score == len(found.features) / len(judged)
        assert not found.alarm or found.features
    assert all(finding.because and 0 <= finding.value <= 1 for finding in check(ref, made))


@given(
    nps.arrays(np.float64, st.integers(1, 60), elements=st.floats(allow_nan=True, allow_infinity=True)),
    nps.arrays(np.float64, st.integers(1, 60), elements=st.floats(allow_nan=True, allow_infinity=True)),
)
def test_any_two_columns_of_numbers_compare_without_an_error_and_into_json(a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
    for rule in RULES:
        json.dumps(compare_tables({"a": a}, {"a": b}, rule=rule).to_dict(), allow_nan=False)
    assert not compare_tables({"a": a}, {"a": a}).drift


CELLS = (
    st.none() | st.text(max_size=4) | st.integers() | st.floats() | st.booleans() | st.dates() | st.datetimes() | st.lists(st.integers())
)


@given(st.lists(CELLS, min_size=1, max_size=30), st.lists(CELLS, min_size=1, max_size=30))
def test_any_two_columns_of_plain_objects_compare_without_an_error_and_into_json(a: list[object], b: list[object]) -> None:
    sides = []
    for cells in (a, b):
        column = np.empty(len(cells), dtype=object)
        column[:] = cells
        sides.append({"a": column})
    json.dumps(compare_tables(*sides).to_dict(), allow_nan=False)
    assert not compare_tables(sides[0], sides[0]).drift


@pytest.mark.row("M5")
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=50), st.lists(st.tuples(FLOATS, FLOATS), max_size=50))
def test_metrics_are_finite_and_in_their_range(answers: list[tuple[bool, float]], numbers: list[tuple[float, float]]) -> None:
    y, p = np.array([float(a) for a, _ in answers]), np.array([p for _, p in answers])
    found = evaluate("binary", y, Outputs(value=(p >= 0.5).astype(np.float64), probability=p))
    assert all(0 <= value <= (1 if name != "log_loss" else 40) for name, value in found.items())
    if len(set(y)) == 2:
        assert set(found) >= {m.name for m in METRICS.values() if "binary" in m.kinds} - {"precision"}
    figures = evaluate("number", np.array([a for a, _ in numbers]), Outputs(value=np.array([b for _, b in numbers])))
    assert all(np.isfinite(value) for value in figures.values())
    assert figures.get("r2", 0.0) <= 1
