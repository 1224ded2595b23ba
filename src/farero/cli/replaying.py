"""`farero replay`: history through the loop, one policy beside another."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farero.cli import output, session, tuning
from farero.errors import BadInput

if TYPE_CHECKING:
    from farero.app import App
    from farero.core.policy import PolicyRule
    from farero.core.replayed import PolicyResult, ReplayResult

ALL_POLICIES = ("farero", "never", "always", "textbook")


def replay(
    data: Annotated[Path | None, typer.Argument(help="CSV or Parquet with a time column, the features and the label.")] = None,
    time: Annotated[str | None, typer.Option(help="The column that says when each row happened.")] = None,
    label: Annotated[str | None, typer.Option(help="The label's column; default: the project's label.")] = None,
    label_time: Annotated[str | None, typer.Option(help="A column that says when each label became known.")] = None,
    window: Annotated[str | None, typer.Option(help="1d, 12h, 1w, 1000 rows …; default: the project's.")] = None,
    train_until: Annotated[str, typer.Option(help="A time, or a share of the rows, that trains version 1.0.0.")] = "0.25",
    policy: Annotated[list[str] | None, typer.Option(help="farero, never, always, textbook or a TOML file; may be repeated.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a self-contained report here.")] = None,
    jobs: Annotated[int, typer.Option(help="Policies replayed at once, each in a process of its own.")] = 2,
    monitors_only: Annotated[
        bool, typer.Option("--monitors-only", help="Put ways to watch side by side on profiles alone; no DATA = the stored windows.")
    ] = False,
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Live recorded history through the loop, to see what a policy would have done before trusting it."""
    if monitors_only:
        tuning.replay_monitors(
            data, time=time, label=label, window=window, train_until=train_until, project=project, model=model, as_json=as_json
        )
        return
    with session.errors(as_json=as_json):
        if data is None or time is None:
            raise BadInput("A replay needs DATA and --time.", hint="Only --monitors-only does without, on the stored windows.")
    with session.opened_for_replay(project, data, time=time, label=label, as_json=as_json) as (app, inferred):
        name = app.only_model(model)
        size = session.window(window)
        rules = [rule(app, name, words) for words in policy or ALL_POLICIES]
        with output.progress(f"Replaying {data.name} under {', '.join(rule.name for rule in rules)}") as move:
            result = app.replay(
                name, data, time=time, label=label, label_time=label_time, window=size, train_until=train_until, rules=rules,
                inferred=inferred, at_once=jobs, progress=move,
            )  # fmt: skip
        if html is not None:
            write_report(result, html)
        if as_json:
            output.emit(result.to_dict())
        else:
            show(result)
            for note in result.notes:
                output.stderr().print(note, markup=False)


def tell(result: ReplayResult) -> None:
    """The first policy's story, event by event."""
    policy = result.policies[0]
    lines: list[tuple[str, str]] = [(f"{result.train_until:%Y-%m-%d}", "version 1.0.0 trained on the past and put into production")]
    lines += [(f"{i.opened:%Y-%m-%d}", f"incident {i.kind} ({i.severity}): {i.because}") for i in policy.incidents]
    lines += [(f"{i.resolved:%Y-%m-%d}", f"incident {i.kind} resolved") for i in policy.incidents if i.resolved]
    for entry in policy.decisions:
        if entry.decision.action == "retrain" and entry.verdict is not None:
            fate = "promoted" if entry.verdict.accepted else "rejected"
            lines.append((f"{entry.decision.at:%Y-%m-%d}", f"{entry.candidate or 'training'} {fate}: {'; '.join(entry.verdict.because)}"))
    lines.sort(key=lambda line: line[0])
    shown = lines if len(lines) <= 16 else [*lines[:10], ("…", f"{len(lines) - 15} more events"), *lines[-5:]]
    output.table(
        "What happened under the policy farero", ["", ""], [(day, text if len(text) < 110 else text[:107] + "…") for day, text in shown]
    )


def show(result: ReplayResult) -> None:
    """The final table."""
    metric = f"served {result.metric}"
    columns = ["policy", metric, "worst window", "retrainings", "trainings"]
    columns += ["promotions", "rejections", "drift alarms", "incidents", "CPU s"]
    rows = [_row(policy, higher_is_better=result.higher_is_better) for policy in result.policies]
    better = "higher is better" if result.higher_is_better else "lower is better"
    span = f"{result.train_until:%Y-%m-%d} to {result.end:%Y-%m-%d}, windows of {result.window}"
    output.table(f"{result.model}: {span} ({better})", columns, rows, right=columns[1:])


def _row(policy: PolicyResult, *, higher_is_better: bool) -> list[object]:
    return [
        policy.name, policy.metric, policy.worst(higher_is_better=higher_is_better), policy.retrainings, policy.trainings,
        policy.promotions, policy.rejections,
        sum(window.drift_alarm for window in policy.windows), len(policy.incidents), f"{policy.cpu_s:.1f}",
    ]  # fmt: skip


def rule(app: App, model: str, words: str) -> PolicyRule:
    """A policy by name, or from a TOML file."""
    from farero.core.policy import NAMED, read_rule

    if words == "farero":
        return app.project(model).rule
    if words in NAMED:
        return NAMED[words]
    path = Path(words)
    if not path.is_file():
        raise BadInput(f"There is no policy {words!r}.", hint=f"Write {', '.join(NAMED)} or the path of a TOML file.")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise BadInput(f"{path} is no TOML: {fault}.") from None
    return read_rule(path.stem, values)


def write_report(result: ReplayResult, path: Path) -> None:
    """The result as one HTML page."""
    from farero.app import replay_report

    output.write_page(path, replay_report(result))
