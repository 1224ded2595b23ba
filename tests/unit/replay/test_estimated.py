from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.benches import DAY, NEVER, T0, install, make_project, write_csv
from tests.worlds import METRICS, begin, make, truth

from farero.core.performance import evaluate
from farero.core.prediction import Outputs
from farero.core.window import WindowSize
from farero.project.load import load
from farero.replay import history, run
from farero.replay.estimated import Estimates


@pytest.mark.row("M6")
@pytest.mark.parametrize("kind", ["binary", "classes", "number"])
def test_answers_are_expected_to_score_what_their_labels_show_later(kind: str, tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", kind), tmp_path / "i", kind, rows=6000)
    loaded = here.loop.predict.pool.production("points")
    random = np.random.default_rng(3)
    x, shape = random.uniform(0.6, 1.0, 4000), random.integers(0, 2, 4000)
    columns = {"x": x, "shape": shape.astype(np.int32)}
    outputs = loaded.engine.predict(columns, 4000)
    estimates = Estimates(label=here.bench.label, metric=METRICS[kind])
    realized = evaluate(here.bench.label.kind, truth(kind, x, shape, 9), outputs)[METRICS[kind]]
    assert estimates.of(loaded, columns, outputs) == pytest.approx(realized, rel=0.1)
    assert list(estimates.known) == ["1.0.0"]


def test_a_version_that_nothing_judged_has_no_estimate(tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", "binary"), tmp_path / "i", "binary", rows=60)
    loaded = here.loop.predict.pool.production("points")
    score = np.array([0.2, 0.9])
    outputs = Outputs(value=np.array([0.0, 1.0]), probability=score)
    estimates = Estimates(label=here.bench.label, metric="accuracy")
    assert estimates.of(loaded, {"x": score, "shape": np.zeros(2, np.int32)}, outputs) is None
    empty = tmp_path / "empty"
    empty.mkdir()
    assert Estimates(label=here.bench.label, metric="accuracy").of(replace(loaded, folder=empty), {}, outputs) is None


@pytest.mark.row("M6")
@pytest.mark.row("M11")
def test_every_window_of_a_replay_says_what_was_expected_of_it_before_its_labels_came(tmp_path: Path) -> None:
    """The line is learnt exactly, so no error is expected; the world then turns, and the expectation does not see it."""
    loaded = load(make_project(tmp_path / "points"))
    data = write_csv(tmp_path / "data.csv", days=45, slope=lambda day: 2.0 if day < 42 else 3.0)
    here = install(loaded, tmp_path / "bench", NEVER)
    project = loaded.projects["points"]
    lived = history.read(data, project.schema, project.label_spec, time="ts")
    found = run(here.bench, lived, policy="never", until=T0 + 40 * DAY, size=WindowSize(), progress=lambda share, words: None)
    assert [window.estimated for window in found.windows] == pytest.approx([0.0] * 5, abs=0.01)
    assert [window.metric is not None and window.metric > 1 for window in found.windows] == [False, False, True, True, True]
