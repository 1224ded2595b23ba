"""What is counted: each request once, by the share at which it came, whatever was folded, and failures over restarts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.benches import Installation
from tests.unit.flow.rollout.world import NEW, World

from farero.core.rollout import Stage
from farero.flow.rollout.measured import _risen


@pytest.mark.row("R7")
def test_counts_are_the_same_whether_they_were_folded_before_or_not(here: Installation) -> None:
    world = World(here)
    world.serve(300)
    world.begin()
    world.tick()
    fresh = world.open()
    measure, folded = world.steps.measure, fresh
    for _ in range(3):
        world.serve(80, over=timedelta(minutes=2))
        folded = measure.look(folded, world.now, {}).rollout
    at_once, in_parts = measure.look(fresh, world.now, {}), measure.look(folded, world.now, {})
    assert in_parts.rows == at_once.rows > 0
    assert in_parts.tallies == at_once.tallies
    (errors,) = at_once.tallies["errors"]
    assert errors.share == 0.2
    assert sum(errors.rows) == 238, "two came while processes learnt of the split"


@pytest.mark.row("R7")
def test_requests_of_another_endpoint_and_of_the_time_while_processes_learn_of_the_split_do_not_count(here: Installation) -> None:
    world = World(here)
    world.serve(300)
    world.begin()
    world.tick()
    fresh = world.open()
    world.serve(50, over=timedelta(seconds=2))
    assert world.steps.measure.look(fresh, world.now, {}).rows == 0


@pytest.mark.row("R7")
def test_a_failed_request_counts_for_the_canary_though_production_answered_it(here: Installation) -> None:
    world = World(here)
    world.serve(300)
    world.begin()
    world.tick()
    fresh = world.open()
    found = world.steps.measure.look(fresh, world.now, {NEW: 7.0})
    assert found.tallies["errors"][0].new == (0, 7)
    assert found.rows == 7
    again = world.steps.measure.look(found.rollout, world.now, {NEW: 9.0})
    assert again.tallies["errors"][0].new == (0, 9)
    elsewhere = world.steps.measure.look(again.rollout, world.now, {})
    assert (elsewhere.tallies["errors"][0].new, elsewhere.rollout.failures) == ((0, 9), {NEW: 9.0})


def test_a_counter_that_began_anew_has_risen_by_what_it_shows() -> None:
    assert [_risen(5.0, 8.0), _risen(5.0, 2.0), _risen(0.0, 0.0), _risen(5.0, None)] == [3, 2, 0, 0]


def test_before_the_canary_nothing_is_counted(here: Installation) -> None:
    world = World(here)
    world.begin()
    found = world.steps.measure.look(world.open(), world.now, {NEW: 3.0})
    assert (found.tallies, found.rows, found.rollout.failures) == ({}, 0, {NEW: 3.0})


def test_labels_of_an_earlier_step_count_when_they_come(here: Installation) -> None:
    world = World(here)
    world.serve(400, labelled=True)
    world.begin()
    world.tick()
    first = world.open()
    world.serve(100, labelled=True)
    counted = world.steps.measure.look(first, world.now, {})
    later = replace(
        counted.rollout, passed=(*first.passed, first.stage), counted_until=None, stage=Stage(kind="canary", share=50.0, since=world.now)
    )
    found = world.steps.measure.look(later, world.now + timedelta(minutes=1), {})
    assert [tally.share for tally in found.tallies["quality"]] == [0.2]
    assert sum(found.tallies["quality"][0].rows) == 100
