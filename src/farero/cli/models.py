"""Training and versions: `train`, `versions`, `promote`, `rollback`, `retrain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from farero.cli import output, service, session
from farero.cli.exits import ANSWER_IS_NO

versions_app = typer.Typer(help="The versions of a model.", invoke_without_command=True, no_args_is_help=False)


def train(
    data: Annotated[
        Path | None, typer.Argument(help="CSV or Parquet with the features and the label; default: the prediction log.")
    ] = None,
    time: Annotated[str | None, typer.Option(help="The column that says when each row happened.")] = None,
    until: Annotated[str | None, typer.Option(help="Use nothing later than this time.")] = None,
    promote: Annotated[bool, typer.Option("--promote", help="Put it into production where nothing is in production yet.")] = False,
    because: session.Because = "",
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Train a new candidate version."""
    with session.opened(project, as_json=as_json, tracked=True) as app:
        name = app.only_model(model)
        with output.following(f"Training {name} in a child process on {data or 'the prediction log'}") as told, app.following(told):
            version = app.train(name, data, time=time, until=session.moment(until), because=because)
        if promote:
            version = app.promote(name, version.number, by=session.whoami(), because=because or "the first version")
        if as_json:
            output.emit(version)
            return
        figures = ", ".join(f"{key} {value:.4g}" for key, value in version.metrics.items() if not key.startswith(("loss_", "measured_")))
        output.stdout().print(f"{name} {version.number} is a {version.state} version, trained on {version.trained_rows} rows. {figures}")
        if version.state == "candidate":
            output.stdout().print(f"Put it into production with: farero promote {version.number}")


def register(
    source: Annotated[
        str,
        typer.Argument(
            metavar="PATH|URI",
            help="A .pkl, .joblib, .onnx, .ubj, .json, .txt or .cbm file, a folder that MLflow saved, or models:/… or runs:/… in MLflow.",
        ),
    ],
    trust: Annotated[list[str] | None, typer.Option(help="A name in the file that you vouch for; needs --because.")] = None,
    reference: Annotated[Path | None, typer.Option(help="Labelled rows to measure it on and to compare new ones with.")] = None,
    time: Annotated[str | None, typer.Option(help="The column of --reference that says when each row happened.")] = None,
    because: session.Because = "",
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Bring in a model file made elsewhere, as a candidate version."""
    with session.opened(project, as_json=as_json, tracked=True) as app:
        from farero.app.tracking import is_tracked

        name = app.only_model(model)
        asked = {"by": session.whoami(), "because": because}
        shown = source if is_tracked(source) else Path(source).name
        with output.progress(f"Scanning and trying {shown}") as move:
            move("register", 0.0, shown)
            if is_tracked(source):
                version = app.register_from(name, source, **asked, trusted=tuple(trust or ()), reference=reference, time=time)
            else:
                version = app.register(name, Path(source), **asked, trusted=tuple(trust or ()), reference=reference, time=time)
            move("register", 1.0, version.number)
        if as_json:
            output.emit(version)
            return
        tags = version.tags
        output.stdout().print(f"{name} {version.number} is a {version.state} version: {tags['class']} of {shown}.", markup=False)
        output.stdout().print(f"Scanned: {tags['scan']}. Put it into production with: farero promote {version.number}", markup=False)


@versions_app.callback()
def _versions(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_versions()


@versions_app.command("list")
def list_versions(
    project: session.ProjectOption = session.HERE, model: output.ModelOption = None, as_json: output.JsonOption = False
) -> None:
    """List every version, newest first."""
    with session.opened(project, as_json=as_json) as app:
        name = app.only_model(model)
        found = app.versions(name)
        if as_json:
            output.emit(found)
            return
        metric = app.project(name).metric
        if not found:
            output.stdout().print(f"{name} has no version yet. Train one with: farero train DATA")
            return
        output.table(
            f"Versions of {name}",
            ["version", "state", metric, "rows", "trained until", "made", "because"],
            [[v.number, v.state, v.metrics.get(metric), v.trained_rows, v.trained_until, v.created_at, v.because] for v in found],
            right=[metric, "rows"],
        )


@versions_app.command("show")
def show(
    version: str, project: session.ProjectOption = session.HERE, model: output.ModelOption = None, as_json: output.JsonOption = False
) -> None:
    """Show one version with its files verified and its history: who moved it, when and why."""
    with session.opened(project, as_json=as_json) as app:
        name = app.only_model(model)
        found = app.version(name, version)
        moves = app.moves(name, version)
        engine = app.verify(name, version)
        judged = app.verdict(name, version)
        if as_json:
            document = {"version": found, "moves": moves, "files": "verified", "engine": engine.kind, "engine_detail": engine.detail}
            output.emit({**document, "verdict": judged.verdict if judged else None, "judged_at": judged.at if judged else None})
            return
        rows: list[tuple[str, object]] = [
            ("state", found.state),
            ("files", f"verified, {found.size_bytes} bytes, sha256 {found.digest}"),
            ("engine", f"{engine.kind}: {engine.detail}" if engine.detail else engine.kind),
            ("trained", f"{found.trained_rows} rows until {output.text(found.trained_until)}"),
            ("data fingerprint", found.data_fingerprint),
            ("git commit", found.git_commit),
            ("because", found.because),
        ]
        # What a blend is made of stands in `trained_by`; the parts are there to be read by programs.
        rows += [(f"tag {key}", value) for key, value in sorted(found.tags.items()) if key != "blend"]
        rows += [(f"metric {key}", value) for key, value in found.metrics.items()]
        rows += [(f"library {key}", value) for key, value in found.environment.items()]
        output.table(f"{name} {version}", ["", ""], rows)
        if judged is not None:
            told = f"{'accepted' if judged.verdict.accepted else 'refused'}: {'; '.join(judged.verdict.because)}"
            output.table(f"Verdict of {output.text(judged.at)}, {told}", ["", "", ""], output.checks(judged.verdict.checks))
        output.table("Moves", ["when", "from", "to", "by", "because"], [[m.at, m.source, m.target, m.by, m.because] for m in moves])


@versions_app.command("delete")
def delete(
    version: str,
    because: session.Because,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Delete a version that is not in production. Its history stays, its number is never given again."""
    with session.opened(project, as_json=as_json, tracked=True) as app:
        name = app.only_model(model)
        deleted = app.delete(name, version, by=session.whoami(), because=because)
        output.emit(deleted) if as_json else output.stdout().print(f"{name} {deleted.number} is deleted.")


def promote(
    version: str,
    to: Annotated[str, typer.Option(help="staging or production.")] = "production",
    force: Annotated[bool, typer.Option("--force", help="Promote a rejected version; needs --because.")] = False,
    at_once: Annotated[bool, typer.Option("--at-once", help="Without stages, whatever the project and a freeze want.")] = False,
    because: session.Because = "",
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Move a version to staging or production."""
    with session.opened(project, as_json=as_json, tracked=True) as app:
        name = app.only_model(model)
        moved = app.promote(name, version, to=to, by=session.whoami(), because=because, force=force, at_once=at_once)
        if as_json:
            output.emit(moved)
        else:
            output.stdout().print(f"{name} {moved.number} is in {moved.state}.")
            if to == "production" and moved.state == "staging":
                output.stdout().print("It goes on by stages while a service runs; follow it with: farero rollouts show")


def rollback(
    to: Annotated[str | None, typer.Option(help="The version to go back to; default: the one before.")] = None,
    because: session.Because = "",
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Put the last good version back into production."""
    with session.errors(as_json=as_json):
        moved_by_service = _through_service(project, model, {"to": to, "by": session.whoami(), "because": because})
    if moved_by_service is not None:
        if as_json:
            output.emit(moved_by_service)
        else:
            output.stdout().print(f"{moved_by_service['model']} {moved_by_service['number']} is back in production.")
        return
    with session.opened(project, as_json=as_json, tracked=True) as app:
        name = app.only_model(model)
        moved = app.rollback(name, to=to, by=session.whoami(), because=because)
        if as_json:
            output.emit(moved)
        else:
            output.stdout().print(f"{name} {moved.number} is back in production.")


def _through_service(project: Path, model: str | None, body: dict[str, Any]) -> dict[str, Any] | None:
    """The version that the service put back; None where none runs here, or it refused: then the command says why."""
    url = service.address(project)
    if url is None:
        return None
    models = service.ask(url, "/v1/models")
    names = [one["model"] for one in models or []]
    name = model or (names[0] if len(names) == 1 else None)
    moved: dict[str, Any] | None = service.ask(url, f"/v1/models/{name}/rollback", body) if name in names else None
    return moved


def retrain(
    force: Annotated[bool, typer.Option("--force", help="Train now, whatever the policy says.")] = False,
    because: session.Because = "",
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Take the loop's turn now; with --force train, judge and promote without waiting for a reason."""
    from farero.server.door import in_process

    with session.opened(project, as_json=as_json, tracked=True) as app:
        name = app.only_model(model)
        app.open_door(in_process(app))
        with output.following(f"Renewing {name}") as told, app.following(told):
            turns = [app.retrain(name, because=because or "asked for on the command line")] if force else app.tick()
        mine = [turn for turn in turns if turn.decision.window is not None]
        if as_json:
            output.emit([{"decision": t.decision, "candidate": t.candidate, "verdict": t.verdict, "failed": t.failed} for t in mine])
        elif not mine:
            output.stdout().print("No window has ended since the last turn, so there is nothing to decide.")
        for turn in mine if not as_json else []:
            output.stdout().print(f"{turn.window}: {turn.decision.action}: {'; '.join(turn.decision.because)}", markup=False)
            if turn.candidate is not None and turn.verdict is not None:
                output.stdout().print(f"  {turn.candidate.number}: {turn.candidate.state}: {'; '.join(turn.verdict.because)}", markup=False)
            if turn.failed:
                output.stdout().print(f"  training failed: {turn.failed}", markup=False)
        if any(turn.failed or (turn.verdict is not None and not turn.verdict.accepted) for turn in mine):
            raise typer.Exit(ANSWER_IS_NO)
