from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from tests.unit.serving.compile.made import BINARY, FULL, labels, matrix, seen

from farero.serving.compile import compile_model, trees


def test_the_kernel_is_compiled_once() -> None:
    assert trees.kernel() is trees.kernel()


def test_nodes_are_as_small_as_their_numbers_allow() -> None:
    assert trees.SMALL.itemsize == 8
    assert trees.LARGE.itemsize == 16


def test_threads_do_not_disturb_each_other() -> None:
    rows = matrix(3000, 1, FULL)
    engine = compile_model(RandomForestClassifier(20, random_state=0).fit(seen(rows, FULL), labels(rows, BINARY)), BINARY, FULL)
    want = engine.answers(rows)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda at: engine.answers(rows[at:]), range(40)):
            assert (got == want[3000 - len(got) :]).all()


def test_many_rows_are_answered_block_by_block() -> None:
    rows = matrix(400, 1, FULL)
    model = RandomForestClassifier(5, random_state=0).fit(seen(rows, FULL), labels(rows, BINARY))
    many = np.resize(rows, (2 * 1024 + 5, 5))
    got = compile_model(model, BINARY, FULL).answers(many)
    assert (got == np.resize(got[:400], got.shape)).all()
