"""How results leave: one JSON document on stdout, or tables; progress and errors always go to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from farero.cli.exits import exit_code
from farero.errors import BadInput, FareroError, FaultList

if TYPE_CHECKING:
    from farero.core.guards import Check

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
ModelOption = Annotated[str | None, typer.Option("--model", help="Which model, where the installation has several.")]


def stdout() -> Console:
    """Where results go. When it is no terminal, wide enough for tables, and a line stays a line so that a path can be found in it."""
    return Console(width=None if sys.stdout.isatty() else 140, highlight=False, soft_wrap=not sys.stdout.isatty())


def stderr() -> Console:
    """Where progress and errors go; lines as in `stdout`."""
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def emit(value: object) -> None:
    """Print one JSON document."""
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value, enc_hook=_plain), indent=2).decode() + "\n")


def _plain(value: object) -> object:
    item = getattr(value, "item", None)
    return item() if callable(item) else str(value)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print a table, or a line that says that there is nothing."""
    shown = Table(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(text(value) for value in row))
    stdout().print(shown)


def text(value: object) -> str:
    """One cell, markup escaped.

    >>> text(None), text(0.123456), text(True)
    ('–', '0.1235', 'yes')
    """
    from rich.markup import escape

    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")
    return escape(str(value))


def write_page(path: Path, page: str) -> None:
    """Write an HTML page to a file.

    Raises:
        BadInput: the file cannot be written.
    """
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as fault:
        raise BadInput(f"The report cannot be written to {path}: {fault.strerror}.", hint="Name a file that you may write.") from None


@contextmanager
def progress(title: str) -> Iterator[Callable[[str, float, str], None]]:
    """A bar for each named piece of work; the function given moves one to a share [0-1]."""
    with Progress(
        SpinnerColumn(), TextColumn("{task.description:<10}"), BarColumn(bar_width=32), TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(), TextColumn("{task.fields[words]}"), console=stderr(), transient=False,
    ) as bars:  # fmt: skip
        tasks: dict[str, TaskID] = {}
        bars.console.print(title)

        def move(name: str, share: float, words: str) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=1.0, words="")
            bars.update(tasks[name], completed=share, words=words)

        yield move


@contextmanager
def following(title: str) -> Iterator[Callable[[str], None]]:
    """A clock that runs while one thing is done, and above it the lines that are told of it; the function given tells one."""
    with Progress(SpinnerColumn(), TimeElapsedColumn(), console=stderr(), transient=True) as bars:
        bars.console.print(title, markup=False)
        bars.add_task("", total=None)

        def tell(line: str) -> None:
            bars.console.print(f"  {line}", markup=False, highlight=False)

        yield tell


def checks(found: Sequence[Check]) -> list[list[object]]:
    """Rows for a table of checks: how each ended, its name, and why."""
    return [[{True: "passed", False: "failed", None: "not asked"}[check.passed], check.name, check.because] for check in found]


def fail(failure: FareroError, *, as_json: bool) -> typer.Exit:
    """Show an error on stderr (and as JSON on stdout where that was asked for); the exit to raise."""
    if as_json:
        faults = failure.faults if isinstance(failure, FaultList) else ()
        emit({"error": {"code": failure.code, "detail": failure.message, "hint": failure.hint, "faults": list(faults)}})
    console = stderr()
    console.print(f"Error: {failure}", markup=False, style="red")
    return typer.Exit(exit_code(failure))
