from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.benches import DAY, T0, Installation, day


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
