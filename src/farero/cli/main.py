"""`farero`: the list of commands. Each command's module is imported when it runs, so that `--help` stays quick."""

from __future__ import annotations

import typer

from farero.cli import drifting, explaining, models, performing, projects, replaying, serving, tuning, watching

app = typer.Typer(
    name="farero", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False,
    help="Keeps machine-learning models working in production.", context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


def _version(wanted: bool) -> None:
    if wanted:
        from farero import __version__

        typer.echo(f"farero {__version__}")
        raise typer.Exit


@app.callback()
def _root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and stop.")) -> None:
    pass


app.command("new")(projects.new)
app.command("check")(projects.check)
app.command("demo")(replaying.demo)
app.command("up")(serving.up)
app.command("train")(models.train)
app.command("register")(models.register)
app.add_typer(models.versions_app, name="versions")
app.command("promote")(models.promote)
app.command("rollback")(models.rollback)
app.command("retrain")(models.retrain)
app.command("runs")(models.runs)
app.command("predict")(serving.predict)
app.command("label")(serving.label)
app.command("monitor")(watching.monitor)
app.command("performance")(performing.performance)
app.command("estimate")(explaining.estimate)
app.command("explain-drop")(explaining.explain_drop)
app.command("drift")(drifting.drift)
app.command("decisions")(watching.decisions)
app.add_typer(watching.incidents_app, name="incidents")
app.command("replay")(replaying.replay)
app.command("tune")(tuning.tune)


def run() -> None:
    """The console script."""
    app()
