from __future__ import annotations

import numpy as np

from farero.core.prediction import Outputs
from farero.core.schema import Columns
from farero.serving import pace


class Watch:
    at = 0.0

    def __call__(self) -> float:
        return self.at


class Timed:
    """An engine that takes so long for a row, on a stopwatch of its own making."""

    kind = "original"
    detail = ""
    quick = None

    def __init__(self, watch: Watch, seconds: float) -> None:
        self.watch, self.seconds = watch, seconds
        self.asked: list[int] = []

    def predict(self, columns: Columns, count: int) -> Outputs:
        assert all(len(values) == count for values in columns.values())
        self.asked.append(count)
        self.watch.at += self.seconds * count * (5 if len(self.asked) in (1, 4) else 1)  # the first of all, and a hiccup
        return Outputs(value=np.zeros(count))


def test_the_shortest_of_several_rounds_counts_for_one_row_and_for_a_hundred() -> None:
    watch = Watch()
    old, new = Timed(watch, 0.001), Timed(watch, 0.002)
    found = pace.side_by_side(old, new, {"x": np.arange(7.0)}, 7, watch)  # type: ignore[arg-type]
    assert {rows: tuple(round(value, 6) for value in pair) for rows, pair in found.items()} == {1: (0.001, 0.002), 100: (0.1, 0.2)}
    assert old.asked.count(1) >= 8 * 16


def test_what_is_very_slow_is_not_asked_again_and_again() -> None:
    watch = Watch()
    slow = Timed(watch, 2.0)
    found = pace.side_by_side(Timed(watch, 0.001), slow, {"x": np.arange(3.0)}, 3, watch)  # type: ignore[arg-type]
    assert slow.asked == [1, 1, 100, 100] and found[1][1] == 2.0
