"""How the values of a column lie in two tables, as counts in common bins, and as bars in SVG text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

import numpy as np

from farero.core.chart import number_text
from farero.core.ordered_column import OrderedColumn
from farero.core.reference import Floats

BINS = 24
_LEVELS = 10
_WHOLE = 14
_WIDE, _TALL, _FOOT = 320, 110, 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Shares [0-1] of both tables in common bins, in order.

    Attributes:
        names: of the bins where these are single values (`levels`), else of the first and the last edge.
        left_out: levels that are too rare to be drawn.
    """

    names: tuple[str, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]
    levels: bool
    left_out: int = 0


def picture(before: OrderedColumn, after: OrderedColumn) -> Bars | None:
    """How the values of a column lie in two tables; None where they are of two kinds, or one side has none."""
    if before.kind != after.kind:
        return None
    if before.kind in ("choice", "flag"):
        return _of_levels(before, after)
    return _of_values(before, after) if before.kind in ("number", "date") else None


def bar_chart(bars: Bars, *, title: str) -> str:
    """Reference as filled bars, current as an outline over them (numbers) or as bars beside them (levels)."""
    highest = max([*bars.reference, *bars.current, 1e-12])
    count = len(bars.reference)
    step = _WIDE / count

    def bar(at: float, width: float, share: float) -> str:
        tall = share / highest * (_TALL - 4)
        return f"M{at:.1f} {_TALL}v{-tall:.1f}h{width:.1f}v{tall:.1f}z" if share else ""

    parts = [
        f'<svg class="bars" viewBox="0 0 {_WIDE} {_TALL + _FOOT}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
    ]
    if bars.levels:
        wide = step * 0.38
        before = "".join(bar(number * step + step * 0.1, wide, share) for number, share in enumerate(bars.reference))
        after = "".join(bar(number * step + step * 0.52, wide, share) for number, share in enumerate(bars.current))
        parts.append(f'<path class="ref" d="{before}"/><path class="now solid" d="{after}"/>')
        room = max(2, int(step / 6.2))
        if bars.left_out:
            parts.append(f'<text x="{_WIDE}" y="10" text-anchor="end">and {bars.left_out} rarer levels</text>')
        for number, name in enumerate(bars.names):
            short = name if len(name) <= room else name[: room - 1] + "…"
            at = f'x="{(number + 0.5) * step:.1f}" y="{_TALL + 15}" text-anchor="middle"'
            parts.append(f"<text {at}>{escape(short)}<title>{escape(name[:200])}</title></text>")
    else:
        before = "".join(bar(number * step, step - 1, share) for number, share in enumerate(bars.reference))
        heights = [_TALL - share / highest * (_TALL - 4) for share in bars.current]
        line = "".join(f"{'L' if number else 'M'}{number * step:.1f} {y:.1f}H{(number + 1) * step:.1f}" for number, y in enumerate(heights))
        parts.append(f'<path class="ref" d="{before}"/><path class="now" d="{line}"/>')
        parts.append(f'<text x="0" y="{_TALL + 15}">{escape(bars.names[0])}</text>')
        parts.append(f'<text x="{_WIDE}" y="{_TALL + 15}" text-anchor="end">{escape(bars.names[-1])}</text>')
    parts.append(f'<path class="base" d="M0 {_TALL}H{_WIDE}"/></svg>')
    return "".join(parts)


def edge_text(value: float, kind: str) -> str:
    """A value of a column in words: a number, or a day."""
    if kind != "date":
        return number_text(value) if abs(value) < 1e7 else f"{value:.4g}"
    try:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return number_text(value)


def _of_values(before: OrderedColumn, after: OrderedColumn) -> Bars | None:
    sides = (before.ordered, after.ordered)
    if not len(sides[0]) or not len(sides[1]):
        return None
    few = _few_values(sides) if before.kind == "number" else None
    if few is not None:
        shares = [np.diff(np.searchsorted(values, few, side="right"), prepend=0) / len(values) for values in sides]
        return Bars(names=tuple(number_text(value) for value in few), reference=_tuple(shares[0]), current=_tuple(shares[1]), levels=True)
    low, high = _extent(sides)
    edges = np.linspace(low, high, BINS + 1)
    # What lies outside counts in the first and the last bin.
    shares = [np.diff(np.searchsorted(values, edges[1:-1]), prepend=0, append=len(values)) / len(values) for values in sides]
    names = (edge_text(low, before.kind), edge_text(high, before.kind))
    return Bars(names=names, reference=_tuple(shares[0]), current=_tuple(shares[1]), levels=False)


def _few_values(sides: tuple[Floats, Floats]) -> Floats | None:
    """All values of both sides, where these are a few whole numbers. Looked up one after the other: no pass over all rows."""
    found: list[float] = []
    for values in sides:
        at = 0
        while at < len(values):
            value = float(values[at])
            if not value.is_integer() or len(found) > 2 * _WHOLE:
                return None
            found.append(value)
            at = int(np.searchsorted(values, value, side="right"))
    few = np.unique(found)
    return few if len(few) <= _WHOLE else None


def _extent(sides: tuple[Floats, Floats]) -> tuple[float, float]:
    """From where to where to draw: a single wild value must not squeeze all others into one bin, so half a per cent may lie outside."""
    low = min(float(values[int(0.005 * (len(values) - 1))]) for values in sides)
    high = max(float(values[int(np.ceil(0.995 * (len(values) - 1)))]) for values in sides)
    if high <= low:
        pad = max(0.5, abs(low) / 100)
        low, high = low - pad, high + pad
    return (low, high) if np.isfinite(high - low) else (low / 4, high / 4)  # 1e308 beside -1e308


def _of_levels(before: OrderedColumn, after: OrderedColumn) -> Bars | None:
    totals = [sum(side.levels.values()) for side in (before, after)]
    if not totals[0] or not totals[1]:
        return None
    weight = {
        name: before.levels.get(name, 0) / totals[0] + after.levels.get(name, 0) / totals[1] for name in {*before.levels, *after.levels}
    }
    ordered = sorted(weight, key=lambda name: (-weight[name], name))
    shown, rest = ordered[:_LEVELS], ordered[_LEVELS:]
    shares = [[side.levels.get(name, 0) / total for name in shown] for side, total in ((before, totals[0]), (after, totals[1]))]
    return Bars(names=tuple(shown), reference=tuple(shares[0]), current=tuple(shares[1]), levels=True, left_out=len(rest))


def _tuple(shares: Floats) -> tuple[float, ...]:
    return tuple(float(share) for share in shares)
