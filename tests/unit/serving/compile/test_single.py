from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from tests.unit.serving.compile.made import FULL, NUMBER, labels, matrix, seen

from farero.serving.compile import Compiled, compile_model

ROWS = matrix(300, 1, FULL)


def test_the_short_way_has_a_limit() -> None:
    quick = compile_model(LinearRegression().fit(seen(ROWS, FULL), labels(ROWS, NUMBER)), NUMBER, FULL).quick
    assert quick is not None
    with pytest.raises(ValueError, match="room for 1024"):
        quick.run(1025)


def test_short_ways_share_the_rows_and_nothing_else() -> None:
    engine = compile_model(LinearRegression().fit(seen(ROWS, FULL), labels(ROWS, NUMBER)), NUMBER, FULL)
    assert isinstance(engine, Compiled)
    rows = np.zeros((1024, len(FULL.features)))
    one, two = engine.short(rows), engine.short(rows)
    rows[:3] = ROWS[:3]
    one.run(3)
    assert one.rows is two.rows and not two.answers.any()
    assert np.array_equal(one.answers[:3], engine.answers(ROWS[:3]))
