"""A version's number and the moves it may make."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farero.core.version import LEGAL_MOVES, State, is_legal, next_number


@pytest.mark.row("R1")
def test_production_is_reached_only_from_staging_or_by_rollback() -> None:
    assert {source for source in get_args(State) if is_legal(source, "production")} == {"staging", "archived"}


@pytest.mark.row("R1")
def test_production_is_left_only_to_the_archive() -> None:
    assert LEGAL_MOVES["production"] == ("archived",)


@pytest.mark.row("R1")
@given(st.lists(st.booleans(), max_size=30))
def test_numbers_only_grow(changes: list[bool]) -> None:
    numbers: list[str] = []
    for changed in changes:
        numbers.append(next_number(numbers, schema_changed=changed))
    as_tuples = [tuple(map(int, number.split("."))) for number in numbers]
    assert as_tuples == sorted(set(as_tuples))
