from __future__ import annotations

import re

import numpy as np
import pytest

from farero.core.compare import MemorySource, compare_tables
from farero.core.drift_page import page

EVIL = '<img src=x onerror="alert(1)">'


def _page(reference: dict[str, np.ndarray], current: dict[str, np.ndarray]) -> str:
    return page(compare_tables(reference, current, pictures=True), reference=f"{EVIL}.csv", current="now.csv")


def _tables(columns: int, rows: int = 300) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    names = [f"column number {number}" for number in range(columns)]
    return {name: rng.normal(0, 1, rows) for name in names}, {name: rng.normal(0, 1, rows) for name in names}


@pytest.mark.row("M10")
def test_the_page_says_what_drifted_and_why() -> None:
    before, after = _tables(3)
    after["column number 1"] = after["column number 1"] + 3
    drawn = _page(before, after)
    assert "<b>Drift found</b>" in drawn
    assert drawn.count("<figure") == 3
    assert drawn.count("<figure class=drift>") == 1
    assert drawn.index('title="column number 1"') < drawn.index('title="column number 0"'), "what drifted comes first"
    assert (
        drawn.index("<b>Drift found</b>") < drawn.index("What was found") < drawn.index("How the values lie") < drawn.index("Every column")
    )
    assert '<span class="chip high">high</span>' in drawn


def test_tables_alike_read_as_no_drift() -> None:
    drawn = _page(*_tables(2))
    assert "<b>No drift found</b>" in drawn
    assert "What was found" not in drawn


def test_names_from_the_data_are_never_markup() -> None:
    cells = np.array([EVIL, "b"] * 100, dtype=object)
    other = np.array([EVIL, "<script>new</script>"] * 100, dtype=object)
    drawn = _page({EVIL: cells, "n": np.arange(200.0)}, {EVIL: other, "</title><script>": cells, "n": np.arange(200.0)})
    assert EVIL not in drawn
    assert "<script" not in drawn


@pytest.mark.row("M10")
def test_the_page_needs_nothing_else_and_knows_dark_and_print() -> None:
    drawn = _page(*_tables(2))
    assert re.findall(r"<\w[^>]*\s(?:src|href)=|@import|url\(", drawn) == []
    assert "prefers-color-scheme:dark" in drawn
    assert "@media print" in drawn


@pytest.mark.row("M10")
def test_a_table_of_a_thousand_columns_makes_a_page_under_a_megabyte() -> None:
    before, after = _tables(1000, rows=60)
    after = {name: values + 5 for name, values in after.items()}
    drawn = _page(before, after)
    assert len(drawn.encode()) < 1_000_000
    assert "more columns" in drawn


def test_columns_counted_in_bins_say_how_exact_they_are() -> None:
    before, after = _tables(1, rows=5000)
    found = compare_tables(*(MemorySource(side, longest=1000) for side in (before, after)), pictures=True)
    assert "±" in page(found, reference="a", current="b")
    assert "±" not in _page(before, after)


def test_a_column_without_figures_is_listed() -> None:
    ids = np.array([f"u{number}" for number in range(300)], dtype=object)
    drawn = _page({"id": ids, "gone": np.arange(300.0)}, {"id": ids[::-1]})
    assert "gone is in the reference and not in the current table" in drawn
    assert "looks like an identifier" in drawn
