"""A reference's windows are kept one by one, the newest of them, and come back as they were."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.core.days_of_scores import ROWS, joined, reference_of, window
from tests.unit.core.rows_of import SCHEMA, columns, outputs

from farero.core import detector, profile, scores
from farero.core.days import MOST_WINDOWS, Days, days_of, gather
from farero.core.scores import WindowScores
from farero.errors import Corrupt

REFERENCE, PLAN, HELD = reference_of(5)


def test_each_window_has_the_cells_of_its_own_rows() -> None:
    table = HELD.table()
    assert table.shape == (5, PLAN.width + 1)
    assert HELD.numbers.tolist() == [0, 1, 2, 3, 4]
    for day in range(5):
        assert np.array_equal(table[day], window(REFERENCE, columns(ROWS, day, missing=0.02), day).cells)


def test_rows_in_any_order_and_numbers_with_gaps_are_sorted_out() -> None:
    table = joined([columns(20, 1), columns(30, 2)])
    made = days_of(REFERENCE, table, None, np.repeat([9, 4], [20, 30]))
    assert made.numbers.tolist() == [4, 9]
    assert made.table()[:, 0].tolist() == [30, 20]


def test_rows_without_times_are_one_window() -> None:
    made = days_of(REFERENCE, columns(70))
    assert made.numbers.tolist() == [0]
    assert made.table()[0, 0] == 70


def test_a_reference_of_no_rows_has_one_empty_window_and_a_detector_that_bets_on_nothing() -> None:
    empty = profile.build_reference(SCHEMA, columns(0), outputs(0))
    made = days_of(empty, columns(0), outputs(0), np.zeros(0, dtype=np.int64))
    assert made.table().sum() == 0
    baseline = detector.fit(scores.layout(empty), made, preset="sensitive", size_s=86_400, limit=365.0)
    state, alarm = detector.update(detector.begin(baseline), baseline, window(empty, columns(300), 1))
    assert alarm is None
    assert state.windows == 1


def test_answers_to_other_rows_are_left_out_unless_their_windows_are_told() -> None:
    table, answers = columns(60), outputs(40)
    reference = profile.build_reference(SCHEMA, table, answers)
    place = scores.layout(reference).columns[-1].first
    index = np.repeat([0, 1], 30)
    assert days_of(reference, table, answers, index).table()[:, place].tolist() == [0, 0]
    assert days_of(reference, table, answers, index, np.repeat([0, 1], [15, 25])).table()[:, place].tolist() == [15, 25]
    assert days_of(reference, table, outputs(60), index).table()[:, place].tolist() == [30, 30]


def test_the_oldest_windows_go_first() -> None:
    one = window(REFERENCE, columns(3), 0)
    many = [
        WindowScores(number=i, rows=3, edges_hash=one.edges_hash, cells=one.cells, constant=one.constant) for i in range(MOST_WINDOWS + 7)
    ]
    kept = gather(many[::-1])
    assert (kept.numbers[0], kept.numbers[-1], len(kept.numbers)) == (7, MOST_WINDOWS + 6, MOST_WINDOWS)


def test_windows_of_two_references_are_not_put_together() -> None:
    other = profile.build_reference(SCHEMA, columns(50, 77))
    with pytest.raises(ValueError, match="one reference"):
        gather([window(REFERENCE, columns(3), 0), window(other, columns(3), 1)])
    with pytest.raises(ValueError, match="at least one"):
        gather([])


def test_days_survive_bytes_and_damage_is_told() -> None:
    again = Days.from_bytes(HELD.to_bytes())
    assert again.edges_hash == HELD.edges_hash
    assert np.array_equal(again.table(), HELD.table())
    assert np.array_equal(again.constants(), HELD.constants())
    with pytest.raises(Corrupt):
        Days.from_bytes(HELD.to_bytes()[:-9])


def ranges_of(amounts: list[list[float]]) -> tuple[list[int], Days]:
    """Rows outside of each window of these amounts, as the reference's own windows have them, and the windows."""
    table = joined([{**columns(len(own)), "amount": np.array(own)} for own in amounts])
    index = np.repeat(np.arange(len(amounts)), [len(own) for own in amounts])
    reference = profile.build_reference(SCHEMA, table, None, index)
    made = days_of(reference, table, None, index)
    return made.table()[:, scores.layout(reference).columns[0].outside()].tolist(), made


@pytest.mark.row("M2")
def test_rows_beyond_all_other_windows_count_as_outside_where_chance_does_not_put_them() -> None:
    calm = [float(value) for value in range(10)]
    higher = [*calm[:6], 20.0, 21.0, 22.0, float("inf")]
    lower = [*calm[:5], -1.0, -2.0, -3.0, -4.0, float("nan")]
    found, made = ranges_of([calm, higher, *[calm] * 8, lower])
    assert found == [0, 3, *[0] * 8, 4]
    # Of 11 windows one holds the two highest values in one of 11 cases, so two say nothing.
    assert ranges_of([calm, [*calm, 20.0, 21.0], *[calm] * 9])[0] == [0] * 11
    assert ranges_of([[*calm, 20.0, 21.0, 22.0, 23.0]])[0] == [0]
    assert made.rows().tolist() == [10] * 11
