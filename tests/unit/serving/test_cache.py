"""The cache gives back exact answers of the same version, and forgets by age and by size."""

from __future__ import annotations

import numpy as np
import pytest

from farero.serving.cache import AnswerCache


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def row(*values: float) -> bytes:
    return np.array(values).tobytes()


@pytest.mark.row("S6")
def test_only_exactly_equal_rows_of_the_same_version_are_answered_from_it() -> None:
    cache: AnswerCache[float] = AnswerCache(10, 60.0, Clock())
    cache.put("v1", row(0.1, 2.0), 0.7)
    assert cache.get("v1", row(0.1, 2.0)) == 0.7
    assert cache.get("v1", row(np.nextafter(0.1, 1.0), 2.0)) is None
    assert cache.get("v2", row(0.1, 2.0)) is None
    assert (cache.hits, cache.misses) == (1, 2)


@pytest.mark.row("S6")
def test_an_answer_counts_until_its_time_is_over() -> None:
    clock = Clock()
    cache: AnswerCache[float] = AnswerCache(10, 5.0, clock)
    cache.put("v1", row(1.0), 0.5)
    clock.at = 4.9
    assert cache.get("v1", row(1.0)) == 0.5
    clock.at = 5.0
    assert cache.get("v1", row(1.0)) is None
    assert len(cache) == 0


def test_the_one_unused_for_longest_makes_room() -> None:
    cache: AnswerCache[int] = AnswerCache(2, 60.0, Clock())
    cache.put("v1", row(1.0), 1)
    cache.put("v1", row(2.0), 2)
    assert cache.get("v1", row(1.0)) == 1
    cache.put("v1", row(3.0), 3)
    assert [cache.get("v1", row(n)) for n in (1.0, 2.0, 3.0)] == [1, None, 3]
