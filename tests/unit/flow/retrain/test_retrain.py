from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.benches import DAY, ROWS, T0, WON, Installation, day, install

from farero.core.policy import PolicyRule
from farero.core.prediction import Outputs
from farero.core.schema import Columns
from farero.errors import TrainFailed
from farero.project.load import Loaded
from farero.serving import engine, stored
from farero.serving.sample import read_sample
from farero.store import runs


def learnt(here: Installation, number: str) -> float:
    """The slope that a version has learnt: its answer to x = 1."""
    version = next(version for version in here.versions() if version.number == number)
    folder = here.loop.retrain.files.open(version.digest)
    loaded = engine.load(folder, here.loop.retrain.label, here.loop.retrain.schema)
    return float(loaded.predict({"x": np.array([1.0]), "shape": np.array([0], dtype=np.int32)}, 1).value[0])


@pytest.mark.row("M9")
def test_the_first_version_learns_all_rows_and_is_measured_by_a_rehearsal(here: Installation) -> None:
    (first,) = here.versions()
    assert (first.number, first.trained_rows, first.trained_until) == ("1.0.0", 60, T0)
    assert first.metrics["measured_rows"] == 12.0
    assert first.metrics["mae"] == pytest.approx(0.1, abs=0.02)
    assert here.child.trainings == 2


@pytest.mark.row("M10")
def test_the_newest_rows_are_held_out_and_judge_what_learnt_from_the_others(here: Installation) -> None:
    here.predict(0)
    here.label(0, WON)
    trained = here.loop.retrain.again(until=day(0).end, origin="loop/x", because="it fell")
    assert trained.version.trained_rows == 60 + ROWS // 2
    assert trained.heldout is not None and trained.heldout.count == ROWS // 2
    assert trained.version.trained_until == stored.aware(trained.heldout.times[0])
    assert trained.version.metrics["measured_rows"] == ROWS // 2


@pytest.mark.row("M10")
def test_a_refit_gets_the_patch_number_and_the_judged_baseline_and_learns_the_held_out_rows_as_well(here: Installation) -> None:
    here.day(0, WON)
    judged, refitted = here.versions()[1], here.versions()[0]
    assert (judged.number, refitted.number) == ("1.1.0", "1.1.1")
    assert refitted.metrics == judged.metrics
    assert (judged.trained_rows, refitted.trained_rows) == (80, 100)
    assert refitted.trained_until == day(0).end
    assert 4 > learnt(here, "1.1.1") > learnt(here, "1.1.0") > learnt(here, "1.0.0")


@pytest.mark.row("M10")
def test_a_refit_that_fails_leaves_the_judged_version_to_serve(here: Installation) -> None:
    here.predict(0)
    here.label(0, WON)
    judged = here.loop.retrain.again(until=day(0).end, origin="loop/x", because="it fell")
    here.child.failing = TrainFailed("out of memory")
    assert here.loop.retrain.refit(judged, until=day(0).end) == judged.version
    here.child.failing = None
    assert here.loop.retrain.refit(judged, until=day(0).end).number == "1.1.1"


def test_a_policy_without_refit_serves_what_was_judged(here: Installation) -> None:
    here.predict(0)
    here.label(0, WON)
    plain = replace(here.loop.retrain, rule=replace(here.loop.retrain.rule, refit=False))
    judged = plain.again(until=day(0).end, origin="loop/x", because="it fell")
    assert plain.refit(judged, until=day(0).end) == judged.version


@pytest.mark.row("R4")
def test_a_training_that_is_taken_up_again_trains_nothing_and_holds_out_the_same_rows(here: Installation) -> None:
    here.predict(0)
    here.label(0, WON)
    first = here.loop.retrain.again(until=day(0).end, origin="loop/x", because="it fell")
    trainings = here.child.trainings
    here.loop.promote.to_production(first.version.number, by="farero", because="won")
    again = here.loop.retrain.again(until=day(0).end, origin="loop/x", because="it fell")
    assert here.child.trainings == trainings
    assert first.heldout is not None and again.heldout is not None
    assert again.heldout.times.tolist() == first.heldout.times.tolist()


@pytest.mark.row("M11")
def test_rows_and_labels_of_later_are_not_learnt_from(here: Installation) -> None:
    for number in range(2):
        here.predict(number)
    here.label(0, rows=range(10))
    here.label(0, rows=range(10, ROWS), known_at=day(0).end + timedelta(microseconds=1))
    here.label(1)
    assert here.loop.retrain.history(day(0).end).count == 60 + 10
    assert here.loop.retrain.history(day(0).end + timedelta(microseconds=1)).count == 60 + ROWS


@pytest.mark.row("M11")
def test_a_look_back_forgets_what_is_older(points: Loaded, tmp_path: Path) -> None:
    rule = PolicyRule(name="short", trigger="always", cooldown=timedelta(0), min_rows=1, look_back=DAY, holdout_share=0.5)
    here = install(points, tmp_path, rule)
    here.start()
    here.predict(0)
    here.label(0, WON)
    trained = here.loop.retrain.again(until=day(0).end, origin="loop/x", because="it fell")
    assert trained.version.trained_rows == ROWS // 2


@pytest.mark.row("M9")
def test_a_training_that_raises_stores_no_version_and_a_run_with_its_failure(here: Installation) -> None:
    here.child.failing = TrainFailed("ValueError: no")
    with pytest.raises(TrainFailed, match="ValueError: no"):
        here.loop.retrain.again(until=T0, origin="loop/x", because="it fell")
    assert here.states() == {"1.0.0": "production"}
    with here.bench.store.read() as conn:
        run = next(run for run in runs.all(conn, "points") if run.kind == "retrain")
    assert (run.kind, run.status, run.version, run.error) == ("retrain", "failed", None, "ValueError: no")


def test_nothing_to_learn_from_is_said_with_the_moment(points: Loaded, tmp_path: Path) -> None:
    here = install(points, tmp_path)
    with pytest.raises(TrainFailed, match="no labelled row of points known at 2024-01-01T00:00Z"):
        here.loop.retrain.again(until=T0, origin="loop/x", because="asked for")


def test_a_versions_folder_keeps_no_training_data_but_the_features_of_a_few_rows_and_what_judged_it(here: Installation) -> None:
    folder = here.loop.retrain.files.open(here.versions()[0].digest)
    of_model = {"manifest.json", "model.pkl", "result.json", "sample.bin", "schema.json"}
    of_context = {"days.bin", "judged.feather", "labels.bin", "reference.bin"}
    assert {path.name for path in folder.iterdir()} == of_model | of_context


@pytest.mark.row("M11")
def test_a_version_keeps_what_its_model_answered_to_rows_that_it_learnt_from(here: Installation) -> None:
    (version,) = here.versions()
    kept = read_sample(here.loop.retrain.files.open(version.digest), here.loop.retrain.schema)
    assert kept is not None
    assert kept.rows.shape == (version.trained_rows, 2)
    assert kept.answers[:, 0].tolist() == pytest.approx(np.nan_to_num(kept.rows[:, 0]) * learnt(here, version.number))


@pytest.mark.row("M11")
def test_a_model_that_throws_dice_keeps_no_answers(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = np.random.default_rng(0)
    plain = engine.Original.predict

    def thrown(self: engine.Original, columns: Columns, count: int) -> Outputs:
        return Outputs(value=plain(self, columns, count).value + dice.normal(size=count))

    monkeypatch.setattr(engine.Original, "predict", thrown)
    retrain = here.loop.retrain
    trained = retrain.first(retrain.history(day(0).end), until=day(0).end, origin="train/dice", because="", tags={})
    assert read_sample(retrain.files.open(trained.version.digest), retrain.schema) is None
