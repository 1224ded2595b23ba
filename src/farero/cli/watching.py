"""What was seen and decided: `monitor`, `decisions`, `incidents`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farero.cli import again, output, session
from farero.cli.exits import ANSWER_IS_NO

if TYPE_CHECKING:
    from farero.core.gate import Verdict
    from farero.core.rollout import Passage, Rollout

incidents_app = typer.Typer(help="What is or was wrong.", invoke_without_command=True, no_args_is_help=False)


def monitor(
    since: Annotated[str | None, typer.Option("--from", help="Only windows that start at this time or later.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only windows that end by this time.")] = None,
    anew: Annotated[bool, typer.Option("--again", help="Count them again for the version in production, and show their sum.")] = False,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Close windows that are due, then show what each looked like; exit 1 when the newest has findings."""
    with session.opened(project, as_json=as_json) as app:
        name = app.only_model(model)
        app.tick()
        first, last = session.moment(since), session.moment(until)
        if anew:
            again.again(app, name, first, last, as_json=as_json)
            return
        seen = [
            o for o in app.observations(name) if (first is None or o.window.start >= first) and (last is None or o.window.end <= last)
        ]  # fmt: skip
        if as_json:
            output.emit(seen)
        else:
            metric = app.project(name).metric
            rows = [
                [o.window.start, o.version, o.rows, o.labelled, o.metrics.get(metric), o.drift.score if o.drift else None,
                 "; ".join(f.because for f in o.findings)]
                for o in seen[-60:]
            ]  # fmt: skip
            columns = ["window", "version", "rows", "labelled", metric, "drift", "findings"]
            output.table(f"Windows of {name}", columns, rows, right=["rows", "labelled", metric, "drift"])
        if seen and seen[-1].findings:
            raise typer.Exit(ANSWER_IS_NO)


def decisions(project: session.ProjectOption = session.HERE, model: output.ModelOption = None, as_json: output.JsonOption = False) -> None:
    """Why it retrained and why not, and why a version on its way went on or back; newest first."""
    with session.opened(project, as_json=as_json) as app:
        name = app.only_model(model)
        found: list[dict[str, Any]] = [
            {"decision": d.decision, "candidate": d.candidate, "verdict": d.verdict} for d in app.decisions(name)
        ]  # fmt: skip
        moves = [_moved(rollout, passage) for rollout in app.rollouts(name) for passage in rollout.history]
        found = sorted([*found, *moves], key=_when, reverse=True)
        if as_json:
            output.emit(found)
            return
        rows = [[_when(one), *_told(one["decision"]), one["candidate"], _reasons(one["verdict"])] for one in found]
        output.table(f"Decisions about {name}", ["at", "action", "because", "candidate", "verdict"], rows)


def _moved(rollout: Rollout, passage: Passage) -> dict[str, Any]:
    """A step of a rollout in the form of a decision."""
    decision = {
        "at": passage.at, "action": passage.action, "because": passage.because, "policy": "rollout",
        "inputs": {"stage": passage.stage, "by": passage.by, "against": rollout.against, "compared": passage.compared},
    }  # fmt: skip
    return {"decision": decision, "candidate": rollout.number, "verdict": None}


def _when(entry: Mapping[str, Any]) -> datetime:
    decision = entry["decision"]
    at: datetime = decision["at"] if isinstance(decision, dict) else decision.at
    return at


def _told(decision: Any) -> tuple[str, str]:
    if isinstance(decision, dict):
        return f"{decision['action']} ({decision['inputs']['stage']})", "; ".join(decision["because"])
    return decision.action, "; ".join(decision.because)


def _reasons(verdict: Verdict | None) -> str | None:
    return "; ".join(verdict.because) if verdict else None


@incidents_app.callback()
def _incidents(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_incidents()


@incidents_app.command("list")
def list_incidents(
    project: session.ProjectOption = session.HERE, model: output.ModelOption = None, as_json: output.JsonOption = False
) -> None:
    """List incidents, newest first."""
    with session.opened(project, as_json=as_json) as app:
        found = app.incidents(model)
        if as_json:
            output.emit(found)
        else:
            rows = [[i.id, i.kind, i.severity, i.opened, i.resolved, i.because] for i in found]
            output.table("Incidents", ["id", "kind", "severity", "opened", "resolved", "because"], rows)


@incidents_app.command("show")
def show(id: str, project: session.ProjectOption = session.HERE, as_json: output.JsonOption = False) -> None:
    """Show one incident with its timeline."""
    with session.opened(project, as_json=as_json) as app:
        incident = app.incident(id)
        if as_json:
            output.emit(incident)
            return
        output.stdout().print(f"{incident.id}: {incident.kind}, {incident.severity}", markup=False)
        output.table("Timeline", ["at", "what", "by", "text"], [[e.at, e.kind, e.by, e.text] for e in incident.timeline])


@incidents_app.command("ack")
def acknowledge(id: str, note: str = "", project: session.ProjectOption = session.HERE, as_json: output.JsonOption = False) -> None:
    """Say that you look after it."""
    with session.opened(project, as_json=as_json) as app:
        incident = app.acknowledge(id, by=session.whoami(), note=note)
        output.emit(incident) if as_json else output.stdout().print(f"{id} is acknowledged by {incident.acknowledged_by}.", markup=False)


@incidents_app.command("note")
def note(id: str, text: str, project: session.ProjectOption = session.HERE, as_json: output.JsonOption = False) -> None:
    """Add a line to its timeline."""
    with session.opened(project, as_json=as_json) as app:
        incident = app.note(id, text, by=session.whoami())
        output.emit(incident) if as_json else output.stdout().print(f"Noted on {incident.id}.", markup=False)


@incidents_app.command("resolve")
def resolve(id: str, note: str = "", project: session.ProjectOption = session.HERE, as_json: output.JsonOption = False) -> None:
    """Close it by hand."""
    with session.opened(project, as_json=as_json) as app:
        incident = app.resolve(id, by=session.whoami(), note=note)
        output.emit(incident) if as_json else output.stdout().print(f"{incident.id} is resolved.", markup=False)


@incidents_app.command("accept")
def accept(id: str, note: str = "", project: session.ProjectOption = session.HERE, as_json: output.JsonOption = False) -> None:
    """Say that this drift is the new normal: what came since is compared with from now on."""
    with session.opened(project, as_json=as_json) as app:
        incident = app.accept(id, by=session.whoami(), note=note)
        output.emit(incident) if as_json else output.stdout().print(f"{incident.id} is resolved: the new normal.", markup=False)
