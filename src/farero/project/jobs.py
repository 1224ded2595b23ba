"""The jobs of an installation: one a model for retraining, and those of farero.toml; and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from farero.core.job import Job
from farero.core.schedule import parse
from farero.core.schema import Fault
from farero.errors import BadInput
from farero.project.settings import FILE, JobSettings, Settings

if TYPE_CHECKING:
    from farero.project.declare import Project


def declared(settings: Settings, projects: Mapping[str, Project]) -> Mapping[str, Job]:
    """Every job by name, of projects and settings without faults."""
    from farero.core.competition import STEPS  # loads numpy, which a look at the project must not

    made: dict[str, Job] = {}
    for model, project in projects.items():
        policy = project.policy
        made[retraining(model)] = Job(
            name=retraining(model), model=model, verb="retrain", missed=policy.missed,
            schedule=parse(policy.schedule, ZoneInfo(policy.timezone)) if policy.schedule else None,
            # Each way that competes is trained once for the contest, each that won once more, and then there is the contest itself.
            timeout_s=(2 * max(len(policy.candidates), 1 + STEPS) + 1) * settings.train.timeout_s,
        )  # fmt: skip
    for job in settings.jobs:
        made[job.name] = Job(
            name=job.name, model=job.model or next(iter(projects)), verb=job.verb, missed=job.missed, timeout_s=job.timeout_s,
            retries=job.retries, after=names(job.after), schedule=parse(job.schedule, ZoneInfo(job.timezone)) if job.schedule else None,
        )  # fmt: skip
    return made


def retraining(model: str) -> str:
    """The name of a model's own job."""
    return f"{model}-retrain"


def names(text: str) -> tuple[str, ...]:
    """The names of a list with commas."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def time_faults(schedule: object, timezone: object) -> list[tuple[str, str, str]]:
    """What is wrong with a schedule and its zone: (key, code, message)."""
    found = []
    zone = None
    try:
        zone = ZoneInfo(str(timezone))
    except (KeyError, ValueError, OSError):
        message = f'there is no time zone {timezone!r}; write a name such as "Europe/Madrid" or "UTC"'
        found.append(("timezone", "not-a-zone", message))
    if not isinstance(schedule, str):
        found.append(("schedule", "wrong-type", f'must be text, not {schedule!r}; write it like "0 2 * * *"'))
    elif schedule:
        try:
            parse(schedule, zone or ZoneInfo("UTC"))
        except BadInput as wrong:
            found.append(("schedule", "not-a-schedule", str(wrong)))
    return found


def own_faults(jobs: Sequence[JobSettings]) -> list[tuple[int, str, str, str]]:
    """What is wrong with the jobs of farero.toml taken by themselves: (which, key, code, message)."""
    found = []
    for index, job in enumerate(jobs):
        if any(job.name == other.name for other in jobs[:index]):
            found.append((index, "name", "twice", f"another job is called {job.name!r}; give it a name of its own"))
        if job.schedule and job.after:
            found.append((index, "after", "twice", "a job has a schedule or comes after others; keep one of them"))
        found += [(index, *fault) for fault in time_faults(job.schedule, job.timezone)]
    return found


def faults(settings: Settings, projects: Mapping[str, Project]) -> list[Fault]:
    """What is wrong with the jobs of farero.toml beside the projects and each other."""
    found: list[Fault] = []
    known = {**{retraining(model): "" for model in projects}, **{job.name: job.after for job in settings.jobs}}

    def add(job: JobSettings, key: str, code: str, message: str) -> None:
        found.append(Fault(path=f"{FILE} jobs.{job.name}.{key}", code=code, message=message))

    for job in settings.jobs:
        if job.model not in ("", *projects) or (not job.model and len(projects) > 1):
            said = f"there is no model {job.model!r}" if job.model else "must be there, since there are several models"
            add(job, "model", "not-one-of", f"{said}; there are: {', '.join(projects)}")
        if job.name in {retraining(model) for model in projects}:
            add(job, "name", "twice", f"{job.name} is the model's own job; its schedule is in fa.Policy(schedule=…)")
        for name in names(job.after):
            if name not in known:
                near = get_close_matches(name, [*known], n=1)
                remedy = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
                add(job, "after", "not-one-of", f"there is no job {name!r}; {remedy}")
        if _leads_back(job.name, known):
            add(job, "after", "circle", "waits for itself by way of the jobs that it comes after")
    return found


def _leads_back(name: str, after: Mapping[str, str]) -> bool:
    """Whether what a job comes after comes after it."""
    seen: set[str] = set()
    ahead = [*names(after.get(name, ""))]
    while ahead:
        step = ahead.pop()
        if step == name:
            return True
        if step not in seen:
            seen.add(step)
            ahead += names(after.get(step, ""))
    return False
