"""Preprocessing as a list of instructions, and the kernel that runs them: rows in, the model's own columns out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farero.serving.compile import columns as c
from farero.serving.compile.columns import FIRST_CODE, Numeric, Op, Product, Table

INSTRUCTION = np.dtype([("code", "i4"), ("column", "i4"), ("source", "i4"), ("start", "i4"), ("size", "i8"), ("a", "f8"), ("b", "f8")])
"""`column` is written. `source` is the feature (LOAD, TABLE) or the column (COPY, TIMES) that is read; `start` and `size` point into
the tables."""


class Program:
    """Instructions for some columns.

    Attributes:
        instructions: (n,) INSTRUCTION.
        tables: (t,) float64, what TABLE and SEARCH look values up in.
        width: how many columns are asked for. Those behind them hold what products are made of, and guards.
        total: how many columns there are in all.
    """

    def __init__(self, columns: Sequence[Numeric], guards: Sequence[Numeric] = ()) -> None:
        self.width = len(columns)
        self.total = len(columns) + len(guards)
        self._tables: list[NDArray[np.float64]] = []
        self._size = 0
        lines: list[tuple[float, ...]] = []
        for at, column in enumerate((*columns, *guards)):
            self._write(column, at, lines)
        self.instructions = np.array(lines, dtype=INSTRUCTION) if lines else np.empty(0, dtype=INSTRUCTION)
        self.tables = np.concatenate(self._tables) if self._tables else np.zeros(1)

    def _write(self, column: Numeric, at: int, lines: list[tuple[float, ...]]) -> None:
        if isinstance(column, Table):
            lines.append((c.TABLE, at, column.feature, self._keep(column.values), len(column.values), 0.0, 0.0))
            return
        if isinstance(column, Product):
            for number, part in enumerate(column.parts):
                place = self.total
                self.total += 1
                self._write(part, place, lines)
                lines.append((c.TIMES if number else c.COPY, at, place, 0, 0, 0.0, 0.0))
        else:
            lines.append((c.LOAD, at, column.feature, 0, 0, 0.0, 0.0))
        lines += [self._line(op, at) for op in column.ops]

    def _line(self, op: Op, at: int) -> tuple[float, ...]:
        if op.keys is None or op.found is None:
            return (op.code, at, 0, 0, 0, op.a, op.b)
        start = self._keep(op.keys)
        self._keep(op.found)
        return (op.code, at, 0, start, len(op.keys), op.a, op.b)

    def _keep(self, values: NDArray[np.float64]) -> int:
        start = self._size
        self._tables.append(np.asarray(values, dtype=np.float64))
        self._size += len(values)
        return start


@njit(error_model="numpy")
def fill(instructions: Any, tables: Any, rows: Any, features: int, into: Any, total: int, count: int) -> None:
    """Run the instructions over (count, features) `rows`, giving (count, total) `into`. One instruction at a time over all rows."""
    for number in range(len(instructions)):
        line = instructions[number]
        code = line.code
        place = line.column
        source = line.source
        a = line.a
        b = line.b
        if code == 0:  # LOAD
            for r in range(count):
                into[r * total + place] = rows[r * features + source]
        elif code == 1:  # TABLE
            for r in range(count):
                into[r * total + place] = tables[line.start + FIRST_CODE + np.int64(rows[r * features + source])]
        elif code == 2:  # SUBTRACT
            for r in range(count):
                into[r * total + place] -= a
        elif code == 3:  # DIVIDE
            for r in range(count):
                into[r * total + place] /= a
        elif code == 4:  # MULTIPLY
            for r in range(count):
                into[r * total + place] *= a
        elif code == 5:  # ADD
            for r in range(count):
                into[r * total + place] += a
        elif code == 12:  # COPY
            for r in range(count):
                into[r * total + place] = into[r * total + source]
        elif code == 13:  # TIMES
            for r in range(count):
                into[r * total + place] *= into[r * total + source]
        else:
            for r in range(count):
                into[r * total + place] = _special(code, into[r * total + place], a, b, tables, line.start, line.size)


@njit(error_model="numpy")
def _special(code: int, value: float, a: float, b: float, tables: Any, start: int, size: int) -> float:
    """The instructions that look at a value before they change it; see `columns.Op.on`."""
    gap = value != value
    if value == np.inf:
        return value
    if code == 6:  # CLIP
        return value if gap else min(max(value, a), b)
    if code == 7:  # FILL
        return a if gap else value
    if code == 8:  # REPLACE
        return b if value == a else value
    if code == 9:  # GAP
        return 1.0 if gap else 0.0
    if code == 10:  # ABOVE
        return np.inf if gap else (1.0 if value > a else 0.0)
    if gap:
        return a
    low = start
    high = start + size
    while low < high:
        middle = (low + high) // 2
        if tables[middle] < value:
            low = middle + 1
        else:
            high = middle
    return tables[low + size] if low < start + size and tables[low] == value else b
