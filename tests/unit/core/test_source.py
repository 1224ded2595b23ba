"""Tables in memory are sources of columns; what is no table is refused."""

from __future__ import annotations

import numpy as np
import pytest

from farero.core.raw_column import Coded
from farero.core.source import MemorySource, Table
from farero.errors import BadInput


def test_columns_come_one_at_a_time_and_in_pieces() -> None:
    text = Coded(codes=np.array([0, 1, 0, -1, 1], dtype=np.int32), values=("x", "y"))
    source = MemorySource({"a": np.arange(5), "t": text}, longest=4, batch=2)
    assert (source.rows, list(source.names), source.is_long) == (5, ["a", "t"], True)
    assert source.column("a").ordered.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert [len(piece) for piece in source.batches("a")] == [2, 2, 1]
    assert [piece.codes.tolist() for piece in source.batches("t") if isinstance(piece, Coded)] == [[0, 1], [0, -1], [1]]
    assert not MemorySource({"a": np.arange(5)}).is_long


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "The now table has no columns"),
        ({"a": np.zeros(0)}, "The now table has no rows"),
        ({"a": np.zeros(2), "b": np.zeros(3)}, "Columns of the now table have different lengths"),
        ({"a": np.zeros((2, 2))}, "Columns of the now table are not one-dimensional: a"),
    ],
)
def test_what_is_no_table_is_refused(table: Table, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        MemorySource(table, side="now")
