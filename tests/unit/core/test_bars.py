from __future__ import annotations

import numpy as np
import pytest

from farero.core.bars import BINS, bar_chart, distributions


def test_numbers_lie_in_common_bins_and_every_value_counts() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.normal(0, 1, 5000), np.append(rng.normal(1, 1, 2999), 1e9)
    bars = distributions({"x": before}, {"x": after}, ["x"])["x"]
    assert len(bars.reference) == len(bars.current) == BINS
    assert (sum(bars.reference), sum(bars.current)) == pytest.approx((1.0, 1.0))
    assert np.dot(range(BINS), bars.current) > np.dot(range(BINS), bars.reference)
    assert not bars.levels


def test_a_few_whole_numbers_get_a_bar_each() -> None:
    bars = distributions({"x": np.array([1, 1, 2, 3])}, {"x": np.array([3, 3])}, ["x"])["x"]
    assert (bars.names, bars.reference, bars.current) == (("1", "2", "3"), (0.5, 0.25, 0.25), (0.0, 0.0, 1.0))


def test_of_many_levels_the_most_frequent_are_drawn_and_the_others_counted() -> None:
    cells = np.array([f"level {number}" for number in range(20) for _ in range(20 - number)], dtype=object)
    bars = distributions({"x": cells}, {"x": cells}, ["x"])["x"]
    assert (bars.names[0], len(bars.names), bars.left_out) == ("level 0", 10, 10)
    assert "and 10 rarer levels" in bar_chart(bars, title="x")


def test_days_are_named_at_the_edges() -> None:
    days = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
    assert distributions({"x": days}, {"x": days}, ["x"])["x"].names == ("2024-01-01", "2024-02-29")


def test_columns_without_values_or_of_two_kinds_have_no_picture() -> None:
    empty, text, number = np.array([None, None], dtype=object), np.array(["a", "b"], dtype=object), np.array([1.5, np.nan])
    tables = ({"e": empty, "k": text, "n": np.array([np.nan, np.nan])}, {"e": empty, "k": number, "n": number})
    assert distributions(*tables, ["e", "k", "n"]) == {}


def test_names_are_escaped() -> None:
    cells = np.array(["<script>", "&"] * 5, dtype=object)
    drawn = bar_chart(distributions({"x": cells}, {"x": cells}, ["x"])["x"], title='<b>"x"</b>')
    assert "<script>" not in drawn
    assert "<b>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_a_constant_column_is_drawn() -> None:
    bars = distributions({"x": np.full(5, 1.5)}, {"x": np.full(3, 1.5)}, ["x"])["x"]
    assert (sum(bars.reference), sum(bars.current)) == (1.0, 1.0)
