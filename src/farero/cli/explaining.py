"""What nobody measured yet, and why it fell: `estimate`, `explain-drop`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farero.cli import output, session

if TYPE_CHECKING:
    from farero.core.estimated import EstimateReport
    from farero.core.explained import DropReport, Part

_MOST_WINDOWS = 60
_MOST_SEGMENTS = 8


def estimate(
    since: Annotated[str | None, typer.Option("--from", help="Only predictions from this time on; else the newest 60 windows.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only predictions before this time.")] = None,
    version: Annotated[str | None, typer.Option(help="Only what this version answered.")] = None,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Performance by window before labels come, and how earlier estimates turned out."""
    with session.opened(project, as_json=as_json) as app:
        name = app.only_model(model)
        report = app.estimate(name, start=session.moment(since), end=session.moment(until), version=version)
        if as_json:
            output.emit(report)
        else:
            _show_estimates(report)


def explain_drop(
    since: Annotated[
        str | None, typer.Option("--from", help="Explain predictions from this time on; else the newest 1,000 labels.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Explain predictions before this time.")] = None,
    against: Annotated[
        tuple[str, str] | None, typer.Option(metavar="FROM TO", help="Beside this span, not beside the rows that judged the version.")
    ] = None,
    by: Annotated[list[str] | None, typer.Option(help="Look for segments in this feature; may be repeated. Default: all.")] = None,
    version: Annotated[str | None, typer.Option(help="What this version answered; else the one that answered most.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a self-contained report here.")] = None,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Why performance fell: other inputs or another relation, which features, and where."""
    with session.opened(project, as_json=as_json) as app:
        name = app.only_model(model)
        first, last = (session.moment(text) for text in against or (None, None))
        report = app.explain_drop(
            name, start=session.moment(since), end=session.moment(until), by=by or (), version=version,
            against=None if first is None or last is None else (first, last),
        )  # fmt: skip
        if html is not None:
            from farero.app.explaining import drop_page

            output.write_page(html, drop_page(report))
        if as_json:
            output.emit(report)
        else:
            _show_drop(report)


def _show_estimates(report: EstimateReport) -> None:
    metric = report.metric
    rows = []
    for one in report.windows[-_MOST_WINDOWS:]:
        estimated, realized = one.estimated.get(metric), one.realized.get(metric)
        missed = None if estimated is None or realized is None else realized - estimated.value
        between = None if estimated is None else f"{estimated.low:.4g} to {estimated.high:.4g}"
        rows.append(
            [one.start, one.version, one.rows, None if estimated is None else estimated.value, between, round(one.effective_rows),
             one.labelled, realized, missed]
        )  # fmt: skip
    columns = ["window", "version", "rows", f"estimated {metric}", "95 %", "rests on", "labelled", "realized", "missed by"]
    output.table(f"Estimated {metric} of {report.model}", columns, rows, right=["rows", *columns[3:]])
    say = output.stdout().print
    for basis in report.versions:
        if basis.judged:
            crossed = basis.cross_fitted.get(metric)
            told = f"; the estimates of five stretches of them missed by {crossed:.4g}" if crossed is not None else ""
            judged = basis.judged.get(metric)
            figure = "" if judged is None else f", {metric} {judged:.4g}"
            say(f"{basis.version} was judged by {basis.judged_rows:,} rows{figure}{told}.", markup=False)
        if basis.note:
            say(f"{basis.version}: {basis.note}.", markup=False)
    if report.backtest is None:
        say("No window has enough labels yet to tell how estimates turn out.", markup=False)
    else:
        found = report.backtest
        say(
            f"Estimates of {found.windows} windows with labels: realized minus estimated {found.bias:+.4g} on average, {found.rms:.4g} "
            f"root mean square ({found.rms_unchanged:.4g} had one assumed that nothing changed); {found.inside:.0%} inside the interval.",
            markup=False,
        )
    for note in report.notes:
        say(note, markup=False)
    say(report.caveat, markup=False)


def _show_drop(report: DropReport) -> None:
    found, loss = report.explanation, report.loss_name
    rows: list[list[object]] = [
        ["change", *_cells(found.total)],
        ["  other inputs", *_cells(found.inputs)],
        ["    the reference holds them too", *_cells(found.known_inputs)],
        ["    the reference hardly holds them", *_cells(found.new_inputs)],
        *([f"    with {one.feature}", *_cells(one.part)] for one in found.features),
        ["  another relation between inputs and label", *_cells(found.relation)],
    ]
    if found.features:
        rows.insert(-1, ["    not told apart by feature", f"{found.unshared:+.4g}", None])
    before, now = (output.text(value) for value in report.metrics)
    title = f"{report.model} {report.version}: {report.metric} {before} -> {now}; {loss} {found.loss[0]:.4g} -> {found.loss[1]:.4g}"
    output.table(title, [f"part of the change of {loss}", "worse by", "95 %"], rows, right=["worse by", "95 %"])
    say = output.stdout().print
    say(
        f"{found.rows[1]:,} rows of {report.current} beside {report.beside} ({found.rows[0]:,} rows). How alike the "
        f"inputs are: {found.overlap:.2f} of 1; the relation's part rests on "
        f"{found.effective_rows[0]:,.0f} and {found.effective_rows[1]:,.0f} rows in effect.",
        markup=False,
    )
    segments = [segment for one in found.by_segment for segment in sorted(one.segments, key=lambda segment: -abs(segment.within.value))]
    shown = [
        [
            one.name,
            f"{one.share[0]:.1%} -> {one.share[1]:.1%}",
            *one.loss,
            one.mix,
            one.within.value,
            "clear" if one.clear else "may be chance",
        ]
        for one in segments[:_MOST_SEGMENTS]
    ]
    columns = ["segment", "share", "loss then", "loss now", "by its size", "within it", ""]
    output.table(
        "Where, by the features that tell most: each feature's segments add up to the whole change", columns, shown, right=columns[1:-1]
    )
    for note in (*found.notes, *report.notes):
        say(note, markup=False)


def _cells(part: Part) -> list[object]:
    return [f"{part.value:+.4g}", f"{part.low:+.4g} to {part.high:+.4g}"]
