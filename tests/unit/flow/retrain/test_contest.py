"""Several ways to train in one retraining, by a project whose train does what its params say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from tests.benches import DAY, PROJECT, ROWS, WON, Installation, Killed, day, install

from farero.core.competition import Entrant
from farero.core.policy import PolicyRule
from farero.errors import TrainFailed
from farero.flow.report import Report
from farero.project.load import Loaded, load
from farero.serving.blend import read_parts
from farero.serving.kinds import load_model
from farero.store import heats, runs

TRAIN = """
def train(data: fa.TrainingSet) -> fa.Regressor:
    does = data.params.get("does", "learn")
    if does == "raise":
        raise ValueError("no such column")
    x = data.X["x"].to_numpy()
    slope = float(x @ data.y.to_numpy() / (x @ x + 1e-9))
    if does == "constant":
        return Line(0.0)
    if does == "late nan":
        return LateNan(slope)
    return Line(slope * data.params.get("times", 1.0))


class LateNan(Line):
    def predict(self, X):
        answers = X["x"].fillna(0.0).to_numpy() * self.slope
        answers[100:] = float("nan")
        return answers if len(X) > 100 else answers * 1.0 if len(X) != 20 else answers * float("nan")
"""


def way(does: str) -> Entrant:
    return Entrant(params={"does": does})


def rule(*ways: Entrant) -> PolicyRule:
    return PolicyRule(name="eager", trigger="always", cooldown=timedelta(0), min_rows=1, holdout_share=0.5, candidates=ways)


@pytest.fixture(scope="module")
def doing(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    root = tmp_path_factory.mktemp("doing")
    before, _, after = PROJECT.partition("def train(")
    (root / "farero.toml").write_text('project = "project.py:project"\n')
    (root / "project.py").write_text(before + TRAIN + "\n\nproject" + after.partition("\nproject")[2])
    return load(root)


def changed(loaded: Loaded, folder: Path, *ways: Entrant) -> Installation:
    """An installation on whose first day the world has changed."""
    here = install(loaded, folder, rule())
    here.start()
    retrain = replace(here.loop.retrain, rule=rule(*ways))
    here.bench = replace(here.bench, loop=replace(here.loop, retrain=retrain))
    here.predict(0)
    here.label(0, WON)
    return here


def killed_after(here: Installation, trainings: int) -> None:
    """The turn at the end of the first day, cut off when a child is to train after so many trainings in all."""
    here.bench.clock.set(day(0).end)
    run = here.child.run

    def die(*args: object, **kwargs: object) -> None:
        if here.child.trainings == trainings:
            raise Killed
        run(*args, **kwargs)  # type: ignore[arg-type]

    here.child.run = die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        here.loop.turn(day(0).end)
    here.child.run = run  # type: ignore[method-assign]


def stored(here: Installation) -> dict[str, str]:
    with here.bench.store.read() as conn:
        return {heat.entrant: heat.failed for heat in heats.all(conn, "points")}


@pytest.mark.row("R5", "R6")
def test_look_backs_compete_and_the_one_that_forgets_the_old_world_wins_and_is_refitted(points: Loaded, tmp_path: Path) -> None:
    here = changed(points, tmp_path, Entrant(), Entrant(look_back=DAY))
    (turn,) = here.end(0)
    assert turn.candidate is not None and turn.candidate.number == "1.1.1"
    judged, refitted = here.versions()[1], here.versions()[0]
    assert (judged.tags["trained_by"], judged.tags["look_back"], judged.tags["trainings"]) == ("1d", "1d", "2")
    assert refitted.tags["trained_by"] == "1d" and "trainings" not in refitted.tags
    assert (judged.trained_rows, refitted.trained_rows) == (ROWS // 2, ROWS)
    assert here.child.trainings == 2 + 2 + 1
    with here.bench.store.read() as conn:
        found = {heat.entrant: heat for heat in heats.all(conn, "points")}
        _, notes = runs.get(conn, "points-loop/2024-01-01T00:00Z/2024-01-02T00:00Z")
    assert found["1d"].loss == pytest.approx(0.0, abs=1e-6) and (found["all history"].loss or 0) > 1
    assert found["all history"].rows == 80
    assert [step.name for step in notes.steps] == ["train all history", "train 1d", "store"]


@pytest.mark.row("R5")
def test_a_way_that_raises_or_answers_nonsense_or_always_the_same_loses_cleanly(doing: Loaded, tmp_path: Path) -> None:
    here = changed(doing, tmp_path, way("raise"), way("constant"), way("late nan"), way("learn"))
    (turn,) = here.end(0)
    assert turn.verdict is not None and turn.verdict.accepted
    failed = stored(here)
    assert failed["all history, does=raise"].startswith("train raised ValueError: no such column")
    assert "NaN" in failed["all history, does=late nan"] or "finite" in failed["all history, does=late nan"]
    assert failed["all history, does=constant"] == failed["all history, does=learn"] == ""
    assert here.versions()[0].tags["trained_by"] == "all history, does=learn"


@pytest.mark.row("R5")
def test_where_every_way_fails_production_stays_and_the_reason_names_each(doing: Loaded, tmp_path: Path) -> None:
    here = changed(doing, tmp_path, way("raise"), Entrant(look_back=timedelta(hours=12)))
    before = here.production()
    (turn,) = here.end(0)
    assert turn.failed is not None and "no such column" in turn.failed
    assert "2 labelled rows of points to train on, and 20 are needed" in turn.failed
    assert here.production() == before


@pytest.mark.row("R5")
def test_a_way_that_has_too_few_rows_is_out_and_the_others_go_on(points: Loaded, tmp_path: Path) -> None:
    here = changed(points, tmp_path, Entrant(), Entrant(look_back=timedelta(hours=12)))
    here.end(0)
    assert stored(here) == {"all history": "", "12h": "2 labelled rows of points to train on, and 20 are needed."}


@pytest.mark.row("R4", "R5")
def test_a_contest_cut_off_between_two_heats_trains_only_the_rest(points: Loaded, tmp_path: Path) -> None:
    here = changed(points, tmp_path, Entrant(), Entrant(look_back=DAY))
    killed_after(here, 3)
    (turn,) = here.end(0)
    assert turn.verdict is not None and turn.verdict.accepted
    assert here.child.trainings == 2 + 2 + 1


@pytest.mark.row("R5")
def test_models_that_lost_are_not_kept_but_how_they_did_is(points: Loaded, tmp_path: Path) -> None:
    here = changed(points, tmp_path, Entrant(), Entrant(look_back=DAY))
    here.end(0)
    kept = {version.digest for version in here.versions()} | {here.versions()[-1].tags["base"]}
    assert set(here.loop.retrain.files.digests()) == kept
    assert len(stored(here)) == 2


def test_without_rows_to_judge_on_the_way_that_serves_is_trained_alone(points: Loaded, tmp_path: Path) -> None:
    here = changed(points, tmp_path, Entrant(), Entrant(look_back=20 * DAY))
    plain = replace(here.loop.retrain, rule=replace(here.loop.retrain.rule, gated=False))
    trained = plain.again(until=day(0).end, origin="loop/x", because="it fell")
    assert (trained.version.tags["trained_by"], trained.heldout) == ("all history", None)
    with pytest.raises(TrainFailed, match="no labelled row"):
        replace(plain, model="other").again(until=day(0).end, origin="loop/y", because="it fell")


@pytest.mark.row("R5")
def test_a_training_asked_for_learns_the_way_that_won_and_one_on_rows_of_its_own_all_of_them(points: Loaded, tmp_path: Path) -> None:
    here = changed(points, tmp_path, Entrant(), Entrant(look_back=DAY))
    here.end(0)
    retrain, until = here.loop.retrain, day(0).end
    rows = retrain.history(until)
    asked = retrain.first(rows, until=until, origin="train/asked", because="asked for", tags={})
    brought = retrain.first(rows, until=until, origin="train/brought", because="asked for", tags={"base": retrain.keep(rows)})
    assert (asked.version.tags["trained_by"], brought.version.tags["trained_by"]) == ("1d", "all history")
    assert asked.version.trained_rows < brought.version.trained_rows


LOW, HIGH = (Entrant(look_back=DAY, params={"times": times}) for times in (0.5, 1.5))
BOTH = "1/2 1d, times=0.5 + 1/2 1d, times=1.5"


@pytest.mark.row("R5", "R6")
def test_the_mean_of_two_models_that_err_on_both_sides_wins_and_serves(doing: Loaded, tmp_path: Path) -> None:
    here = changed(doing, tmp_path, LOW, HIGH)
    (turn,) = here.end(0)
    assert turn.verdict is not None and turn.verdict.accepted and turn.candidate is not None
    judged, refitted = here.versions()[1], here.versions()[0]
    assert (judged.tags["trained_by"], judged.tags["trainings"]) == (BOTH, "2")
    assert (refitted.tags["trained_by"], refitted.tags["trainings"]) == (BOTH, "2")
    assert here.child.trainings == 2 + 2 + 2
    folder = here.loop.retrain.files.open(refitted.digest)
    assert [(part.share, part.way) for part in read_parts(folder)] == [(0.5, LOW.name), (0.5, HIGH.name)]
    assert judged.metrics["mae"] == pytest.approx(0.0, abs=1e-6)
    model = load_model(folder, here.loop.retrain.label, here.loop.retrain.schema)
    assert model.predict(pd.DataFrame({"x": [1.0, 2.0]})) == pytest.approx([4.0, 8.0])


@pytest.mark.row("R5")
def test_what_a_blend_was_made_of_is_what_the_next_full_training_makes(doing: Loaded, tmp_path: Path) -> None:
    here = changed(doing, tmp_path, LOW, HIGH)
    here.end(0)
    rows = here.loop.retrain.history(day(0).end)
    made = here.loop.retrain.first(rows, until=day(1).end, origin="train/again", because="asked", tags={})
    assert made.version.tags["blend"] == here.versions()[1].tags["blend"]
    assert here.child.trainings == 2 + 2 + 2 + 4


@pytest.mark.row("R5")
def test_without_blends_one_way_wins_alone(doing: Loaded, tmp_path: Path) -> None:
    here = changed(doing, tmp_path, LOW, HIGH)
    retrain = replace(here.loop.retrain, rule=replace(here.loop.retrain.rule, blend=False))
    here.bench = replace(here.bench, loop=replace(here.loop, retrain=retrain))
    here.end(0)
    assert here.versions()[0].tags["trained_by"] in (LOW.name, HIGH.name)


@pytest.mark.row("R5", "R13")
def test_a_blend_cut_off_while_it_is_refitted_trains_no_heat_again(doing: Loaded, tmp_path: Path) -> None:
    here = changed(doing, tmp_path, LOW, HIGH)
    killed_after(here, 2 + 2 + 1)
    (turn,) = here.end(0)
    assert turn.candidate is not None and turn.candidate.number == "1.1.1"
    assert here.child.trainings == 2 + 2 + 1 + 2
    assert [version.number for version in here.versions()] == ["1.1.1", "1.1.0", "1.0.0"]


@pytest.mark.row("R8")
def test_the_run_prints_how_every_way_did_and_which_won(doing: Loaded, tmp_path: Path) -> None:
    here = changed(doing, tmp_path, way("constant"), LOW, HIGH)
    here.end(0)
    with here.bench.store.read() as conn:
        _, notes = runs.get(conn, "points-loop/2024-01-01T00:00Z/2024-01-02T00:00Z")
    lines = [line for line in notes.output.splitlines() if line.startswith("contest: ")]
    assert len(lines) == 4 and lines[2].startswith("contest: all history, does=constant, 80 rows, mean loss ")
    assert lines[3].startswith(f"contest: won by {BOTH}, mean loss ")
    report = Report(model="points", store=here.bench.store, files=here.loop.retrain.files, clock=here.bench.clock, channels={})
    told = report.of("points-loop/2024-01-01T00:00Z/2024-01-02T00:00Z").heats
    assert sorted(heat.rows for heat in told) == [20, 20, 80]
