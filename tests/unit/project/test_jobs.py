from __future__ import annotations

import pytest
from tests.standin import bikes, late

import farero as fa
from farero.project import faults as project_faults
from farero.project.config import parse
from farero.project.declare import Project
from farero.project.jobs import declared, faults, names, retraining, time_faults
from farero.project.settings import Settings

PROJECTS = {"bikes": bikes(), "flights": late()}


def settings(text: str = "") -> Settings:
    found, wrong = parse('project = "project.py:project"\n' + text)
    assert found is not None, wrong
    return found


def wrong(text: str) -> list[str]:
    return [f"{fault.path}: {fault.message}" for fault in parse('project = "project.py:project"\n' + text)[1]]


@pytest.mark.row("R13")
def test_every_model_has_a_job_of_its_own_with_the_schedule_of_its_policy() -> None:
    nightly = Project(
        model="bikes", features=bikes().features, train=bikes().train, label=bikes().label,
        policy=fa.Policy(schedule="0 2 * * *", timezone="Europe/Madrid", missed="skip"),
    )  # fmt: skip
    made = declared(settings(), {"bikes": nightly, "flights": late()})
    assert sorted(made) == ["bikes-retrain", "flights-retrain"]
    own = made[retraining("bikes")]
    assert (own.model, own.verb, str(own.schedule), own.missed) == ("bikes", "retrain", "0 2 * * * Europe/Madrid", "skip")
    assert made["flights-retrain"].schedule is None


@pytest.mark.row("R13")
def test_farero_toml_adds_jobs_with_schedules_and_jobs_that_follow_others() -> None:
    text = """
[[jobs]]
name = "weekly"
model = "bikes"
schedule = "0 0 3 ? * SUN"
timeout_s = 60
retries = 1
[[jobs]]
name = "tidy"
model = "bikes"
verb = "compact"
after = "weekly, bikes-retrain"
"""
    found = settings(text)
    assert faults(found, PROJECTS) == []
    made = declared(found, PROJECTS)
    assert (made["weekly"].timeout_s, made["weekly"].retries, made["weekly"].verb) == (60.0, 1, "retrain")
    assert (made["tidy"].verb, made["tidy"].after) == ("compact", ("weekly", "bikes-retrain"))


@pytest.mark.row("R13")
def test_a_schedule_that_cannot_be_read_is_a_fault_with_its_line_and_its_position() -> None:
    text = '[[jobs]]\nname = "a"\nschedule = "0 25 * * *"\ntimezone = "Europe/Madird"\n'
    zone, schedule = wrong(text)
    assert zone.startswith("farero.toml:5 jobs[0].timezone: there is no time zone 'Europe/Madird'")
    assert schedule.startswith("farero.toml:4 jobs[0].schedule: The hour '25' at position 3 of '0 25 * * *' is wrong")


def test_jobs_that_contradict_themselves_or_each_other_are_faults() -> None:
    twice = '[[jobs]]\nname = "a"\nschedule = "@daily"\nafter = "b"\n[[jobs]]\nname = "a"\n'
    assert wrong(twice) == [
        "farero.toml:5 jobs[0].after: a job has a schedule or comes after others; keep one of them",
        "farero.toml:7 jobs[1].name: another job is called 'a'; give it a name of its own",
    ]
    assert wrong("[jobs]\na = 1\n") == ["farero.toml:2 jobs: must be a list of tables; head each of them with [[jobs]]"]
    circle = '[[jobs]]\nname = "a"\nmodel = "bikes"\nafter = "b"\n[[jobs]]\nname = "b"\nmodel = "bikes"\nafter = "a, bikes-retrian"\n'
    assert [(fault.path, fault.code) for fault in faults(settings(circle), PROJECTS)] == [
        ("farero.toml jobs.a.after", "circle"), ("farero.toml jobs.b.after", "not-one-of"), ("farero.toml jobs.b.after", "circle"),
    ]  # fmt: skip
    lost = '[[jobs]]\nname = "bikes-retrain"\n[[jobs]]\nname = "x"\nmodel = "boats"\n'
    assert [fault.message for fault in faults(settings(lost), PROJECTS)] == [
        "must be there, since there are several models; there are: bikes, flights",
        "bikes-retrain is the model's own job; its schedule is in fa.Policy(schedule=…)",
        "there is no model 'boats'; there are: bikes, flights",
    ]


def test_the_schedule_of_a_policy_is_checked_with_the_project(tmp_path_factory: pytest.TempPathFactory) -> None:
    policy = fa.Policy(schedule="0 2 * *", timezone="Mars", missed="never")  # type: ignore[arg-type]
    made = Project(model="bikes", features=bikes().features, train=bikes().train, label=bikes().label, policy=policy)
    codes = [fault.code for fault in project_faults.find(made, tmp_path_factory.getbasetemp())]
    assert [code for code in codes if code in ("not-a-zone", "not-a-schedule", "not-one-of")] == [
        "not-a-zone",
        "not-a-schedule",
        "not-one-of",
    ]
    assert time_faults(7, "UTC")[0][1] == "wrong-type"


def test_names_are_read_with_commas_and_each_counts_once() -> None:
    assert names(" a, b ,,a ") == ("a", "b")
