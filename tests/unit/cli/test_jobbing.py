from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.cli.conftest import Terminal


@pytest.fixture
def scheduled(terminal: Terminal) -> Terminal:
    text = '[[jobs]]\nname = "tidy"\nverb = "compact"\nschedule = "0 2 * * MON-FRI"\ntimezone = "Europe/Madrid"\n'
    path = Path(terminal.root) / "farero.toml"
    path.write_text(path.read_text() + text)
    return terminal


@pytest.mark.row("R13")
def test_jobs_are_listed_with_their_schedule_in_plain_words(scheduled: Terminal) -> None:
    told = {job["name"]: job["words"] for job in scheduled.json("jobs", "list")}
    assert told == {"points-retrain": "by decision, or by hand", "tidy": "at 02:00 on weekdays Europe/Madrid"}
    (tidy,) = scheduled.json("jobs", "schedules", "--count", "3")
    assert tidy["job"] == "tidy" and len(tidy["moments"]) == 3
    assert "weekdays" in scheduled.run("jobs", "schedules").output


@pytest.mark.row("R13")
def test_a_run_is_queued_shown_cancelled_and_kept_in_the_history(scheduled: Terminal) -> None:
    said = scheduled.run("jobs", "run", "tidy", "--because", "the disk is full").output
    assert "is queued" in said and "farero up" in said
    (run,) = scheduled.json("jobs", "history", "--job", "tidy")
    assert (run["status"], run["because"].partition(": ")[2]) == ("queued", "the disk is full")
    assert scheduled.json("jobs", "show", "tidy")["id"] == run["id"]
    assert "is cancelled" in scheduled.run("jobs", "cancel", run["id"]).output
    assert scheduled.json("jobs", "show", run["id"])["status"] == "cancelled"
    scheduled.run("jobs", "cancel", run["id"], code=4)
    assert "cancelled" in scheduled.run("jobs", "history").output


@pytest.mark.row("R13")
def test_a_forced_retraining_is_in_the_history_with_its_steps(terminal: Terminal) -> None:
    terminal.json("retrain", "--force", "--because", "a new season", code=1)
    run = terminal.json("jobs", "show", "points-retrain")
    assert [step["name"] for step in run["steps"]] == ["train", "judge", "promote", "notify"]
    assert (run["status"], run["because"]) == ("succeeded", "asked for: a new season")


def test_what_does_not_exist_is_named(terminal: Terminal) -> None:
    assert "points-retrain" in terminal.run("jobs", "run", "tidy", code=3).output
    terminal.run("jobs", "show", "tidy/1", code=3)
    assert "has not run yet" in terminal.run("jobs", "show", "points-retrain").output
