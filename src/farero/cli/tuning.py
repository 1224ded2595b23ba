"""`farero tune` and `farero replay --monitors-only`: ways to watch, put side by side on recorded windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farero.cli import output, session
from farero.cli.exits import ANSWER_IS_NO
from farero.errors import BadInput

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from farero.app import App
    from farero.core.advice import Advice
    from farero.core.tuning import Judged, Tuned


def tune(
    data: Annotated[
        Path | None, typer.Argument(help="CSV or Parquet with a time column and the features; default: the windows that are stored.")
    ] = None,
    budget: Annotated[str, typer.Option(help="False alarms that you accept: 1 per year, 2 per month, 1 per 5 years …")] = "1 per year",
    time: Annotated[str | None, typer.Option(help="The column of DATA that says when each row happened.")] = None,
    label: Annotated[str | None, typer.Option(help="The label's column, where there is no project to say it.")] = None,
    window: Annotated[str | None, typer.Option(help="1d, 12h, 1w, 1000 rows …; default: the project's.")] = None,
    train_until: Annotated[str, typer.Option(help="A time, or a share of the rows, until which DATA is taken as normal.")] = "0.25",
    since: Annotated[str | None, typer.Option("--from", help="Only stored windows that start at this time or later.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only stored windows that end by this time.")] = None,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Which way to watch sees changes soonest within a budget of false alarms; exit 1 when none is sure to keep it."""
    with session.errors(as_json=as_json):
        from farero.core.advice import advise, judged_dict, parse_budget, to_dict

        try:
            accepted = parse_budget(budget)
        except ValueError as fault:
            raise BadInput(str(fault)) from None
    with _opened(project, data, time, label, as_json=as_json) as (app, _):
        name = app.only_model(model)
        tuned = measured(app, name, data, time=time, window=window, train_until=train_until, since=since, until=until)
        advice = advise(tuned, accepted)
        if as_json:
            chosen = None if advice.chosen is None else judged_dict(advice.chosen)
            said = {"budget_a_year": accepted, "recommended": chosen, "because": list(advice.because)}
            output.emit({"model": name, **said, **to_dict(tuned, _size(app, name, window))})
        else:
            show(tuned, name, _size(app, name, window))
            _tell(advice)
        if advice.chosen is None:
            raise typer.Exit(ANSWER_IS_NO)


def replay_monitors(
    data: Path | None, *, time: str | None, label: str | None, window: str | None, train_until: str, project: Path, model: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """What `farero replay --monitors-only` does."""
    with _opened(project, data, time, label, as_json=as_json) as (app, _):
        from farero.core.advice import to_dict

        name = app.only_model(model)
        tuned = measured(app, name, data, time=time, window=window, train_until=train_until)
        if as_json:
            output.emit({"model": name, **to_dict(tuned, _size(app, name, window))})
        else:
            show(tuned, name, _size(app, name, window))


def measured(
    app: App, name: str, data: Path | None, *, time: str | None, window: str | None, train_until: str, since: str | None = None,
    until: str | None = None,
) -> Tuned:  # fmt: skip
    """Every way to watch on the same windows, with a bar while it lasts."""
    size = session.window(window)
    with output.progress(f"Watching {data.name if data else 'the stored windows'} in many ways at once") as move:
        return app.monitors(
            name, data=data, time=time or "", window=size, train_until=train_until, start=session.moment(since), end=session.moment(until),
            progress=lambda share, words: move("monitors", share, words),
        )  # fmt: skip


def show(tuned: Tuned, name: str, window: str) -> None:
    """The table."""
    from farero.core.advice import rate

    changes = list(tuned.into)
    columns = ["way to watch", "alarms", "false a year", "at most", *changes]
    rows = [[one.watching.name, one.alarms, rate(one.false_a_year), rate(one.at_most), *_delays(one, changes)] for one in tuned.judged]
    title = f"{name}: {tuned.windows} windows of {window}; alarms on them, false alarms a year, and windows until a change is seen"
    output.table(title, columns, rows, right=columns[1:])
    into = "; ".join(f"{change}: {', '.join(names)}" for change, names in tuned.into.items())
    output.stdout().print(
        f"False alarms: on {tuned.normal} windows taken as normal (at most: with 95 % confidence), detectors on {tuned.years} simulated "
        f"years of them. Changes were put into {into}.",
        markup=False,
    )  # fmt: skip


def _tell(advice: Advice) -> None:
    say = output.stdout()
    for reason in advice.because:
        say.print(f"  {reason}", markup=False)
    if advice.chosen is not None:
        say.print(f"Recommended: {advice.chosen.watching.name}. In the project file:", markup=False)
        say.print(f"  monitors=[{advice.chosen.watching.line}, …]", markup=False)


def _delays(one: Judged, changes: list[str]) -> list[str]:
    return ["> 60" if one.delays[change].median is None else str(one.delays[change].median) for change in changes]


def _size(app: App, name: str, window: str | None) -> str:
    return str(session.window(window) or app.project(name).window)


def _opened(
    project: Path, data: Path | None, time: str | None, label: str | None, *, as_json: bool
) -> AbstractContextManager[tuple[App, bool]]:
    """The project's App, or one inferred from the data where there is no project."""
    with session.errors(as_json=as_json):
        if data is not None and time is None:
            raise BadInput(f"Which column of {data.name} is the time?", hint="Name it with --time.")
    return session.opened_for_replay(project, data or Path(), time=time or "", label=label if data is not None else None, as_json=as_json)
