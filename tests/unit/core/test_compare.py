"""Two tables, no project: exact figures, honest words about what cannot be compared, and never a silent "no drift"."""

from __future__ import annotations

import json
import string
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from farero.core.compare import Comparison, MemorySource, Table, compare_tables, stated_rate
from farero.core.verdict import RULES
from farero.errors import BadInput

RANDOM = np.random.default_rng(3)
NORMAL = RANDOM.normal(50, 10, 1000)


def objects(*cells: object) -> NDArray[Any]:
    made = np.empty(len(cells), dtype=object)
    made[:] = list(cells)
    return made


def compare(a: NDArray[Any], b: NDArray[Any], rule: str = "guarded") -> Comparison:
    return compare_tables({"a": a}, {"a": b}, rule=rule)


def said(comparison: Comparison) -> str:
    return "\n".join(finding.because for finding in comparison.quality)


@pytest.mark.row("M1")
def test_figures_are_exact() -> None:
    other = RANDOM.normal(55, 12, 700)
    (found,) = compare(NORMAL, other).columns
    assert found.ks == pytest.approx(stats.ks_2samp(NORMAL, other, method="asymp").statistic, abs=1e-9)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(NORMAL, other), rel=1e-9)
    assert found.wasserstein_normalised == pytest.approx(stats.wasserstein_distance(NORMAL, other) / NORMAL.std(), rel=1e-9)
    assert found.mean == pytest.approx((NORMAL.mean(), other.mean()))
    assert found.std == pytest.approx((NORMAL.std(), other.std()))


@pytest.mark.row("M2")
def test_a_table_does_not_drift_from_another_draw_and_does_from_a_shifted_one() -> None:
    calm, moved = compare(NORMAL, RANDOM.normal(50, 10, 1000)), compare(NORMAL, RANDOM.normal(60, 10, 1000))
    assert (calm.drift, moved.drift) == (False, True)
    assert "a (KS 0." in moved.because
    assert calm.quality == ()


@pytest.mark.row("M1")
def test_every_kind_of_column_is_compared() -> None:
    reference: Table = {
        "number": NORMAL,
        "whole": RANDOM.integers(0, 9, 1000),
        "choice": objects(*RANDOM.choice(list("xyz"), 1000)),
        "flag": RANDOM.random(1000) < 0.5,
        "date": np.datetime64("2024-01-01", "s") + RANDOM.integers(0, 10**6, 1000),
        "text number": objects(*[f"{x:.3f}" for x in NORMAL]),
    }
    found = compare_tables(reference, reference)
    assert [c.kind for c in found.columns] == ["number", "number", "choice", "flag", "date", "number"]
    assert not found.drift
    assert all((c.ks or 0.0) == 0.0 and c.psi == 0.0 and c.jensen_shannon == 0.0 for c in found.columns)


def test_the_dictionary_has_the_promised_names_and_is_json() -> None:
    plain = compare_tables({"a": NORMAL, "c": objects(*["x", "y"] * 500)}, {"a": NORMAL * 1e305, "c": objects(*["x", "z"] * 500)}).to_dict()
    again = json.loads(json.dumps(plain, allow_nan=False))
    assert {"drift", "rows", "false_alarm_rate", "columns", "pairs", "quality"} <= set(again)
    assert again["rows"] == [1000, 1000]
    names = "name kind drift ks p_value psi psi_reading wasserstein wasserstein_normalised jensen_shannon chi2_p mean std missing"
    assert {*names.split(), "new_categories"} <= set(again["columns"][0])
    assert again["columns"][1]["new_categories"] == ["z"]


@pytest.mark.row("M2")
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_can_be_named_and_tells_its_price(rule: str) -> None:
    calm, moved = compare(NORMAL, np.roll(NORMAL, 7), rule), compare(NORMAL, NORMAL + 40, rule)
    assert (calm.drift, moved.drift) == (False, True)
    assert calm.to_dict()["false_alarm_rate"] == stated_rate(rule)
    assert "false alarms" in stated_rate(rule)


@pytest.mark.row("M10")
def test_findings_come_gravest_first_and_the_gravest_says_how_bad_it_is() -> None:
    calm = compare(NORMAL, np.roll(NORMAL, 3))
    assert (calm.severity, calm.findings) == (None, ())
    odd = compare_tables({"a": NORMAL, "b": NORMAL}, {"a": NORMAL + 2.5, "b": NORMAL, "c": NORMAL})
    assert odd.severity == "medium"
    assert [(f.subject, f.severity) for f in odd.findings] == [("a", "medium"), ("c", "low")]
    assert compare(NORMAL, NORMAL + 20).severity == "high"
    assert compare_tables({"a": NORMAL, "b": NORMAL}, {"a": NORMAL}).severity == "high"


def test_columns_below_a_rules_share_are_notes() -> None:
    many = {str(i): np.random.default_rng(i).normal(0, 1, 500) for i in range(10)}
    found = compare_tables(many, {**many, "3": many["3"] + 1}, rule="share")
    assert not found.drift
    assert next((f.subject, f.severity) for f in found.findings if f.kind == "DATA_DRIFT") == ("3", "low")


def test_columns_can_be_chosen_and_left_out() -> None:
    table = {"a": NORMAL, "b": NORMAL, "c": NORMAL}
    assert [c.name for c in compare_tables(table, table, columns=["c", "a"]).columns] == ["a", "c"]
    assert [c.name for c in compare_tables(table, table, ignore=["b"]).columns] == ["a", "c"]
    assert not compare_tables(table, {"a": NORMAL, "c": NORMAL}, ignore=["b"]).drift
    with pytest.raises(BadInput, match="Neither table has a column 'd', 'z'"):
        compare_tables(table, table, columns=["a", "z"], ignore=["d"])
    with pytest.raises(BadInput, match="no column in common"):
        compare_tables(table, table, columns=["a"], ignore=["a"])


def test_progress_is_told_before_each_column_and_at_the_end() -> None:
    told: list[tuple[int, int, str]] = []
    compare_tables({"a": NORMAL, "b": NORMAL}, {"b": NORMAL, "a": NORMAL}, progress=lambda *words: told.append(words))
    assert told == [(0, 2, "a"), (1, 2, "b"), (2, 2, "")]


def test_the_order_of_columns_does_not_matter() -> None:
    assert not compare_tables({"a": NORMAL, "b": NORMAL + 100}, {"b": NORMAL + 100, "a": NORMAL}).drift


@pytest.mark.row("M9")
def test_what_is_not_exact_says_how_far_off_it_may_be() -> None:
    found = compare_tables(MemorySource({"a": NORMAL}, longest=100), {"a": NORMAL + 5})
    assert set(found.within) == {"a"}
    assert found.to_dict()["columns"][0]["within"] == found.within["a"]
    assert compare(NORMAL, NORMAL).to_dict()["columns"][0]["within"] is None


@pytest.mark.row("M4")
def test_a_column_that_turns_empty_is_drift_and_a_fault() -> None:
    found = compare(NORMAL, np.full(1000, np.nan))
    assert found.drift
    assert found.columns[0].p_value is None
    assert "a has no value in any of 1000 rows" in said(found)


def test_a_column_that_was_empty_and_is_not_is_drift_and_a_fault() -> None:
    found = compare(np.full(1000, np.nan), NORMAL)
    assert found.drift
    assert "a has no value in the reference table" in said(found)


def test_a_column_empty_on_both_sides_is_named() -> None:
    found = compare(np.full(10, np.nan), objects(*[None] * 10))
    assert "a has no value in either table" in said(found)


@pytest.mark.row("M4")
def test_infinite_values_are_faults_on_either_side() -> None:
    some = np.where(np.arange(1000) < 3, np.inf, NORMAL)
    found = compare(some, some)
    assert "3 of 1000 values of a are infinite" in said(found)
    assert "3 of 1000 values of a in the reference table are infinite" in said(found)
    assert compare(NORMAL, np.full(1000, -np.inf)).drift


@pytest.mark.row("M4")
def test_columns_that_went_are_drift_and_new_ones_are_told() -> None:
    found = compare_tables({"a": NORMAL, "b": NORMAL}, {"a": NORMAL, "c": NORMAL})
    assert found.drift
    assert "b is gone" in found.because
    assert "b is in the reference and not in the current table" in said(found)
    assert "c is new in the current table" in said(found)


@pytest.mark.row("M4")
def test_text_among_numbers_is_a_fault_and_text_instead_of_numbers_is_drift() -> None:
    few = compare(NORMAL, objects(*["n/a"] * 50, *NORMAL[50:]))
    all_text = compare(NORMAL, objects(*["x"] * 1000))
    assert not few.drift
    assert "50 of 1000 values of a in the current table cannot be read as number" in said(few)
    assert all_text.drift
    assert "a was number and is choice" in all_text.because


def test_columns_of_lists_are_named_and_not_compared() -> None:
    found = compare(objects([1], [2], [3]), objects([1], [2], [4]))
    assert "cannot be compared" in said(found)


def test_identifiers_are_named_and_not_compared() -> None:
    found = compare(objects(*[f"u{i}" for i in range(500)]), objects(*[f"u{i}" for i in range(500, 1000)]))
    assert not found.drift
    assert "a looks like an identifier" in said(found)


def test_ten_rows_are_judged_and_their_fewness_told() -> None:
    found = compare(NORMAL[:10], NORMAL)
    assert not found.drift
    assert "the reference table has only 10 rows" in said(found)
    assert compare(NORMAL[:10], NORMAL + 500).drift


def test_a_correlation_that_appears_is_drift_by_the_guarded_rule_alone() -> None:
    apart = RANDOM.normal(size=(2000, 2))
    together = RANDOM.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 2000)
    tables = [{"a": x[:, 0], "b": x[:, 1]} for x in (apart, together)]
    found = compare_tables(*tables)
    assert found.drift
    assert "go together differently: a and b" in found.because
    assert not compare_tables(*tables, rule="psi").drift


def test_flags_and_numbers_are_compared_as_numbers() -> None:
    flags = RANDOM.random(1000) < 0.5
    found = compare(flags, flags.astype(np.int64))
    assert (found.drift, found.columns[0].kind, found.columns[0].ks) == (False, "number", 0.0)


def test_constant_columns_compare_equal_or_moved() -> None:
    assert not compare(np.full(100, 3.0), np.full(100, 3.0)).drift
    assert compare(np.full(100, 3.0), np.full(100, 4.0)).drift


def test_many_levels_that_stay_the_same_do_not_drift() -> None:
    levels = [a + b for a in string.ascii_lowercase for b in string.ascii_lowercase[:8]]
    draws = [objects(*np.random.default_rng(seed).choice(levels, 3000)) for seed in (0, 1)]
    assert not compare(*draws).drift


@pytest.mark.parametrize(
    ("reference", "current", "message"),
    [
        ({"a": NORMAL}, {"a": NORMAL[:0]}, "The current table has no rows"),
        ({"a": NORMAL[:0]}, {"a": NORMAL}, "The reference table has no rows"),
        ({}, {"a": NORMAL}, "The reference table has no columns"),
        ({"a": NORMAL}, {"b": NORMAL}, "no column in common: a against b"),
        ({"a": NORMAL, "b": NORMAL[:3]}, {"a": NORMAL}, "different lengths"),
        ({"a": NORMAL.reshape(500, 2)}, {"a": NORMAL}, "not one-dimensional: a"),
    ],
)
def test_what_is_no_table_is_bad_input(reference: Table, current: Table, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        compare_tables(reference, current)


def test_an_unknown_rule_is_bad_input() -> None:
    with pytest.raises(BadInput, match="no drift rule 'best'"):
        compare(NORMAL, NORMAL, rule="best")
