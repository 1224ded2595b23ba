from __future__ import annotations

import numpy as np
import pytest

from farero.serving.compile import columns as c
from farero.serving.compile.columns import Number, Op, Product, Table, then
from farero.serving.compile.program import Program, fill

VALUES = np.array([np.nan, -3.0, 0.0, 0.5, 1.0, 2.0, 12.0, np.inf])


def _run(program: Program, rows: np.ndarray) -> np.ndarray:
    into = np.empty(len(rows) * program.total)
    fill(program.instructions, program.tables, rows.reshape(-1), rows.shape[1], into, program.total, len(rows))
    return into.reshape(len(rows), program.total)


@pytest.mark.parametrize(
    "op",
    [
        Op(c.SUBTRACT, 0.1),
        Op(c.DIVIDE, 3.0),
        Op(c.MULTIPLY, 1.1),
        Op(c.ADD, -7.0),
        Op(c.CLIP, -1.0, 1.5),
        Op(c.FILL, 4.0),
        Op(c.REPLACE, 0.0, np.nan),
        Op(c.GAP),
        Op(c.ABOVE, 0.5),
        Op(c.SEARCH, 7.0, 8.0, np.array([-3.0, 0.5, 2.0]), np.array([1.0, 2.0, 3.0])),
    ],
    ids=lambda op: str(op.code),
)
def test_the_kernel_does_to_a_number_what_is_done_to_a_table_beforehand(op: Op) -> None:
    got = _run(Program([then(Number(0), op)]), VALUES[:, None])
    assert got[:, 0].tolist() == pytest.approx(op.on(VALUES).tolist(), abs=0.0, nan_ok=True)


def test_tables_are_read_by_code_and_products_multiply_from_the_left() -> None:
    rows = np.array([[-2.0, 3.0], [-1.0, 4.0], [1.0, 5.0]])
    table = Table(0, np.array([10.0, 20.0, 30.0, 40.0]))
    program = Program([Number(1), table, Product((table, Number(1), Number(1)))], [Number(0)])
    assert (program.width, program.total) == (3, 7)
    assert _run(program, rows)[:, :4].tolist() == [[3.0, 10.0, 90.0, -2.0], [4.0, 20.0, 320.0, -1.0], [5.0, 40.0, 1000.0, 1.0]]
