"""Line charts as SVG text: scales, ticks, lines, marks. Colours come from the page's CSS, so that light and dark both work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from math import ceil, floor, isfinite, log10

_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 24, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line. `values` may hold None for a gap; `css` is the class that colours it."""

    name: str
    css: str
    times: Sequence[datetime]
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened at a time: a vertical tick with a title, on the line of a kind given by `css`."""

    at: datetime
    css: str
    title: str


def line_chart(
    series: Sequence[Series], *, title: str, y_label: str, marks: Sequence[Mark] = (), width: int = 900, height: int = 260
) -> str:
    """A chart of values over time.

    Args:
        series: lines over a common time axis; points that are None or not finite leave a gap.
        title: for screen readers; not drawn.
        y_label: with its unit; drawn at the top of the axis.
        marks: drawn below the lines, with hover titles.

    Returns:
        An `<svg>` element; a line of text in its place where there is no value to draw.
    """
    points = [(time, value) for line in series for time, value in zip(line.times, line.values, strict=True) if _is_drawn(value)]
    if not points:
        return f'<p class="empty">{escape(title)}: nothing to draw yet.</p>'
    first, last = min(time for time, _ in points), max(time for time, _ in points)
    span = max((last - first).total_seconds(), 1.0)
    ticks = nice_ticks(min(value for _, value in points if value is not None), max(value for _, value in points if value is not None))
    low, high = ticks[0], ticks[-1]
    wide, tall = width - _LEFT - _RIGHT, height - _TOP - _BOTTOM

    def x(time: datetime) -> float:
        return _LEFT + (time - first).total_seconds() / span * wide

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * tall

    parts = [f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>']
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{number_text(tick)}</text>')
    for time, text in time_ticks(first, last):
        parts.append(f'<text class="tick" x="{x(time):.1f}" y="{height - 10}" text-anchor="middle">{text}</text>')
        parts.append(f'<line class="grid" x1="{x(time):.1f}" x2="{x(time):.1f}" y1="{_TOP + tall}" y2="{_TOP + tall + 4}"/>')
    parts.extend(
        f'<g class="mark {mark.css}"><line x1="{x(mark.at):.1f}" x2="{x(mark.at):.1f}" y1="{_TOP}" y2="{_TOP + tall}"/>'
        f"<title>{escape(mark.title)}</title></g>"
        for mark in marks
        if first <= mark.at <= last
    )
    for line in series:
        parts.extend(_line(line, x, y))
    parts.append(f'<text class="axis" x="{_LEFT}" y="{_TOP - 10}">{escape(y_label)}</text></svg>')
    return "".join(parts)


def _line(line: Series, x: Callable[[datetime], float], y: Callable[[float], float]) -> list[str]:
    runs: list[list[tuple[float, float]]] = [[]]
    dots: list[str] = []
    for time, value in zip(line.times, line.values, strict=True):
        if value is None or not isfinite(value):
            runs.append([])
            continue
        runs[-1].append((x(time), y(value)))
        dots.append(
            f'<circle class="dot {line.css}" cx="{x(time):.1f}" cy="{y(value):.1f}" r="2.4">'
            f"<title>{escape(line.name)} {time:%Y-%m-%d}: {number_text(value)}</title></circle>"
        )
    drawn = [
        f'<polyline class="line {line.css}" points="{" ".join(f"{px:.1f},{py:.1f}" for px, py in run)}"/>' for run in runs if len(run) > 1
    ]  # fmt: skip
    return [*drawn, *dots]


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round values that hold [low, high].

    >>> nice_ticks(0.61, 0.94)
    [0.6, 0.7, 0.8, 0.9, 1.0]
    """
    if high <= low:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    rough = (high - low) / (count - 1)
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def time_ticks(first: datetime, last: datetime, count: int = 7) -> list[tuple[datetime, str]]:
    """Round moments between two times, with their text."""
    span = last - first
    if span > timedelta(days=60):
        months = max(1, ceil(span.days / 30.4 / count))
        year, month = first.year, first.month
        ticks: list[tuple[datetime, str]] = []
        while (at := datetime(year, month, 1, tzinfo=UTC)) <= last:
            if at >= first:
                ticks.append((at, f"{at:%b %Y}"))
            year, month = year + (month - 1 + months) // 12, (month - 1 + months) % 12 + 1
        return ticks
    if span > timedelta(days=2):
        days = max(1, ceil(span.days / count))
        start = first.replace(hour=0, minute=0, second=0, microsecond=0)
        moments = [start + timedelta(days=days * number) for number in range(span.days // days + 2)]
        return [(at, f"{at:%d %b}") for at in moments if first <= at <= last]
    hours = max(1, ceil(span.total_seconds() / 3600 / count))
    start = first.replace(minute=0, second=0, microsecond=0)
    moments = [start + timedelta(hours=hours * number) for number in range(int(span.total_seconds() // 3600 // hours) + 2)]
    return [(at, f"{at:%H:%M}") for at in moments if first <= at <= last]


def number_text(value: float) -> str:
    """A number as short as it reads well.

    >>> number_text(0.25), number_text(1500.0), number_text(2.0)
    ('0.25', '1,500', '2')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _is_drawn(value: float | None) -> bool:
    return value is not None and isfinite(value)
