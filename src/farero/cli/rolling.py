"""Versions on their way to production: `rollouts`, `approve`, `refuse`, `freeze`, `unfreeze`, and `endpoints readout`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from farero.cli import output, session
from farero.cli.exits import ANSWER_IS_NO

if TYPE_CHECKING:
    from farero.core.intervals import Interval
    from farero.core.rollout import Rollout

Who = Annotated[str | None, typer.Option("--as", help="Who says so; default: the user of this machine.")]
Role = Annotated[str, typer.Option("--role", help="In which role, as the project declares it.")]

rollouts_app = typer.Typer(help="Versions on their way to production.", invoke_without_command=True, no_args_is_help=False)


@rollouts_app.callback()
def _rollouts(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_rollouts()


@rollouts_app.command("list")
def list_rollouts(
    project: session.ProjectOption = session.HERE, model: output.ModelOption = None, as_json: output.JsonOption = False
) -> None:
    """List rollouts, newest first."""
    with session.opened(project, as_json=as_json) as app:
        found = app.rollouts(model)
        if as_json:
            output.emit(found)
            return
        output.table(
            "Rollouts",
            ["id", "model", "version", "against", "status", "stage", "started", "finished", "last"],
            [
                [r.id, r.model, r.number, r.against, r.status, str(r.stage), r.started, r.finished, "; ".join(r.history[-1].because)]
                for r in found
            ],
            right=["id"],
        )


@rollouts_app.command("show")
def show(
    id: Annotated[int | None, typer.Argument(help="Its id; default: the newest.")] = None,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Show one rollout: every stage, why it was left, and what was compared."""
    with session.opened(project, as_json=as_json) as app:
        name = app.only_model(model)
        found = app.rollout(name, id)
        said = app.approvals(name, found.number)
        if as_json:
            output.emit({"rollout": found, "approvals": said})
            return
        _print(found)
        if said:
            rows = [[one.at, one.by, one.role, "approved" if one.approved else "refused", one.because] for one in said]
            output.table("What people said", ["when", "who", "role", "", "because"], rows)


@rollouts_app.command("stop")
def stop(
    because: session.Because,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """End the open rollout: production answers everything again, the version stays in staging."""
    with session.opened(project, as_json=as_json) as app:
        name = app.only_model(model)
        stopped = app.stop_rollout(name, by=session.whoami(), because=because)
        output.emit(stopped) if as_json else output.stdout().print(f"The rollout of {name} {stopped.number} is stopped.")


def approve(
    version: str,
    role: Role = "",
    who: Who = None,
    because: session.Because = "",
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Say that a version may serve. The name is taken as given: people are not signed in yet."""
    _say(version, role, who, because, project, model, approved=True, as_json=as_json)


def refuse(
    version: str,
    because: session.Because,
    role: Role = "",
    who: Who = None,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Say that a version may not serve: if it is on its way, it is rejected."""
    _say(version, role, who, because, project, model, approved=False, as_json=as_json)


def freeze(
    because: session.Because = "",
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Let nothing move into production by itself from now on."""
    with session.opened(project, as_json=as_json) as app:
        frozen = [app.freeze(name, by=session.whoami(), because=because) for name in session.models(app, model)]
        if as_json:
            output.emit(frozen)
            return
        for one in frozen:
            output.stdout().print(f"{one.model} is frozen: {one}", markup=False)


def unfreeze(project: session.ProjectOption = session.HERE, model: output.ModelOption = None, as_json: output.JsonOption = False) -> None:
    """Let versions move again."""
    with session.opened(project, as_json=as_json) as app:
        lifted = {name: app.unfreeze(name, by=session.whoami()) for name in session.models(app, model)}
        if as_json:
            output.emit([one for one in lifted.values() if one is not None])
            return
        for name, one in lifted.items():
            output.stdout().print(f"{name} was not frozen." if one is None else f"{name} moves again; it was frozen: {one}", markup=False)


def readout(
    name: Annotated[str, typer.Argument(help="The endpoint; a model's own has the model's name.")],
    smallest: Annotated[float | None, typer.Option(help="The difference of losses that would matter, in the metric's unit.")] = None,
    promote_winner: Annotated[bool, typer.Option("--promote-winner", help="Let the winner serve alone; exit 1 if there is none.")] = False,
    because: session.Because = "",
    project: session.ProjectOption = session.HERE,
    as_json: output.JsonOption = False,
) -> None:
    """Say which version behind an endpoint is better, how sure that is, and how many rows it still takes."""
    with session.opened(project, as_json=as_json) as app:
        found = app.readout(name, smallest=smallest)
        if as_json:
            output.emit(found)
        else:
            output.table(
                f"Behind {name}: {found.metric} of a row, less is better",
                ["version", "name", "share %", "requests", "labelled", "loss", "95 % interval"],
                [[a.version, a.name, a.share, a.rows, a.labelled, a.loss, _told(a.interval)] for a in found.arms],
                right=["share %", "requests", "labelled", "loss"],
            )
            for pair in found.pairs:
                chance = (
                    "" if pair.chance_better is None else f" {pair.new} is better with probability {pair.chance_better:.1%} (one look)."
                )
                output.stdout().print(f"{pair.new} beside {pair.old}: {pair.because}.{chance}", markup=False)
        if not promote_winner:
            return
        if found.winner is None:
            if not as_json:
                output.stdout().print("No version is better beyond doubt; nothing was moved.")
            raise typer.Exit(ANSWER_IS_NO)
        moved = app.promote_winner(name, by=session.whoami(), because=because)
        if not as_json:
            output.stdout().print(f"{moved.model} {moved.number} is in {moved.state}, and answers everything behind {name}.")


def _say(
    version: str, role: str, who: str | None, because: str, project: session.ProjectOption, model: str | None, *, approved: bool,
    as_json: bool,
) -> None:  # fmt: skip
    with session.opened(project, as_json=as_json) as app:
        name = app.only_model(model)
        said = app.approve(name, version, by=who or session.whoami(), role=role, approved=approved, because=because)
        if as_json:
            output.emit(said)
            return
        output.stdout().print(f"{said.by} {'approved' if approved else 'refused'} {name} {version}.", markup=False)


def _print(found: Rollout) -> None:
    output.table(
        f"Rollout {found.id}: {found.model} {found.number} against {found.against}: {found.status}",
        ["when", "stage", "what", "by", "because"],
        [[line.at, line.stage, line.action, line.by, "; ".join(line.because)] for line in found.history],
    )
    last = next((line for line in reversed(found.history) if line.compared), None)
    if last is not None:
        output.table(
            f"What was compared until {last.at:%Y-%m-%d %H:%M}",
            ["", "canary", "production", "requests", "evidence", "limit"],
            [[c.kind, c.new, c.old, f"{c.rows[0]} / {c.rows[1]}", c.log_evidence, c.limit] for c in last.compared],
            right=["canary", "production", "evidence", "limit"],
        )


def _told(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.low:.4g} to {interval.high:.4g}"
