"""What is done by itself, when, and how each time went: `jobs`."""

from __future__ import annotations

from typing import Annotated

import typer

from farero.cli import output, session
from farero.cli.exits import ANSWER_IS_NO

jobs_app = typer.Typer(help="What is done by itself, and how it went.", invoke_without_command=True, no_args_is_help=False)


@jobs_app.callback()
def _jobs(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_jobs()


@jobs_app.command("list")
def list_jobs(project: session.ProjectOption = session.HERE, as_json: output.JsonOption = False) -> None:
    """List every job with its last run and its next moment."""
    with session.opened(project, as_json=as_json) as app:
        found = app.jobs()
        if as_json:
            output.emit(found)
            return
        rows = [[job.name, job.model, job.verb, job.words, job.next_at, job.last.status if job.last else None] for job in found]
        output.table("Jobs", ["job", "model", "does", "when", "next", "last run"], rows)


@jobs_app.command("schedules")
def schedules(
    count: Annotated[int, typer.Option(min=1, max=1000, help="So many moments of each schedule.")] = 5,
    project: session.ProjectOption = session.HERE,
    as_json: output.JsonOption = False,
) -> None:
    """Show the next moments of every schedule, in UTC and in its own zone."""
    with session.opened(project, as_json=as_json) as app:
        found = app.schedules(count)
        if as_json:
            output.emit([{"job": job.name, "schedule": job.schedule, "words": job.words, "moments": moments} for job, moments in found])
            return
        if not found:
            output.stdout().print("No job has a schedule. Write schedule in fa.Policy(...), or [[jobs]] in farero.toml.")
            return
        rows = [[job.name, job.words, at, local] for job, moments in found for at, local in moments]
        output.table("Next moments", ["job", "when", "UTC", "local"], rows)


@jobs_app.command("history")
def history(
    job: Annotated[str | None, typer.Option(help="Only runs of this job.")] = None,
    last: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """List runs, newest first."""
    with session.opened(project, as_json=as_json) as app:
        found = app.job_runs(job=job, model=model, last=last)
        if as_json:
            output.emit(found)
            return
        rows = [
            [run.queued_at, run.id, run.status, run.attempt or None, run.finished, run.error or run.result or run.because] for run in found
        ]
        output.table("Runs of jobs", ["queued", "run", "status", "failed tries", "finished", "result / error / because"], rows)


@jobs_app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="RUN", help="The id of a run, or the name of a job for its last run.")],
    project: session.ProjectOption = session.HERE,
    as_json: output.JsonOption = False,
) -> None:
    """Show one run with its steps and its log; exit 1 when it failed."""
    with session.opened(project, as_json=as_json) as app:
        run = app.job_run(name) if "/" in name else app.job(name).last
        if run is None:
            output.emit(None) if as_json else output.stdout().print(f"{name} has not run yet.")
            return
        if as_json:
            output.emit(run)
        else:
            _print(run.id, run.status, run.because, run.executor)
            steps = [[step.name, step.started, step.finished, step.error or step.said] for step in run.steps]
            output.table("Steps", ["step", "started", "finished", "result"], steps)
            output.table("Log", ["at", "what"], [[line.at, line.text] for line in run.log])
        if run.status == "failed":
            raise typer.Exit(ANSWER_IS_NO)


@jobs_app.command("run")
def run(
    name: str,
    because: session.Because = "",
    project: session.ProjectOption = session.HERE,
    as_json: output.JsonOption = False,
) -> None:
    """Queue a run of a job now; the service carries it out."""
    with session.opened(project, as_json=as_json) as app:
        queued = app.run_job(name, by=session.whoami(), because=because)
        if as_json:
            output.emit(queued)
            return
        output.stdout().print(f"{queued.id} is queued. Follow it with: farero jobs show {queued.id}", markup=False)
        if not app.is_kept():
            output.stdout().print("No service runs here now; it is carried out when one does: farero up")


@jobs_app.command("cancel")
def cancel(
    id: Annotated[str, typer.Argument(metavar="RUN", help="The id of a run.")],
    project: session.ProjectOption = session.HERE,
    as_json: output.JsonOption = False,
) -> None:
    """Take a run out of the queue, or stop it while it runs."""
    with session.opened(project, as_json=as_json) as app:
        run = app.cancel_job(id, by=session.whoami())
        if as_json:
            output.emit(run)
        else:
            said = "is cancelled" if run.status == "cancelled" else "will stop at once or with its next step"
            output.stdout().print(f"{run.id} {said}.", markup=False)


def _print(id: str, status: str, because: str, executor: str) -> None:
    output.stdout().print(f"{id}: {status}, {because}", markup=False)
    if executor:
        output.stdout().print(f"Carried out by {executor}.", markup=False)
