"""Documents from the record: `versions card`, `versions deployment`, `versions compare`, `versions fairness`, `runs report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farero.cli import output, session
from farero.cli.exits import ANSWER_IS_NO

if TYPE_CHECKING:
    from farero.app.recording import Written

Html = Annotated[Path | None, typer.Option(help="Write a self-contained page here.")]
Markdown = Annotated[Path | None, typer.Option("--md", help="Write Markdown here.")]


def card(
    version: str,
    html: Html = None,
    md: Markdown = None,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Print the model card of a version: data, metrics with intervals, segments, groups, limits, drift, who let it serve."""
    with session.opened(project, as_json=as_json) as app:
        found = app.card(app.only_model(model), version)
        if as_json:
            output.emit({**_fields(found), "limits": found.limits})
        _write(html, md, found, printed=not as_json)


def deployment(
    version: str,
    html: Html = None,
    md: Markdown = None,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Print the deployment document of a version: what serves, how it came to, what watches it, how to take it back."""
    with session.opened(project, as_json=as_json) as app:
        found = app.deployment(app.only_model(model), version)
        if as_json:
            output.emit(found)
        _write(html, md, found, printed=not as_json)


def compare(
    a: str,
    b: str,
    html: Html = None,
    md: Markdown = None,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Show two versions side by side: on rows that neither had learnt from, on known rows, and in what they were made of."""
    with session.opened(project, as_json=as_json) as app:
        found = app.side_by_side(app.only_model(model), a, b)
        if as_json:
            output.emit({**_fields(found.compared), **{name: value for name, value in _fields(found).items() if name != "compared"}})
        _write(html, md, found, printed=not as_json)


def fairness(
    version: str,
    by: Annotated[list[str] | None, typer.Option(help="The feature; may be given several times. Default: those of fa.Fairness.")] = None,
    max_gap: Annotated[float | None, typer.Option(help="How far groups may lie apart; default: that of fa.Fairness.")] = None,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Show how alike a version treats the groups of features; exit 1 where they lie further apart than they may, beyond chance."""
    with session.opened(project, as_json=as_json) as app:
        name = app.only_model(model)
        found, rows = app.fairness(name, version, by)
        limit = app.project(name).max_gap if max_gap is None else max_gap
        beyond = [(of.feature, gap) for of in found for gap in (() if limit is None else of.beyond(limit))]
        if as_json:
            told = [{"feature": feature, "figure": gap.figure, "value": gap.value} for feature, gap in beyond]
            output.emit({"model": name, "version": version, "rows": rows.count, "max_gap": limit, "by": found, "beyond": told})
        for of in found if not as_json else []:
            output.table(
                f"{name} {version} by {of.feature}, on {rows}", ["group", "figure", "value", "low", "high", "rows", ""],
                [[own.name, one.name, one.value, one.low, one.high, one.rows, one.because] for own in of.groups for one in own.figures],
                right=["value", "low", "high", "rows"],
            )  # fmt: skip
            output.table(
                "Gaps", ["gap in", "value", "low", "high", "most", "least"],
                [[gap.figure, gap.value, gap.low, gap.high, gap.most, gap.least] for gap in of.gaps], right=["value", "low", "high"],
            )  # fmt: skip
        for feature, gap in beyond if not as_json else []:
            output.stdout().print(
                f"{feature}: {gap.most} lies above {gap.least} in {gap.figure} by {gap.value:.3g}, more than {limit:g}.", markup=False
            )
        if beyond:
            raise typer.Exit(ANSWER_IS_NO)


def report(
    run: Annotated[str, typer.Argument(help="A run's id, or a part of it that no other has.")],
    html: Html = None,
    md: Markdown = None,
    project: session.ProjectOption = session.HERE,
    as_json: output.JsonOption = False,
) -> None:
    """Print the report of a training run: what started it, what it learnt from, how it was judged, what became of it."""
    with session.opened(project, as_json=as_json) as app:
        found = app.run_report(run)
        if as_json:
            output.emit(found)
        _write(html, md, found, printed=not as_json)


def _write(html: Path | None, md: Path | None, found: Written, *, printed: bool) -> None:
    """To the files that were asked for; to the screen where none was."""
    from farero.app.recording import as_page, as_text

    if html is not None:
        output.write_page(html, as_page(found))
    if md is not None:
        output.write_page(md, as_text(found))
    if html is None and md is None and printed:
        output.stdout().print(as_text(found), markup=False, soft_wrap=True, end="")


def _fields(value: object) -> dict[str, object]:
    from dataclasses import fields

    return {each.name: getattr(value, each.name) for each in fields(value)}  # type: ignore[arg-type]
