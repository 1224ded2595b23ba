"""Segments: every row is in one, and each has the metrics of its rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from numpy.typing import NDArray

from farero.core.field import Field
from farero.core.measured import measure, pick
from farero.core.prediction import Outputs
from farero.core.schema import Schema
from farero.core.segments import MOST, by_segment, cut, cuts, features_named
from farero.errors import BadInput

X = Field(name="x", kind="number", missing=True)
PLAN = Field(name="plan", kind="choice", levels=("a", "b", "c"), missing=True, new_levels=True)
FLAG = Field(name="flag", kind="flag", missing=True)
WHEN = Field(name="when", kind="date", missing=True)
SCHEMA = Schema(fields=(X, PLAN, FLAG, WHEN, Field(name="mail", kind="personal", privacy="drop")))


@st.composite
def columns(draw: st.DrawFn) -> tuple[Field, NDArray[Any]]:
    field = draw(st.sampled_from([X, PLAN, FLAG, WHEN]))
    count = draw(st.integers(0, 80))
    values: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
        "number": ("float64", st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1.0, float("nan")])),
        "choice": ("int32", st.integers(-2, 2)),
        "flag": ("int8", st.integers(-1, 1)),
        "date": ("int64", st.integers(-(10**15), 10**15) | st.just(-(2**63))),
    }
    kind, elements = values[field.kind]
    made = draw(nps.arrays(kind, count, elements=elements))
    return field, made.view("datetime64[us]") if field.kind == "date" else made


@given(columns())
def test_every_row_is_in_one_segment_and_no_segment_is_empty(case: tuple[Field, NDArray[Any]]) -> None:
    field, values = case
    made = cut(field, values)
    assert len(made.codes) == len(values)
    assert sorted(np.unique(made.codes).tolist()) == list(range(len(made.names)))
    assert len(set(made.names)) == len(made.names)
    gaps = np.isnan(values) if field.kind == "number" else np.isnat(values) if field.kind == "date" else values == -1
    assert ("missing" in made.names) == bool(gaps.any())
    assert all((made.names[code] == "missing") == gap for code, gap in zip(made.codes, gaps, strict=True))


def test_a_number_is_cut_into_fifths_and_few_values_are_left_whole() -> None:
    fifths = cut(X, np.append(np.arange(100.0), np.nan))
    assert fifths.names == ("below 19.8", "19.8 to below 39.6", "39.6 to below 59.4", "59.4 to below 79.2", "79.2 and above", "missing")
    assert np.bincount(fifths.codes).tolist() == [20, 20, 20, 20, 20, 1]
    assert cut(X, np.array([3.0, 1.0, 3.0])).names == ("1", "3")
    mostly = cut(X, np.append(np.zeros(90), np.arange(1.0, 11.0)))
    assert np.bincount(mostly.codes).sum() == 100
    assert cut(X, np.full(20, 7.0)).names == ("7",)


def test_edges_that_look_alike_when_cut_short_are_told_apart() -> None:
    names = cut(X, 1e6 + np.arange(50) / 1e3).names
    assert len(set(names)) == 5


def test_dates_are_named_by_day() -> None:
    made = cut(WHEN, np.datetime64("2024-01-01", "us") + np.arange(100) * np.timedelta64(86400_000_000, "us"))
    assert made.names[0] == "below 2024-01-20"
    assert np.bincount(made.codes).tolist() == [20, 20, 20, 20, 20]


def test_levels_keep_their_names_flags_are_yes_or_no_and_new_levels_are_together() -> None:
    assert cut(PLAN, np.array([2, 0, -2, -1, 0], dtype=np.int32)).names == ("a", "c", "not a declared level", "missing")
    assert cut(FLAG, np.array([1, 0, -1], dtype=np.int8)).names == ("no", "yes", "missing")


@pytest.mark.row("M5")
def test_a_hundred_thousand_levels_make_the_frequent_ones_and_a_rest() -> None:
    levels = tuple(f"level {number}" for number in range(100_000))
    codes = np.concatenate([np.arange(100_000), np.repeat(np.arange(5), 50)]).astype(np.int32)
    made = cut(Field(name="zip", kind="choice", levels=levels), codes)
    assert len(made.names) == MOST + 1
    assert made.names[:5] == tuple(f"level {number}" for number in range(5))
    assert made.names[-1] == "99,970 rarer levels"
    assert np.bincount(made.codes)[:5].tolist() == [51] * 5


@pytest.mark.row("M5")
def test_each_segment_has_the_metrics_of_its_own_rows() -> None:
    draw = np.random.default_rng(0)
    labels, days = draw.normal(size=300), np.arange(300) % 12
    outputs = Outputs(value=labels + draw.normal(size=300))
    plans = draw.integers(0, 3, 300).astype(np.int32)
    found = by_segment("number", labels, outputs, cut(PLAN, plans), days=days, names=["mae", "r2"])
    assert (found.feature, [one.name for one in found.segments]) == ("plan", ["a", "b", "c"])
    for code, segment in enumerate(found.segments):
        own = plans == code
        assert segment.rows == own.sum()
        assert segment.metrics == measure("number", labels[own], pick(outputs, own), days=days[own], names=["mae", "r2"])


def test_no_rows_make_no_segments() -> None:
    assert by_segment("number", np.empty(0), Outputs(value=np.empty(0)), cut(X, np.empty(0))).segments == ()


def test_features_are_found_by_name_and_a_wrong_name_is_answered_with_the_nearest() -> None:
    assert features_named("points", SCHEMA, ["plan", "x", "plan"]) == (PLAN, X)
    with pytest.raises(BadInput, match="no feature 'plam'") as caught:
        features_named("points", SCHEMA, ["plam"])
    assert caught.value.hint == "Did you mean 'plan'?"
    with pytest.raises(BadInput) as caught:
        features_named("points", SCHEMA, ["mail"])  # personal: not among the features, whatever it is called
    assert caught.value.hint == "The features are: x, plan, flag, when."


def test_features_that_divide_nothing_are_left_out() -> None:
    held = {"x": np.ones(4), "plan": np.array([0, 1, 0, 1], dtype=np.int32), "flag": np.zeros(4, dtype=np.int8),
            "when": np.full(4, np.datetime64("NaT", "us"))}  # fmt: skip
    assert [made.feature for made in cuts(SCHEMA, held)] == ["plan"]
