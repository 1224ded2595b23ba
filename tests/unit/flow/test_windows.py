from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.benches import DAY, NEVER, T0, Installation, day, install

from farero.core.window import WindowSize
from farero.project.load import Loaded


def test_a_window_is_due_when_it_has_ended_and_its_grace_is_over(here: Installation) -> None:
    here.predict(0)
    patient = replace(here.loop.record, grace=timedelta(seconds=30))
    assert patient.due(day(0).end) == []
    assert patient.due(day(0).end + timedelta(seconds=29)) == []
    assert patient.due(day(0).end + timedelta(seconds=30)) == [day(0)]


@pytest.mark.row("R4")
def test_a_window_is_due_until_it_is_done_and_never_again(here: Installation) -> None:
    here.predict(0)
    here.predict(1)
    assert here.loop.record.due(day(1).end) == [day(0), day(1)]
    here.loop.record.done(day(0))
    here.loop.record.done(day(0))
    assert here.loop.record.due(day(1).end) == [day(1)]


def test_no_prediction_makes_no_window(here: Installation) -> None:
    assert here.loop.record.due(T0 + 100 * DAY) == []


def test_a_training_by_hand_is_booked_from_the_last_window_to_now(here: Installation) -> None:
    at = T0 + timedelta(hours=5)
    assert here.loop.record.until(at).end == at
    here.loop.record.done(day(0))
    later = day(1).start + timedelta(hours=3)
    assert (here.loop.record.until(later).start, here.loop.record.until(later).end) == (day(0).end, later)


@pytest.mark.row("M9")
def test_windows_by_count_are_due_when_they_are_full(points: Loaded, tmp_path: Path) -> None:
    here = install(points, tmp_path, NEVER, WindowSize(rows=30))
    here.start()
    record = replace(here.loop.record, grace=timedelta(seconds=30))
    here.predict(0)  # 40 rows, one each 33 minutes
    (first,) = record.due(T0 + DAY)
    assert (first.start, first.end) == (T0, T0 + timedelta(hours=22) * 29 / 40 + timedelta(microseconds=1))
    assert record.due(first.end + timedelta(seconds=29)) == []
    assert record.due(first.end + timedelta(seconds=30)) == [first]
    record.done(first)
    assert record.due(T0 + DAY) == []
    here.predict(1)
    (second,) = record.due(T0 + 2 * DAY)
    assert (second.start, second.end) == (first.end, day(1).start + timedelta(hours=22) * 19 / 40 + timedelta(microseconds=1))
