from __future__ import annotations

from pathlib import Path

import pytest
from tests.benches import DAY, T0, make_project, write_csv

from farero.adapters.inline_child import InlineChild
from farero.adapters.manual_clock import ManualClock
from farero.app import App
from farero.errors import IllegalMove, NotFound, VersionNotFound
from farero.wiring import open_app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    """An installation with candidates 1.0.0, which has learnt y = 2x, and 1.1.0, which learnt from three rows."""
    folder = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("farero.wiring.ChildProcess", lambda *options, **named: InlineChild())
        opened = open_app(make_project(folder / "points"), clock=ManualClock(T0))
    data = write_csv(folder / "past.csv", days=5, first=T0 - 5 * DAY)
    few = folder / "few.csv"
    few.write_text("\n".join(data.read_text().splitlines()[:4]) + "\n")
    heard: list[str] = []
    with opened.following(heard.append):
        opened.train("points", data, time="ts", until=None, because="the first")
    assert heard == ["rehearse", "train", "store"]
    opened.train("points", few, time="ts", until=None, because="three rows")
    return opened


@pytest.mark.row("R2")
def test_a_first_version_that_is_no_good_goes_to_production_by_force_only(app: App) -> None:
    with pytest.raises(IllegalMove, match="it learnt from 3 rows") as caught:
        app.promote("points", "1.1.0", by="ana", because="why not")
    assert "mae was not measured, at most 50 is asked for" in caught.value.message and "--force" in str(caught.value)
    assert app.version("points", "1.1.0").state == "candidate"
    judged = app.verdict("points", "1.1.0")
    assert judged is not None and (judged.at, judged.verdict.accepted) == (T0, False)
    assert app.promote("points", "1.0.0", by="ana", because="good").state == "production"
    good = app.verdict("points", "1.0.0")
    assert good is not None and good.verdict.because == ("there is no version in production to beat",)


@pytest.mark.row("R10")
def test_a_version_is_checked_beside_production_or_the_one_named(app: App) -> None:
    assert app.check_version("points", "1.0.0", against="1.0.0").passed
    found = app.check_version("points", "1.0.0", against="1.1.0")
    assert next(check for check in found.checks if check.name == "baseline").because == "no labelled rows are stored with 1.1.0"
    with pytest.raises(VersionNotFound):
        app.check_version("points", "1.0.0", against="2.0.0")


def test_a_run_is_found_by_a_part_of_its_name(app: App) -> None:
    of_three_rows = next(run for run in app.runs("points") if run.version == "1.1.0")
    run, notes = app.run(of_three_rows.id[-6:])
    assert run == of_three_rows and [step.name for step in notes.steps] == ["train", "store"]
    with pytest.raises(NotFound):
        app.run("nothing")


def test_a_version_that_nobody_judged_has_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farero.wiring.ChildProcess", lambda *options, **named: InlineChild())
    fresh = open_app(make_project(tmp_path / "points"), clock=ManualClock(T0))
    with pytest.raises(VersionNotFound):
        fresh.verdict("points", "1.0.0")
    fresh.close()
