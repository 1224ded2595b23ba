"""`farero new` and `farero check`: a working project, and everything that is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farero.cli import output, session
from farero.cli.exits import USAGE


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make; must not exist or be empty.")],
    example: Annotated[str, typer.Option(help="bikes, flights, churn or energy.")] = "bikes",
) -> None:
    """Make a working project with its data."""
    with session.errors():
        from farero.project.examples import copy

        made = copy(example, folder)
        output.stdout().print(f"{folder} holds the {made.title} example. Next:")
        output.stdout().print(f"  cd {folder}\n  farero check\n  farero {made.verb} {made.command}", markup=False)


def check(
    project: session.ProjectOption = session.HERE,
    trial: Annotated[bool, typer.Option("--trial/--no-trial", help="Run `train` on a small made-up sample.")] = True,
    as_json: output.JsonOption = False,
) -> None:
    """Find every fault of farero.toml and the project file at once; exit 2 with the list."""
    with session.errors(as_json=as_json):
        from farero.project.load import check as find_faults

        faults = find_faults(project, run_trial=trial)
        if as_json:
            output.emit({"ok": not faults, "faults": faults})
        elif faults:
            output.stderr().print(f"{len(faults)} fault{'s' if len(faults) > 1 else ''} found:")
            for fault in faults:
                output.stderr().print(f"  {fault}", markup=False)
        else:
            output.stdout().print("No fault found" + (", and train works on a made-up sample." if trial else "."))
        if faults:
            raise typer.Exit(USAGE)
