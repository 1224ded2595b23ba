"""Tables of figures, as text for a terminal and as Markdown for the documents."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

BEGIN = "<!-- figures: python benchmarks/serving.py --markdown docs/explanation/serving-speed.md -->"
END = "<!-- end of figures -->"
HOW = "How it was measured"


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table with its notes."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def text(table: Table) -> str:
    """For a terminal: the first column to the left, the others to the right."""
    lines = [table.header, *table.rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(table.header))]
    shown = [
        "  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]
    return "\n".join([table.title, "", *shown, *(f"  {note}" for note in table.notes), ""])


def markdown(table: Table) -> str:
    """For a document."""
    ruler = ["---", *("---:" for _ in table.header[1:])]
    lines = ["| " + " | ".join(line) + " |" for line in [table.header, ruler, *table.rows]]
    notes = [f"- {note}" for note in table.notes]
    return "\n".join([f"### {table.title}", "", *lines, "", *([*notes, ""] if notes else [])])


def put_into(path: Path, tables: Sequence[Table], notes: Sequence[str]) -> None:
    """Write a document, or the part of one that stands between the marks; tables there that were not made anew stay."""
    before, found, rest = (path.read_text() if path.exists() else "").partition(BEGIN)
    old, _, after = rest.partition(END)
    known = {part.partition("\n")[0]: part.strip() + "\n" for part in old.split("\n### ")[1:]}
    made = {table.title: markdown(table).removeprefix("### ") for table in tables}
    if HOW in known and not made.keys() >= known.keys() - {HOW}:
        notes = [*notes, "Of these runs, the last: " + ", ".join(made)]
    made[HOW] = "\n".join([HOW, "", *(f"- {note}" for note in notes), ""])
    known.pop(HOW, None)
    said = "\n".join(f"### {part}" for part in (known | made).values())
    path.write_text(f"{before}{BEGIN}\n\n{said}\n{END}{after}" if found else said)


def put_between(path: Path, begin: str, said: str) -> None:
    """Write a document, or the part of one between this mark and `END`."""
    before, found, rest = (path.read_text() if path.exists() else "").partition(begin)
    path.write_text(f"{before}{begin}\n\n{said.strip()}\n\n{END}{rest.partition(END)[2]}" if found else said)


def machine() -> dict[str, str]:
    """What it was measured on."""
    about = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.partition(":")[2].strip() for line in about if line.startswith("model name")), platform.processor())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": f"{processor}, {len(os.sched_getaffinity(0))} cores for this",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "scikit-learn": metadata.version("scikit-learn"),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def count(value: float) -> str:
    """A rate or a count: no digits that were not measured."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def times(value: float) -> str:
    """A ratio."""
    return f"{value:,.0f}×" if value >= 20 else f"{value:.2f}×" if value < 2 else f"{value:.1f}×"


def ms(value: float) -> str:
    """A duration that came in [ms]."""
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 10 else f"{value:.2f} ms"
