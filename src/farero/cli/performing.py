"""How well the answers were, once labels came: `performance`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farero.cli import output, session

if TYPE_CHECKING:
    from farero.core.appraisal import Appraisal
    from farero.core.measured import Measured


def performance(
    since: Annotated[str | None, typer.Option("--from", help="Only predictions made at this time or later.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only predictions made before this time.")] = None,
    by: Annotated[list[str] | None, typer.Option(help="Divide the rows by this feature; may be given several times.")] = None,
    version: Annotated[str | None, typer.Option(help="Only rows that this version answered.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a self-contained report here.")] = None,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Show every metric with its 95 % interval, by segment and window, as far as labels are in; it judges nothing."""
    with session.opened(project, as_json=as_json) as app:
        name = app.only_model(model)
        found = app.performance(name, start=session.moment(since), end=session.moment(until), by=by or None, version=version)
        if html is not None:
            from farero.app.performing import performance_report

            output.write_page(html, performance_report(found))
        if as_json:
            output.emit(found)
        else:
            _show(found)


def _show(found: Appraisal) -> None:
    console = output.stdout()
    who = f"{found.model} {found.version}" if found.version else found.model
    console.print(
        f"{who}, {output.text(found.start)} to {output.text(found.end)}: {found.rows} predictions, {found.labelled} labelled.", markup=False
    )
    held = {one.name: one for one in found.baseline}
    before = f"{found.baseline_version} before it served" if found.baseline else ""
    rows = [
        [one.name, one.value, _interval(one), one.rows, _interval(held.get(one.name), value=True), one.because] for one in found.metrics
    ]
    output.table("Metrics, with 95 % intervals", ["metric", "value", "interval", "rows", before, ""], rows, right=["value", "rows"])
    made = found.calibration
    if made is not None:
        console.print(
            f"Calibration error {made.error.value:.4g} {_interval(made.error)}; {made.by_chance:.4g} of it chance would give. "
            f"Mean probability less share that came true: {made.gap.value:+.4g} {_interval(made.gap)}.",
            markup=False,
        )
    _show_segments(found)
    _show_windows(found)
    if len(found.versions) > 1:
        output.table(
            "Versions", ["version", "rows", found.metric, "interval"],
            [[one.version, one.rows, one.metric.value, _interval(one.metric)] for one in found.versions], right=["rows", found.metric],
        )  # fmt: skip
    for finding in found.findings:
        console.print(f"{finding.kind}: {finding.because}", markup=False)
    for caveat in found.caveats:
        console.print(f"Note: {caveat}", markup=False)


def _show_segments(found: Appraisal) -> None:
    for divided in found.by:
        rows: list[list[object]] = []
        for segment in divided.segments:
            one = next(metric for metric in segment.metrics if metric.name == found.metric)
            rows.append([segment.name, segment.rows, one.value, _interval(one), one.because])
        output.table(f"By {divided.feature}", ["segment", "rows", found.metric, "interval", ""], rows, right=["rows", found.metric])
    weak = found.weak
    if weak.because:
        output.stdout().print(f"Weak segments were not searched for: {weak.because}.", markup=False)
        return
    rows = [
        [" and ".join(f"{one.feature}: {one.segment}" for one in each.where), each.rows, f"{each.share:.1%}", each.metric.value,
         _interval(each.metric), each.rest.value, each.p_value]
        for each in weak.segments
    ]  # fmt: skip
    if rows:
        columns = ["segment", "rows", "share", found.metric, "interval", "elsewhere", "p"]
        title = f"Weak segments of {weak.searched} searched, on rows that they were not found on"
        output.table(title, columns, rows, right=["rows", "share", found.metric, "elsewhere", "p"])
    else:
        output.stdout().print(f"No weak segment among {weak.searched} searched.", markup=False)


def _show_windows(found: Appraisal) -> None:
    rows = [
        [one.start, one.rows, f"{one.share:.1%}", None if one.usual is None else f"{one.usual:.1%}",
         "late" if one.late else "" if one.mature else "open",
         one.metric.value, _interval(one.metric), _interval(one.same_age, value=True)]
        for one in found.windows[-30:]
    ]  # fmt: skip
    columns = ["window", "rows", "labelled", "usual", "", found.metric, "interval", "earlier at that age"]
    output.table("Windows", columns, rows, right=["rows", "labelled", "usual", found.metric])


def _interval(one: Measured | None, *, value: bool = False) -> str:
    if one is None or one.value is None or one.low is None or one.high is None:
        return "–"
    ends = f"[{one.low:.4g}, {one.high:.4g}]"
    return f"{one.value:.4g} {ends}" if value else ends
