"""A document made of headings, sentences and tables, written once and rendered as Markdown or as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """The beginning of a part."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A paragraph; `verbatim` keeps its lines as they are."""

    text: str
    verbatim: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A sentence that nobody may overlook."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Names with what belongs to each."""

    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A cell with a drawing, as SVG text; Markdown leaves it empty, so the figures stand in cells of their own."""

    svg: str


Cell: TypeAlias = str | Drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under heads. `right`: the places of columns with numbers."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    right: tuple[int, ...] = ()


Block: TypeAlias = Heading | Plain | Notice | Items | Facts | Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A title, a line under it, and the blocks in their order."""

    title: str
    under: str
    blocks: tuple[Block, ...]


def markdown(document: Document) -> str:
    """The document as Markdown (CommonMark with tables).

    >>> print(markdown(Document(title="A | B", under="Made today.", blocks=(Facts(facts=(("rows", "3"),)),))))
    # A | B
    <BLANKLINE>
    Made today.
    <BLANKLINE>
    - **rows**: 3
    <BLANKLINE>
    """
    parts = [f"# {_line(document.title)}", _line(document.under), *(_block(block) for block in document.blocks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(text=text):
            return f"## {_line(text)}"
        case Plain(text=text, verbatim=True):
            return "\n".join(f"    {line}" for line in text.splitlines())
        case Plain(text=text):
            return _line(text)
        case Notice(text=text):
            return f"> **{_line(text)}**"
        case Items(items=items):
            return "\n".join(f"- {_line(item)}" for item in items)
        case Facts(facts=facts):
            return "\n".join(f"- **{_line(name)}**: {_line(value)}" for name, value in facts)
        case Table():
            return _table(block)


def _table(table: Table) -> str:
    # A column of drawings only has nothing to show here.
    kept = [
        at for at in range(len(table.heads)) if table.heads[at] or any(not isinstance(row[at], Drawn) and row[at] for row in table.rows)
    ]
    lines = [" | ".join(_cell(table.heads[at]) for at in kept), " | ".join("--:" if at in table.right else ":--" for at in kept)]
    lines += [" | ".join(_cell(row[at]) for at in kept) for row in table.rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(cell: Cell) -> str:
    return "" if isinstance(cell, Drawn) else _line(cell).replace("|", "\\|")


def _line(text: str) -> str:
    """One line, in which nothing that somebody else wrote is taken for markup that leads elsewhere."""
    return " ".join(text.split()).replace("<", "&lt;").replace("[", "\\[").replace("`", "'")


def figure(value: object) -> str:
    """A value as documents show it.

    >>> figure(0.123456), figure(None), figure(True), figure(12345.0)
    ('0.1235', '–', 'yes', '1.234e+04')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def moment(at: datetime | None) -> str:
    """A time as documents show it."""
    return "–" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def span(ends: Sequence[float | None]) -> str:
    """An interval as documents show it.

    >>> span((0.25, 0.5)), span((None, 1.0))
    ('0.25 to 0.5', '–')
    """
    low, high = ends
    return "–" if low is None or high is None else f"{low:.4g} to {high:.4g}"
