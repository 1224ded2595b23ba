"""`farero up`, `farero predict`, `farero label`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from farero.cli import output, session
from farero.cli.exits import ANSWER_IS_NO


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default from farero.toml, else 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; default from farero.toml, else 8002.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer requests on the one port.")] = 1,
    project: session.ProjectOption = session.HERE,
) -> None:
    """Serve: API, console and worker. SIGTERM drains and stops."""
    with session.errors():
        from farero.server import serve

        def ready(host: str, port: int) -> None:
            output.stderr().print(f"Farero is up: http://{host}:{port}  console: http://{host}:{port}/console", markup=False)

        code = serve(project, host, port, workers=workers, on_ready=ready)
    raise typer.Exit(code)


def predict(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="CSV, Parquet or JSON lines; - reads JSON lines from standard input.")],
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Rows in, recorded predictions out. Rows that do not fit are named and make exit code 1."""
    with session.opened(project, as_json=as_json) as app:
        from farero.project.table import read_lines, read_table

        name = app.only_model(model)
        table = read_lines(sys.stdin.buffer, name="standard input") if file == "-" else read_table(Path(file))
        found = app.predict_table(name, table)
        answers = list(zip(found.positions, found.served.predictions, strict=True))
        if as_json:
            output.emit(
                {
                    "request_id": found.served.request_id,
                    "model": name,
                    "version": found.served.version,
                    "predictions": [{"row": row, **_fields(answer)} for row, answer in answers],
                    "faults": found.faults,
                }
            )
        else:
            rows = [[row, a.prediction, a.probability, a.risk_level] for row, a in answers[:50]]
            output.table(f"{name} {found.served.version}", ["row", "prediction", "probability", "risk"], rows, right=["row", "prediction"])
            if len(answers) > 50:
                output.stdout().print(f"… {len(answers) - 50} more rows; all of them with --json.")
        for fault in found.faults[:50]:
            output.stderr().print(f"  {fault}", markup=False)
        if found.faults:
            output.stderr().print(f"{len(found.faults)} faults; the rows concerned were not predicted.")
            raise typer.Exit(ANSWER_IS_NO)


def label(
    file: Annotated[Path, typer.Argument(help="CSV, Parquet or JSON lines: request_id[, row], label — or key, time, label.")],
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Hand in late labels. Duplicates, contradictions and unknown requests are reported; exit code 1 when there are any but duplicates."""
    with session.opened(project, as_json=as_json) as app:
        name = app.only_model(model)
        receipt = app.label_file(name, file)
        if as_json:
            output.emit(receipt)
        else:
            output.stdout().print(f"{receipt.stored} labels stored, {receipt.duplicates} were there already.")
            for line in [*receipt.contradictions, *receipt.unknown, *receipt.invalid][:50]:
                output.stderr().print(f"  {line}", markup=False)
        if receipt.contradictions or receipt.unknown or receipt.invalid:
            raise typer.Exit(ANSWER_IS_NO)


def _fields(answer: object) -> dict[str, object]:
    import msgspec

    fields = msgspec.to_builtins(answer)
    return {key: value for key, value in fields.items() if value is not None}
