"""`farero slo`: how what is promised of requests stands, and how fast the room for failures is being used up."""

from __future__ import annotations

import typer

from farero.cli import output, session
from farero.cli.exits import ANSWER_IS_NO


def slo(project: session.ProjectOption = session.HERE, model: output.ModelOption = None, as_json: output.JsonOption = False) -> None:
    """Show how the objective of a model's requests stands; exit 1 when the room for failures is used up too fast."""
    with session.opened(project, as_json=as_json) as app:
        from farero.core.window import duration_text

        name = app.only_model(model)
        found = app.objective(name)
        if as_json:
            output.emit({"model": name, "standing": found})
        else:
            promised = f"{found.objective.good:.4%} of requests answered"
            if found.objective.within_us is not None:
                promised += f" within {found.objective.within_us / 1000:g} ms"
            say = output.stdout().print
            say(f"{name}: {promised}, over 30 days until {found.at:%Y-%m-%d %H:%MZ}", markup=False)
            left = "no request yet" if found.left is None else f"{found.left:.1%} of the room for failures is left"
            say(f"  {found.requests} requests, {found.failed} failed, {found.slow} too slow: {left}", markup=False)
            rows = [
                [duration_text(b.speed.long), b.requests, b.bad, _rate(b.long), _rate(b.short), f"{b.speed.rate:g}",
                 b.speed.severity if b.too_fast else ""]
                for b in found.burns
            ]  # fmt: skip
            columns = ["span", "requests", "bad", "burn rate", "lately", "limit", "too fast"]
            output.table("How fast the room is used up", columns, rows, right=columns[1:-1])
        if any(burn.too_fast for burn in found.burns):
            raise typer.Exit(ANSWER_IS_NO)


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
