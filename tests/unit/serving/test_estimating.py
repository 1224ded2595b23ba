from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.benches import day
from tests.worlds import METRICS, begin, live, make

from farero.core.estimate import Estimator
from farero.core.performance import evaluate
from farero.serving import estimating, stored


@pytest.mark.row("M6")
@pytest.mark.parametrize("kind", ["binary", "classes", "number"])
def test_answers_in_the_log_are_expected_to_score_what_their_labels_show_later(kind: str, tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", kind), tmp_path / "i", kind, rows=6000)
    live(here, kind, 0, rows=4000, high=0.5)
    loaded, label, metric = here.loop.predict.pool.production("points"), here.bench.label, METRICS[kind]
    rows = here.loop.profile.log.read("points", day(0).start, day(0).end)
    outputs, matrix = estimating.answers(loaded, label, rows)
    assert (matrix is not None) == (kind == "number") and (outputs.probabilities is not None) == (kind == "classes")
    made = estimating.learn(loaded, label, [metric], quick=True)
    assert isinstance(made, Estimator)
    _, known = here.loop.monitor._labelled_until(day(0))
    realized = evaluate(label.kind, known.labels, outputs)[metric]
    assert made.estimates(made.tally(outputs, matrix)).metrics[metric].value == pytest.approx(realized, rel=0.1)
    assert np.array_equal(outputs.value, stored.outputs(label, rows).value)


def test_a_version_that_nothing_judged_teaches_nothing(tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", "binary"), tmp_path / "i", "binary", rows=60)
    loaded = here.loop.predict.pool.production("points")
    with pytest.raises(ValueError, match="12 labelled rows say too little"):
        estimating.learn(loaded, here.bench.label)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="no row is kept"):
        estimating.learn(replace(loaded, folder=empty), here.bench.label)
