"""Where the columns of a table come from, one at a time, so that no table need fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

from farero.core.ordered_column import OrderedColumn, put_in_order
from farero.core.raw_column import Coded, RawCells, RawKind
from farero.errors import BadInput

Table: TypeAlias = Mapping[str, NDArray[Any] | Coded]
"""Columns by name, all of one length: numbers, bool, datetime64, text, or plain objects with None for missing."""


class Source(Protocol):
    """A table that hands out one column at a time."""

    @property
    def rows(self) -> int:
        """How many rows it has."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Its columns, in order."""
        ...

    def column(self, name: str, like: RawKind | None = None) -> OrderedColumn:
        """One column in order, read as what it is or as the kind of the column that it is compared with."""
        ...

    @property
    def is_long(self) -> bool:
        """Whether sorting one of its columns would take more memory than may be used."""
        ...

    def batches(self, name: str) -> Iterable[RawCells]:
        """The same column piece by piece, all of one type."""
        ...


class MemorySource:
    """A table that is in memory.

    Raises:
        BadInput: it has no columns or no rows, or columns of different lengths or of more than one dimension.
    """

    def __init__(self, table: Table, *, side: str = "", longest: int | None = None, batch: int = 1 << 20) -> None:
        """`longest`: with more rows it counts as long; `batch`: rows a piece."""
        self._table = table
        self._batch = batch
        self.names: Sequence[str] = list(table)
        self.rows = _rows(f"{side} table".strip(), table)
        self.is_long = longest is not None and self.rows > longest

    def column(self, name: str, like: RawKind | None = None) -> OrderedColumn:
        """See `Source`."""
        return put_in_order(self._table[name], like)

    def batches(self, name: str) -> Iterable[RawCells]:
        """See `Source`."""
        cells = self._table[name]
        for at in range(0, len(cells), self._batch):
            if isinstance(cells, Coded):
                yield Coded(codes=cells.codes[at : at + self._batch], values=cells.values)
            else:
                yield cells[at : at + self._batch]


def _rows(which: str, table: Table) -> int:
    deep = [name for name, cells in table.items() if not isinstance(cells, Coded) and cells.ndim != 1]
    if deep:
        raise BadInput(f"Columns of the {which} are not one-dimensional: {', '.join(deep)}.", hint="Give one value a cell.")
    lengths = {name: len(cells) for name, cells in table.items()}
    if not lengths:
        raise BadInput(f"The {which} has no columns.", hint="Give a table with a header and rows.")
    if len(set(lengths.values())) > 1:
        raise BadInput(f"Columns of the {which} have different lengths: {lengths}.", hint="Give every column a value for each row.")
    (rows,) = set(lengths.values())
    if not rows:
        raise BadInput(f"The {which} has no rows.", hint="Give it at least one row.")
    return rows
