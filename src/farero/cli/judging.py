"""A close look: `versions check`, which compares a version with a stored baseline, and `runs`, which shows what trainings did."""

from __future__ import annotations

from typing import Annotated

import typer

from farero.cli import output, session
from farero.cli.exits import ANSWER_IS_NO

runs_app = typer.Typer(help="Training runs.", invoke_without_command=True, no_args_is_help=False)


def check(
    version: str,
    against: Annotated[str | None, typer.Option(help="The version whose stored rows are the baseline; default: production.")] = None,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Check that a version still does what it did, and is no worse than a stored baseline; exit 1 when it is."""
    with session.opened(project, as_json=as_json) as app:
        found = app.check_version(app.only_model(model), version, against=against)
        if as_json:
            output.emit(found)
        else:
            title = f"{found.model} {found.version} beside {'its own baseline' if found.against == found.version else found.against}"
            output.table(title, ["", "check", "because"], output.checks(found.checks))
        if not found.passed:
            raise typer.Exit(ANSWER_IS_NO)


@runs_app.callback()
def runs(
    context: typer.Context,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """List training runs, newest first."""
    if context.invoked_subcommand is not None:
        return
    with session.opened(project, as_json=as_json) as app:
        found = app.runs(model)
        if as_json:
            output.emit(found)
        else:
            rows = [[r.id, r.started, r.kind, r.status, r.version, r.error or r.because] for r in found]
            output.table("Training runs", ["run", "started", "kind", "status", "version", "because / error"], rows)


@runs_app.command("show")
def show(
    id: Annotated[str, typer.Argument(help="The run, or a part of its name that no other has.")],
    project: session.ProjectOption = session.HERE,
    as_json: output.JsonOption = False,
) -> None:
    """Show one training run: its steps, how it ended, and the end of what it printed."""
    with session.opened(project, as_json=as_json) as app:
        run, notes = app.run(id)
        if as_json:
            output.emit({"run": run, "steps": notes.steps, "output": notes.output, "output_left_out": notes.left_out})
            return
        rows = [("model", run.model), ("kind", run.kind), ("status", run.status), ("version", run.version), ("because", run.because)]
        output.table(run.id, ["", ""], [*rows, ("started", run.started), ("finished", run.finished), ("error", run.error)])
        steps = [[step.name, step.started, None if step.finished is None else (step.finished - step.started).total_seconds()]
                 for step in notes.steps]  # fmt: skip
        output.table("Steps", ["step", "started", "took s"], steps, right=["took s"])
        if notes.output:
            more = f" ({notes.left_out} characters before it were not kept)" if notes.left_out else ""
            output.stdout().print(f"What it printed{more}:")
            output.stdout().print(notes.output, markup=False, end="")
