"""MLflow beside our own record: `tracking`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from farero.cli import output, session
from farero.cli.exits import ANSWER_IS_NO

if TYPE_CHECKING:
    from farero.core.tracking import TrackingStatus

tracking_app = typer.Typer(help="What MLflow has of runs and versions, and where its aliases point.", invoke_without_command=True)


@tracking_app.callback()
def _tracking(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        status()


@tracking_app.command("status")
def status(project: session.ProjectOption = session.HERE, model: output.ModelOption = None, as_json: output.JsonOption = False) -> None:
    """Show what MLflow has, what still waits and why, and aliases that somebody moved there; exit 1 where it is not in order."""
    with session.opened(project, as_json=as_json) as app:
        found = [app.tracking(name) for name in session.models(app, model)]
        _show(found, as_json=as_json)


@tracking_app.command("reconcile")
def reconcile(project: session.ProjectOption = session.HERE, model: output.ModelOption = None, as_json: output.JsonOption = False) -> None:
    """Tell MLflow now all that waits, and let its aliases point where our record says."""
    with session.opened(project, as_json=as_json) as app:
        found = [app.reconcile(name) for name in session.models(app, model)]
        _show(found, as_json=as_json)


def _show(found: list[TrackingStatus], *, as_json: bool) -> None:
    in_order = all(one.in_order for one in found)
    if as_json:
        output.emit([{"status": one, "in_order": one.in_order, "moved": [a.alias for a in one.aliases if a.moved]} for one in found])
    for one in found if not as_json else []:
        output.stdout().print(f"{one.model} in MLflow at {one.where}: {one.told} told, {len(one.waiting)} waiting.", markup=False)
        if one.error:
            output.stdout().print(f"It does not answer: {one.error}", markup=False)
        if one.waiting:
            rows = [[each.kind, each.key, each.attempts, each.due_at, each.error] for each in one.waiting]
            output.table("Waiting", ["what", "which", "tries", "again at", "because"], rows, right=["tries"])
        for alias in one.aliases:
            there = "a version that Farero did not write" if alias.foreign else alias.there or "nothing"
            told = "as it should" if alias.stands else f"but {alias.wanted or 'nothing'} is in {alias.alias} here"
            by_hand = "; somebody moved it" if alias.moved else ""
            output.stdout().print(f"  {alias.alias} points to {there}, {told}{by_hand}.", markup=False)
    if not in_order:
        raise typer.Exit(ANSWER_IS_NO)
