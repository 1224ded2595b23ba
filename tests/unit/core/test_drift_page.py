from __future__ import annotations

import re

import numpy as np
import pytest

from farero.core.bars import distributions
from farero.core.compare import compare_tables
from farero.core.drift_page import page

EVIL = '<img src=x onerror="alert(1)">'


def _page(reference: dict[str, np.ndarray], current: dict[str, np.ndarray]) -> str:
    found = compare_tables(reference, current)
    bars = distributions(reference, current, [column.name for column in found.columns])
    return page(found, bars, reference=f"{EVIL}.csv", current="now.csv")


def _tables(columns: int, rows: int = 300) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    names = [f"column number {number}" for number in range(columns)]
    return {name: rng.normal(0, 1, rows) for name in names}, {name: rng.normal(0, 1, rows) for name in names}


def test_the_page_says_what_drifted_and_why() -> None:
    before, after = _tables(3)
    after["column number 1"] = after["column number 1"] + 3
    drawn = _page(before, after)
    assert "<b>Drift found</b>" in drawn
    assert drawn.count("<figure") == 3
    assert drawn.count("<figure class=drift>") == 1
    assert drawn.index('title="column number 1"') < drawn.index('title="column number 0"'), "what drifted comes first"


def test_tables_alike_read_as_no_drift() -> None:
    assert "<b>No drift found</b>" in _page(*_tables(2))


def test_names_from_the_data_are_never_markup() -> None:
    cells = np.array([EVIL, "b"] * 100, dtype=object)
    drawn = _page({EVIL: cells}, {EVIL: cells, "</title><script>": cells})
    assert EVIL not in drawn
    assert "<script" not in drawn


def test_the_page_needs_nothing_else_and_knows_dark_and_print() -> None:
    drawn = _page(*_tables(2))
    assert re.findall(r"<\w[^>]*\s(?:src|href)=|@import|url\(", drawn) == []
    assert "prefers-color-scheme:dark" in drawn
    assert "@media print" in drawn


@pytest.mark.parametrize("columns", [800])
def test_a_table_of_many_columns_makes_a_page_under_a_megabyte(columns: int) -> None:
    drawn = _page(*_tables(columns, rows=60))
    assert len(drawn.encode()) < 1_000_000
    assert "more columns" in drawn
