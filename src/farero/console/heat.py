"""The drift heat map: how far each feature stands from its reference, window by window."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from farero.console.i18n import Words
from farero.console.scale import thin, time_ticks

# Jensen-Shannon distances; our measurement on quiet weeks of real data stays below 0.1 for nearly all features.
STEPS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.45)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One feature in one window; `distance` [0-1] is None where nothing could be compared."""

    distance: float | None
    drift: bool
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """What a heat map shows: a row of cells for each feature, a column for each window."""

    id: str
    title: str
    summary: str
    features: Sequence[str]
    starts: Sequence[datetime]
    rows: Sequence[Sequence[Cell]]


def heat_map(heat: Heat, words: Words, *, width: int = 1120, label_width: int = 130, columns: int = 120) -> str:
    """The map, with the newest `columns` windows at most."""
    starts = heat.starts[-columns:]
    left, top, height_each, right = label_width, 6, 22, 8
    cell = (width - left - right) / max(1, len(starts))
    floor = top + height_each * len(heat.features)
    height = floor + 46
    name = f"{heat.id}-{width}"
    parts = [
        f'<svg class="chart heat" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(heat.title)}</title><desc id="{name}-d">{escape(heat.summary)}</desc>'
    ]
    gap = 1.0 if cell > 5 else 0.4
    for row, (feature, cells) in enumerate(zip(heat.features, heat.rows, strict=True)):
        y = top + row * height_each
        parts.append(f'<text class="row" text-anchor="end" x="{left - 8}" y="{y + 15}">{escape(_short(feature, label_width))}</text>')
        for column, found in enumerate(cells[-columns:]):
            x = left + column * cell
            parts.append(
                f'<g class="hit"><title>{escape(found.tip)}</title><rect class="{step_class(found.distance)}" x="{x:.1f}" y="{y + 1}" '
                f'width="{cell - gap:.1f}" height="{height_each - 2}" rx="1.5"/>{_dot(found, x + (cell - gap) / 2, y, cell)}</g>'
            )
    parts += _axis(starts, left, cell, floor, words)
    middle = (left + width - right) / 2
    parts.append(
        f'<text class="axis-label" text-anchor="middle" x="{middle:.0f}" y="{height - 6}">{escape(words("axis.window-start"))}</text></svg>'
    )
    return "".join(parts)


def step_class(distance: float | None) -> str:
    """The style sheet's class for a distance.

    >>> step_class(None), step_class(0.02), step_class(0.3), step_class(0.9)
    ('hn', 'h0', 'h5', 'h6')
    """
    return "hn" if distance is None else f"h{bisect_right(STEPS, distance)}"


def legend(words: Words) -> list[tuple[str, str]]:
    """Class and text of each colour."""
    edges = [0.0, *STEPS, 1.0]
    return [(f"h{i}", f"{words.mark(low)}–{words.mark(high)}") for i, (low, high) in enumerate(itertools.pairwise(edges))]


def _dot(cell: Cell, x: float, y: float, width: float) -> str:
    if not cell.drift:
        return ""
    return f'<circle class="alarm" cx="{x:.1f}" cy="{y + 11}" r="{min(2.6, max(1.4, width / 4)):.1f}"/>'


def _axis(starts: Sequence[datetime], left: float, cell: float, floor: int, words: Words) -> list[str]:
    if not starts:
        return []
    width = cell * len(starts)
    moments, grain = time_ticks(starts[0], starts[-1], max(2, int(width // 95)))
    if not moments:
        moments, grain = [starts[0]], "day"
    # A mark stands at the first window that begins at or after it, so that it also fits windows of uneven length.
    places = [left + cell * next((i for i, start in enumerate(starts) if start >= moment), len(starts) - 1) for moment in moments]
    parts: list[str] = []
    for index, (moment, x, kept) in enumerate(zip(moments, places, thin(places, 60), strict=True)):
        if kept:
            parts.append(f'<line class="notch" x1="{x:.1f}" x2="{x:.1f}" y1="{floor}" y2="{floor + 4}"/>')
            text = words.tick(moment, grain, first=index == 0)
            anchor = "end" if x > left + width - 30 else "start" if index == 0 else "middle"
            parts.append(f'<text class="tick" text-anchor="{anchor}" x="{x:.1f}" y="{floor + 17}">{text}</text>')
    return parts


def _short(name: str, width: int) -> str:
    room = (width - 10) // 7
    return name if len(name) <= room else f"{name[: room - 1]}…"
