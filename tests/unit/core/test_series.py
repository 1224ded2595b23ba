from __future__ import annotations

import numpy as np
import pytest

from farero.core import detector, series, watch
from farero.core.label import LabelKind
from farero.core.series import Series

DRAW = np.random.default_rng(5)
INDEX = np.repeat(np.arange(60), 100)


def alarms(known: Series, values: list[np.ndarray]) -> list[int]:
    """Numbers of the windows that raised one."""
    baseline = detector.fit(known.plan(), known.days, preset="sensitive", size_s=86_400, limit=365.0)
    seen = watch.begin(baseline)
    for number, own in enumerate(values, 60):
        seen = watch.look(seen, baseline, known.window(own, number))
    return [alarm.number for alarm in seen.standing]


@pytest.mark.row("M5")
def test_losses_like_those_before_raise_nothing_and_larger_ones_do() -> None:
    known = series.of_losses(DRAW.exponential(1.0, 6000), INDEX)
    assert (known.column.name, len(known.days.numbers)) == ("loss", 60)
    assert alarms(known, [DRAW.exponential(1.0, 100) for _ in range(60)]) == []
    (number,) = alarms(known, [DRAW.exponential(1.6, 100) for _ in range(20)])
    assert number < 66


@pytest.mark.row("M3")
@pytest.mark.parametrize(("kind", "classes"), [("binary", ()), ("classes", ("a", "b", "c"))])
def test_a_label_that_becomes_more_frequent_is_seen(kind: LabelKind, classes: tuple[str, ...]) -> None:
    known = series.of_labels(kind, classes, (DRAW.random(6000) < 0.2).astype(float), INDEX)
    quiet = [(DRAW.random(100) < 0.2).astype(float) for _ in range(40)]
    assert alarms(known, quiet) == []
    (number,) = alarms(known, [(DRAW.random(100) < 0.45).astype(float) for _ in range(20)])
    assert number < 65


@pytest.mark.row("M3")
def test_labels_that_are_numbers_are_watched_by_rank() -> None:
    known = series.of_labels("number", (), DRAW.normal(size=6000), INDEX)
    (number,) = alarms(known, [DRAW.normal(0.8, 1.0, 100) for _ in range(20)])
    assert number < 65


def test_unknown_labels_count_as_missing() -> None:
    known = series.of_labels("binary", (), (DRAW.random(6000) < 0.5).astype(float), INDEX)
    cells = known.window(np.array([1.0, np.nan, 0.0]), 61).cells
    assert cells[:2].tolist() == [3, 1]


def test_it_comes_back_from_bytes_as_it_was() -> None:
    known = series.of_losses(DRAW.random(200), np.repeat([3, 4], 100))
    again = Series.from_bytes(known.to_bytes())
    assert again.days.numbers.tolist() == [3, 4]
    assert np.array_equal(again.column.edges, known.column.edges)
    assert again.plan().edges_hash == "column:loss"
    assert "outside" not in {score.kind for score in again.plan().scores}
