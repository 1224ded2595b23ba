"""Narrow counts come back as they were, take few bytes, and add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farero.core.narrow import Narrow, add, narrow, widen

COUNTS = st.lists(st.integers(0, 300) | st.integers(0, 1 << 40), max_size=30)


def size(made: Narrow) -> int:
    return len(made.low) + len(made.places) + len(made.high)


@given(COUNTS)
def test_counts_come_back_as_they_were(counts: list[int]) -> None:
    assert widen(narrow(np.array(counts, dtype=np.int64))).tolist() == counts


@given(st.lists(st.lists(st.integers(0, 70_000) | st.integers(0, 1 << 33), min_size=4, max_size=4), min_size=1, max_size=9))
def test_narrow_counts_add_up_whatever_their_widths(many: list[list[int]]) -> None:
    assert add([narrow(np.array(counts, dtype=np.int64)) for counts in many]).tolist() == [
        sum(column) for column in zip(*many, strict=True)
    ]


@pytest.mark.parametrize("times", [1, 256, 257, 258, 600])
def test_no_sum_of_many_overflows_its_width(times: int) -> None:
    assert add([narrow(np.array([255, 1, 0]))] * times).tolist() == [255 * times, times, 0]


def test_a_few_large_counts_widen_no_other() -> None:
    counts = np.full(1026, 9)
    assert size(narrow(counts)) == 1026
    counts[[3, 700]] = 9_000
    assert (size(narrow(counts)), narrow(counts).width) == (1026 + 24, 1)
    assert (size(narrow(np.full(1026, 1000))), narrow(np.full(1026, 1000)).width) == (2052, 2)
    assert (narrow(np.full(5, 1 << 40)).width, narrow(np.full(5, 1 << 20)).width) == (8, 4)


def test_what_is_no_count_or_does_not_belong_together_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        narrow(np.array([1, -1]))
    with pytest.raises(ValueError, match="same bins"):
        add([narrow(np.array([1])), narrow(np.array([1, 2]))])
    with pytest.raises(ValueError, match="same bins"):
        add([])
