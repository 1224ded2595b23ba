"""`drift`: two files side by side, no project needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farero.cli import output, session
from farero.cli.exits import ANSWER_IS_NO
from farero.errors import BadInput

if TYPE_CHECKING:
    from farero.core.compare import Comparison
    from farero.core.observation import ColumnDrift
    from farero.core.source import Source

_MANY_CELLS = 20_000_000
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)i?B?", re.IGNORECASE)
_POWERS = ("", "k", "m", "g", "t")
_SHOWN = 100


class FailOn(StrEnum):
    """From which gravity on a finding makes the exit code 1."""

    low = "low"
    medium = "medium"
    high = "high"
    never = "never"


def drift(
    reference: Annotated[Path, typer.Argument(help="CSV, Parquet or JSON lines: what is normal.")],
    current: Annotated[Path, typer.Argument(help="CSV, Parquet or JSON lines: what to compare with it.")],
    rule: Annotated[str, typer.Option(help="guarded, bonferroni, textbook, share, fdr, effect or psi.")] = "guarded",
    columns: Annotated[list[str] | None, typer.Option(help="Only these columns: a,b or several times.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Not these columns: a,b or several times.")] = None,
    fail_on: Annotated[FailOn | None, typer.Option(help="Exit 1 from this gravity of a finding on; default: on drift.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Keep the reference sorted in this folder, for the next time.")] = None,
    memory: Annotated[str, typer.Option(help="What sorting a column may take; longer ones are counted in bins.")] = "1GB",
    html: Annotated[Path | None, typer.Option(help="Write a self-contained report here.")] = None,
    as_json: output.JsonOption = False,
) -> None:
    """Compare two files, no project needed; exit 1 when the second drifted from the first."""
    with session.errors(as_json=as_json), ExitStack() as opened:
        from farero.core.compare import compare_tables
        from farero.project.columns import open_source

        memory_bytes = size_bytes(memory)
        if cache is None:
            before: Source = opened.enter_context(open_source(reference, memory_bytes=memory_bytes))
        else:
            from farero.project.sorted_cache import open_cached

            before = opened.enter_context(open_cached(reference, cache, memory_bytes=memory_bytes))
        after = opened.enter_context(open_source(current, memory_bytes=memory_bytes))
        known = [*before.names, *after.names]
        cells = before.rows * len(before.names) + after.rows * len(after.names)
        with _progress(cells, current) as move:
            compared = compare_tables(
                before, after, rule=rule, columns=None if columns is None else split(columns, known), ignore=split(ignore or [], known),
                pictures=html is not None, progress=move,
            )  # fmt: skip
        if html is not None:
            from farero.core.drift_page import page

            output.write_page(html, page(compared, reference=reference.name, current=current.name))
        if as_json:
            output.emit(compared.to_dict())
        else:
            _show(compared, reference, current)
        if _fails(compared, fail_on):
            raise typer.Exit(ANSWER_IS_NO)


def size_bytes(text: str) -> int:
    """A size such as 500MB or 1.5G in bytes.

    Raises:
        BadInput: it is none.

    >>> size_bytes("2 kB"), size_bytes("1.5g")
    (2048, 1610612736)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise BadInput(f"{text!r} is not a size.", hint="Write it like 500MB or 2GB.")
    return int(float(found[1]) * 1024 ** _POWERS.index(found[2].lower()))


def split(asked: Sequence[str], known: Sequence[str]) -> list[str]:
    """Column names given one by one or with commas between; a column whose name holds a comma is itself.

    >>> split(["a,b", "c,d"], ["a", "b", "c,d"])
    ['a', 'b', 'c,d']
    """
    return [name for text in asked for name in ([text] if text in set(known) else [part.strip() for part in text.split(",")]) if name]


def _fails(compared: Comparison, fail_on: FailOn | None) -> bool:
    if fail_on is None:
        return compared.drift
    grades = ("low", "medium", "high", "critical")
    if fail_on is FailOn.never or compared.severity is None:
        return False
    return grades.index(compared.severity) >= grades.index(fail_on.value)


@contextmanager
def _progress(cells: int, current: Path) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on stderr, where there is something to wait for."""
    if cells < _MANY_CELLS:
        yield lambda _done, _all, _name: None
        return
    with output.progress(f"Comparing {current.name}") as move:
        yield lambda done, every, name: move("columns", done / max(every, 1), name)


def _show(found: Comparison, reference: Path, current: Path) -> None:
    from farero.core.compare import distance, stated_rate

    columns = sorted(found.columns, key=lambda column: (not column.drift, -(distance(column) or 0.0)))
    rows = [_row(column, found.within.get(column.name)) for column in columns[:_SHOWN]]
    names = ["column", "kind", "", "KS", "p", "PSI", "reading", "Wasserstein/σ", "JS", "mean", "σ", "missing"]
    output.table(
        f"{current.name} ({found.rows[1]:,} rows) beside {reference.name} ({found.rows[0]:,} rows)", names, rows,
        right=["KS", "p", "PSI", "Wasserstein/σ", "JS", "mean", "σ", "missing"],
    )  # fmt: skip
    out = output.stdout()
    if len(columns) > _SHOWN:
        out.print(f"  {len(columns) - _SHOWN} more columns, none of them graver; --json has them all.", markup=False)
    for finding in found.quality[:_SHOWN]:
        out.print(f"  {finding.severity}: {finding.because}", markup=False)
    if found.within:
        worst = max(found.within.values())
        out.print(f"  Counted in bins for want of memory: the KS of {len(found.within)} columns is right within {worst:.1g}.", markup=False)
    out.print(f"{'Drift found' if found.drift else 'No drift found'}: {found.because}.", markup=False)
    out.print(f"The rule {found.rule!r}: {stated_rate(found.rule)}.", markup=False)


def _row(column: ColumnDrift, within: float | None) -> list[object]:
    from farero.core.drift_page import change, spread

    p_value = column.p_value if column.p_value is not None else column.chi2_p
    ks = f"{column.ks:.4g} ±{within:.1g}" if within and column.ks is not None else column.ks
    gone = f"{column.missing[0]:.1%} → {column.missing[1]:.1%}" if any(column.missing) else None
    return [
        column.name, column.kind, "DRIFT" if column.drift else "", ks, p_value, column.psi, column.psi_reading,
        column.wasserstein_normalised, column.jensen_shannon, change(column.mean, column.kind), spread(column), gone,
    ]  # fmt: skip
