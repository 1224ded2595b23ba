from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.benches import T0, WON, Installation, day

from farero.core.competition import Entrant
from farero.errors import TrainFailed
from farero.flow.retrain.trainer import Trainer, cpu_s, fingerprint
from farero.store.journal import Journal


def journal(here: Installation) -> Journal:
    return Journal(here.bench.store, "none", lambda: T0)


@pytest.mark.row("R5")
def test_a_training_leaves_a_model_and_no_data_in_the_folder(here: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    here.loop.retrain.trainer.run(folder, here.base(), T0, Entrant(), journal(here))
    assert {path.name for path in folder.iterdir()} == {"model.pkl", "result.json"}
    assert cpu_s(folder) > 0


@pytest.mark.row("R5")
def test_a_training_on_three_rows_is_refused_with_what_is_needed(here: Installation) -> None:
    three = here.base(rows=3)
    with pytest.raises(TrainFailed, match="3 labelled rows of points to train on, and 20 are needed"):
        here.loop.retrain.trainer.refuse(three)
    here.loop.retrain.trainer.refuse(here.base(rows=20))
    here.predict(0)
    here.label(0, WON)
    strict = replace(here.loop.retrain, rule=replace(here.loop.retrain.rule, train_rows=500))
    with pytest.raises(TrainFailed, match="and 500 are needed"):
        strict.again(until=day(0).end, origin="loop/x", because="it fell")


def leaking(here: Installation, rule: str) -> Trainer:
    trainer = here.loop.retrain.trainer
    return replace(trainer, rule=replace(trainer.rule, leakage=rule))  # type: ignore[arg-type]


@pytest.mark.row("R5")
def test_a_feature_that_is_the_label_is_refused_unless_the_policy_allows_it(here: Installation) -> None:
    rows = here.base()
    same = replace(rows, labels=rows.columns["x"])
    for rule in ("warn", "refuse"):
        with pytest.raises(TrainFailed, match="x equals the label in all 60 rows"):
            leaking(here, rule).suspects(same)
    assert leaking(here, "allow").suspects(same) == ()


@pytest.mark.row("R5")
def test_a_feature_that_determines_the_label_is_told_or_refused(here: Installation, caplog: pytest.LogCaptureFixture) -> None:
    rows = here.base(rows=2000)
    curved = replace(rows, labels=rows.columns["x"] ** 3)
    (leak,) = leaking(here, "warn").suspects(curved)
    assert (leak.feature, leak.degree) == ("x", "determines")
    assert "retrain.leak-suspected" in caplog.text
    with pytest.raises(TrainFailed, match="gives the label away: x alone tells"):
        leaking(here, "refuse").suspects(curved)
    noisy = replace(rows, labels=rows.columns["x"] + np.random.default_rng(0).normal(size=2000))
    assert leaking(here, "refuse").suspects(noisy) == ()


def test_the_fingerprint_tells_rows_apart(here: Installation) -> None:
    schema, rows = here.loop.retrain.schema, here.base()
    assert fingerprint(schema, rows) == fingerprint(schema, here.base()) != fingerprint(schema, here.base(slope=2.1))
