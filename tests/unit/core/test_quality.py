"""Faults in the rows of a window, and what is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.core.days_of_scores import joined
from tests.unit.core.rows_of import SCHEMA, columns

from farero.core.bands import Bands, learn
from farero.core.days import days_of
from farero.core.finding import Finding
from farero.core.profile import build, build_reference
from farero.core.quality import check
from farero.core.reference import Reference

REFERENCE = build_reference(SCHEMA, columns(3000, missing=0.02), None, np.repeat(np.arange(30), 100))


def found(reference: Reference = REFERENCE, n: int = 200, limit: float | None = 0.05, **changed: NDArray[Any]) -> list[Finding]:
    return check(reference, build(reference, {**columns(n, 5), **changed}), max_missing=limit)


@pytest.mark.row("M4")
def test_sound_rows_have_no_faults() -> None:
    assert found() == []
    assert found(n=0) == []


@pytest.mark.row("M4")
def test_missing_values_past_the_limit_are_a_fault() -> None:
    (fault,) = found(amount=columns(200, 5, missing=0.2)["amount"])
    assert (fault.kind, fault.subject, fault.severity) == ("DATA_QUALITY", "amount", "medium")
    assert fault.value == pytest.approx(0.2, abs=0.06)
    assert "of amount is missing, limit 6.5%; 1.9% in the reference" in fault.because


@pytest.mark.row("M4")
def test_half_missing_is_grave() -> None:
    assert [f.severity for f in found(amount=columns(200, 5, missing=0.7)["amount"])] == ["high"]


def test_a_column_that_was_always_half_empty_is_no_fault() -> None:
    reference = build_reference(SCHEMA, columns(3000, missing=0.5))
    assert found(reference, amount=columns(200, 5, missing=0.5)["amount"]) == []


def test_two_missing_values_in_a_small_window_are_no_fault() -> None:
    amount = columns(20, 5)["amount"].copy()
    amount[:2] = np.nan
    assert found(n=20, amount=amount) == []


@pytest.mark.row("M4")
def test_a_column_without_any_value_is_one_grave_fault() -> None:
    (fault,) = found(amount=np.full(200, np.nan))
    assert (fault.severity, fault.value) == ("critical", 1.0)
    assert "no value in any of 200 rows" in fault.because


@pytest.mark.row("M4")
def test_a_column_stuck_at_one_value_is_a_grave_fault() -> None:
    (number,) = found(amount=np.full(200, 101.5))
    (flag,) = found(active=np.zeros(200, dtype=np.int8))
    (choice,) = found(plan=np.full(200, 2, dtype=np.int32))
    assert [f.severity for f in (number, flag, choice)] == ["critical"] * 3
    assert "all 200 values of amount are 101.5" in number.because
    assert "are false" in flag.because
    assert "are pro" in choice.because


def test_a_column_that_was_constant_in_windows_of_the_reference_may_be_so() -> None:
    index = np.repeat(np.arange(30), 100)
    rows = dict(columns(3000))
    rows["plan"] = (index % 3).astype(np.int32)
    reference = build_reference(SCHEMA, rows, None, index)
    assert found(reference, plan=np.full(200, 2, dtype=np.int32)) == []


def test_a_few_equal_rows_are_chance() -> None:
    assert found(n=5, active=np.zeros(5, dtype=np.int8)) == []


@pytest.mark.row("M4")
def test_values_outside_all_that_the_reference_holds_are_a_fault() -> None:
    amount = columns(200, 5)["amount"].copy()
    amount[:20] = 1e6
    (fault,) = found(amount=amount)
    assert (fault.value, fault.limit) == (0.1, 0.05)
    assert "10.0% of amount lies outside" in fault.because


def test_dates_outside_the_reference_are_shown_as_dates() -> None:
    (fault,) = found(since=np.full(200, np.datetime64("2030-01-01", "us")) + np.arange(200).astype("m8[us]"))
    assert "lies outside 2024-01-01 00:12 to 2024-01-30 23:17, " in fault.because


@pytest.mark.row("M4")
def test_levels_that_the_reference_does_not_know_are_a_fault_and_named() -> None:
    plan = np.where(np.arange(200) < 10, -2, columns(200, 5)["plan"]).astype(np.int32)
    (fault,) = check(REFERENCE, build(REFERENCE, {**columns(200, 5), "plan": plan}, None, {"plan": {"team": 10}}))
    assert fault.value == 0.05
    assert "levels that the reference does not know (team)" in fault.because


@pytest.mark.row("M4")
def test_infinite_values_are_a_grave_fault() -> None:
    amount = columns(200, 5)["amount"].copy()
    amount[3] = np.inf
    (fault,) = found(amount=amount)
    assert (fault.severity, fault.because) == ("high", "1 of 200 values of amount are infinite")


def test_without_a_limit_the_references_own_share_is_one() -> None:
    assert found(limit=None, amount=columns(200, 5, missing=0.05)["amount"]) == []
    assert len(found(limit=None, amount=columns(200, 5, missing=0.2)["amount"])) == 1


def learnt(missing: float = 0.02, days: int = 60, rows: int = 200) -> tuple[Reference, Bands]:
    tables = [columns(rows, 100 + day, missing=missing) for day in range(days)]
    table, index = joined(tables), np.repeat(np.arange(days), rows)
    reference = build_reference(SCHEMA, table, None, index)
    return reference, learn(reference, days_of(reference, table, None, index), 86_400.0)


@pytest.fixture(scope="module")
def known() -> tuple[Reference, Bands]:
    return learnt()


def judged(known: tuple[Reference, Bands], n: int = 200, limit: float | None = None, **changed: NDArray[Any]) -> list[Finding]:
    reference, bands = known
    return check(reference, build(reference, {**columns(n, 5, missing=0.02), **changed}), max_missing=limit, bands=bands, number=70)


@pytest.mark.row("M4")
def test_within_its_bands_a_window_has_no_faults(known: tuple[Reference, Bands]) -> None:
    assert judged(known) == []
    assert judged(known, amount=columns(200, 5, missing=0.06)["amount"]) == []
    few = columns(200, 5)["plan"].copy()
    few[:2] = -2
    assert judged(known, plan=few) == []


@pytest.mark.row("M4")
@pytest.mark.parametrize(
    ("column", "values", "severity", "words"),
    [
        ("amount", np.full(200, np.nan), "critical", "has no value in any of 200 rows"),
        ("amount", np.full(200, 100.0), "critical", "are 100, and no window of the reference was so"),
        ("amount", np.full(200, np.inf), "critical", "200 of 200 values of amount are infinite"),
        ("plan", np.full(200, -2, dtype=np.int32), "critical", "are levels that the reference does not know"),
        ("amount", columns(200, 5, missing=0.3)["amount"], "medium", "of amount is missing, limit"),
        ("amount", columns(200, 5)["amount"] + np.where(np.arange(200) < 30, 1e6, 0), "medium", "15.0% of amount lies outside"),
    ],
    ids=["all missing", "stuck", "all infinite", "all new", "missing", "outside"],
)
def test_beyond_them_it_has_one(known: tuple[Reference, Bands], column: str, values: NDArray[Any], severity: str, words: str) -> None:
    (fault,) = judged(known, **{column: values})
    assert (fault.kind, fault.subject, fault.severity) == ("DATA_QUALITY", column, severity)
    assert words in fault.because


@pytest.mark.row("M4")
def test_copies_beyond_the_usual_are_a_fault(known: tuple[Reference, Bands]) -> None:
    doubled = {name: np.concatenate([values, values[:60]]) for name, values in columns(200, 5, missing=0.02).items()}
    (fault,) = judged(known, **doubled)
    assert (fault.subject, fault.severity) == ("rows", "medium")
    assert fault.because.startswith("23.1% of 260 rows are exact copies of others, limit ")


def test_a_limit_of_the_owners_own_allows_more_than_is_usual(known: tuple[Reference, Bands]) -> None:
    half = columns(200, 5, missing=0.3)["amount"]
    assert judged(known, limit=0.5, amount=half) == []
    assert len(judged(known, limit=0.2, amount=half)) == 1


def test_a_limit_below_what_is_usual_is_no_fault_every_day() -> None:
    assert judged(learnt(missing=0.5), limit=0.05, amount=columns(200, 5, missing=0.5)["amount"]) == []


@pytest.mark.row("M4")
def test_dates_that_move_on_with_time_are_no_fault_and_those_of_the_future_are(known: tuple[Reference, Bands]) -> None:
    newest = np.datetime64("2024-01-31", "us") + np.arange(200).astype("m8[m]")
    ahead = np.timedelta64(70 - 60, "D")
    assert judged(known, since=newest + ahead) == []
    (fault,) = judged(known, since=newest + np.timedelta64(5000, "D"))
    assert fault.subject == "since"
