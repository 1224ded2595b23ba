"""`farero`: the list of commands. Each command's module is imported when it runs, so that `--help` stays quick."""

from __future__ import annotations

import typer

from farero.cli import (
    demo,
    drifting,
    explaining,
    jobbing,
    judging,
    models,
    performing,
    projects,
    promising,
    recording,
    replaying,
    rolling,
    routing,
    serving,
    tracking,
    tuning,
    watching,
)

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
app.command("demo")(demo.demo)
app.command("up")(serving.up)
app.command("train")(models.train)
app.command("register")(models.register)
models.versions_app.command("check")(judging.check)
models.versions_app.command("compare")(recording.compare)
models.versions_app.command("card")(recording.card)
models.versions_app.command("deployment")(recording.deployment)
models.versions_app.command("fairness")(recording.fairness)
app.add_typer(models.versions_app, name="versions")
app.command("promote")(models.promote)
app.command("rollback")(models.rollback)
routing.endpoints_app.command("readout")(rolling.readout)
app.add_typer(routing.endpoints_app, name="endpoints")
app.add_typer(rolling.rollouts_app, name="rollouts")
app.command("approve")(rolling.approve)
app.command("refuse")(rolling.refuse)
app.command("freeze")(rolling.freeze)
app.command("unfreeze")(rolling.unfreeze)
app.command("retrain")(models.retrain)
judging.runs_app.command("report")(recording.report)
app.add_typer(judging.runs_app, name="runs")
app.add_typer(jobbing.jobs_app, name="jobs")
app.command("predict")(serving.predict)
app.command("label")(serving.label)
app.command("monitor")(watching.monitor)
app.command("performance")(performing.performance)
app.command("estimate")(explaining.estimate)
app.command("explain-drop")(explaining.explain_drop)
app.command("drift")(drifting.drift)
app.command("slo")(promising.slo)
app.command("decisions")(watching.decisions)
app.add_typer(watching.incidents_app, name="incidents")
app.add_typer(tracking.tracking_app, name="tracking")
app.command("replay")(replaying.replay)
app.command("tune")(tuning.tune)


def run() -> None:
    """The console script."""
    app()
