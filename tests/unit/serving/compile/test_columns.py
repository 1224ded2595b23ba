from __future__ import annotations

import math

import numpy as np
import pytest
from tests.unit.serving.compile.made import LEVELS, SCHEMA

from farero.core.schema import Field, Schema
from farero.serving.compile import columns as c
from farero.serving.compile.columns import Levels, Moment, Number, Op, Table, is_gap, numeric, then, whole_frame
from farero.serving.compile.refused import NotCompiled


def test_a_choice_is_an_object_for_each_code_new_and_missing_first() -> None:
    seen = whole_frame(SCHEMA)
    colour = seen.columns[3]
    assert isinstance(colour, Levels)
    assert all(is_gap(value) for value in colour.values[:2])
    assert colour.values[2:] == LEVELS
    assert seen.names == ("a", "b", "month", "colour", "size", "new", "paid")


def test_a_code_that_no_row_can_hold_stands_for_the_first_level() -> None:
    size = whole_frame(SCHEMA).columns[4]
    assert isinstance(size, Levels)
    assert size.values == ("s", "s", "s", "m", "l")


def test_texts_are_no_numbers_unless_they_spell_some() -> None:
    assert numeric(Levels(0, (math.nan, "1", "2.5"))).values.tolist()[1:] == [1.0, 2.5]  # type: ignore[union-attr]
    with pytest.raises(NotCompiled, match="text of a choice"):
        numeric(Levels(0, (math.nan, "red")))


def test_a_date_may_stand_in_the_frame_and_not_reach_the_model() -> None:
    column = whole_frame(Schema(fields=(Field(name="day", kind="date"),))).columns[0]
    assert isinstance(column, Moment)
    with pytest.raises(NotCompiled, match="day"):
        numeric(column)


def test_what_is_done_to_a_table_is_done_at_once() -> None:
    made = then(Table(0, np.array([np.nan, 1.0, 3.0])), Op(c.SUBTRACT, 1.0), Op(c.DIVIDE, 2.0), Op(c.FILL, 9.0))
    assert isinstance(made, Table)
    assert made.values.tolist() == [9.0, 0.0, 1.0]
    number = then(Number(0), Op(c.ADD, 1.0))
    assert isinstance(number, Number)
    assert [op.code for op in number.ops] == [c.ADD]


@pytest.mark.parametrize("code", [c.SUBTRACT, c.DIVIDE, c.MULTIPLY, c.ADD, c.CLIP, c.FILL, c.REPLACE, c.GAP, c.ABOVE, c.SEARCH])
def test_what_the_original_refuses_stays_refused(code: int) -> None:
    op = Op(code, 2.0, 3.0, np.array([1.0]), np.array([5.0]))
    assert op.on(np.array([c.REFUSED])).tolist() == [c.REFUSED]
