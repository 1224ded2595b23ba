"""The promise that sound days raise next to no finding of quality, put to the test.

How often this fails though nothing is wrong: at the promised rate of 0.1 findings a model-year, 3 years hold 0.3 in the mean, and 6 or more
with a chance below 1e-6 (Poisson tail).
"""

from __future__ import annotations

import pytest
from benchmarks import quality
from scipy.stats import poisson

YEARS, MOST_FINDINGS = 3, 6


def test_the_chance_stated_above_is_right() -> None:
    assert poisson.sf(MOST_FINDINGS - 1, 0.1 * YEARS) < 1e-6


@pytest.mark.row("M4")
@pytest.mark.parametrize(("regime", "rows"), [("A", 200), ("B", 1000)])
def test_years_without_a_fault_stay_without_a_finding(regime: str, rows: int) -> None:
    found = [quality.false_findings(regime, rows, (11, ord(regime), year)) for year in range(YEARS)]
    said = [because for run, _ in found for because in run]
    assert len(said) < MOST_FINDINGS, said
    assert sum(days for _, days in found) > 300 * YEARS  # and fixed limits find something on most of them


@pytest.mark.row("M4")
@pytest.mark.parametrize("fault", ["all missing", "one value"])
def test_a_column_that_dies_is_critical_on_its_first_day(fault: str) -> None:
    assert [quality.seen("B", 200, (11, run), fault) for run in range(3)] == ["critical"] * 3
