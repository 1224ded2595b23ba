from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from farero.core.bars import BINS, Bars, bar_chart, edge_text, picture
from farero.core.ordered_column import put_in_order


def drawn(before: NDArray[Any], after: NDArray[Any]) -> Bars | None:
    first = put_in_order(before)
    return picture(first, put_in_order(after, first.kind))


def bars_of(before: NDArray[Any], after: NDArray[Any]) -> Bars:
    made = drawn(before, after)
    assert made is not None
    return made


def test_numbers_lie_in_common_bins_and_every_value_counts() -> None:
    rng = np.random.default_rng(0)
    bars = bars_of(rng.normal(0, 1, 5000), np.append(rng.normal(1, 1, 2999), 1e9))
    assert len(bars.reference) == len(bars.current) == BINS
    assert (sum(bars.reference), sum(bars.current)) == pytest.approx((1.0, 1.0))
    assert np.dot(range(BINS), bars.current) > np.dot(range(BINS), bars.reference)
    assert not bars.levels


def test_a_few_whole_numbers_get_a_bar_each() -> None:
    bars = bars_of(np.array([1, 1, 2, 3]), np.array([3, 3]))
    assert (bars.names, bars.reference, bars.current) == (("1", "2", "3"), (0.5, 0.25, 0.25), (0.0, 0.0, 1.0))


def test_many_whole_numbers_are_binned() -> None:
    assert not bars_of(np.arange(500), np.arange(500)).levels


def test_of_many_levels_the_most_frequent_are_drawn_and_the_others_counted() -> None:
    cells = np.array([f"level {number}" for number in range(20) for _ in range(20 - number)], dtype=object)
    bars = bars_of(cells, cells)
    assert (bars.names[0], len(bars.names), bars.left_out) == ("level 0", 10, 10)
    assert "and 10 rarer levels" in bar_chart(bars, title="x")


def test_days_are_named_at_the_edges() -> None:
    days = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
    assert bars_of(days, days).names == ("2024-01-01", "2024-02-29")


def test_columns_without_values_or_of_two_kinds_have_no_picture() -> None:
    number = np.array([1.5, 2.5])
    assert drawn(number, np.array([np.nan, np.nan])) is None
    assert picture(put_in_order(number), put_in_order(np.array(["a", "b"], dtype=object))) is None
    assert picture(put_in_order(np.zeros(2, "V1")), put_in_order(np.zeros(2, "V1"))) is None


def test_names_are_escaped() -> None:
    cells = np.array(["<script>", "&"] * 5, dtype=object)
    chart = bar_chart(bars_of(cells, cells), title='<b>"x"</b>')
    assert "<script>" not in chart
    assert "<b>" not in chart
    assert "&lt;script&gt;" in chart


@pytest.mark.parametrize("value", [1.5, 0.0, -1e300, 1e-300])
def test_a_constant_column_is_drawn(value: float) -> None:
    bars = bars_of(np.full(5, value), np.full(3, value))
    assert (sum(bars.reference), sum(bars.current)) == (1.0, 1.0)


def test_values_too_far_apart_for_a_float_are_drawn() -> None:
    bars = bars_of(np.array([-1.7e308, 1.5]), np.array([1.7e308, 0.25]))
    assert (sum(bars.reference), sum(bars.current)) == (1.0, 1.0)
    assert "nan" not in bar_chart(bars, title="x")


def test_values_read_short() -> None:
    texts = [edge_text(value, "number") for value in (0.25, 34_102.4, -2.71916e11)]
    assert texts == ["0.25", "34,102", "-2.719e+11"]
    assert edge_text(86_400.0, "date") == "1970-01-02"
    assert edge_text(1e30, "date") == "1,000,000,000,000,000,019,884,624,838,656"
