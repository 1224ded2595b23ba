"""Figures with their intervals as SVG text: one in a table's cell, many over time, and shares beside probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from farero.core.chart import nice_ticks, number_text, time_ticks
from farero.core.measured import Measured
from farero.core.reliability import Calibration

_WIDE, _TALL = 900, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 24, 30
_SIDE = 300
"""Width and height of the calibration plot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A figure at a time; `css` is the class that colours it."""

    at: datetime
    figure: Measured
    css: str
    title: str


def cell(figure: Measured, low: float, high: float, line: float | None) -> str:
    """One interval on a common scale, for a table's cell.

    Args:
        figure: drawn as a dot with its interval; empty where it has no value.
        low, high: ends of the scale.
        line: a value to compare with, drawn as a vertical line.
    """
    if figure.value is None or not high > low:
        return ""

    def x(value: float) -> float:
        return 3 + min(max((value - low) / (high - low), 0.0), 1.0) * 154

    ends = (figure.low, figure.high)
    parts = ['<svg class="whisker" viewBox="0 0 160 16" aria-hidden="true">']
    if line is not None:
        parts.append(f'<path class="grid" d="M{x(line):.1f} 0V16"/>')
    if ends[0] is not None and ends[1] is not None:
        parts.append(f'<path class="reach" d="M{x(ends[0]):.1f} 8H{x(ends[1]):.1f}"/>')
    parts.append(f'<circle class="dot now" cx="{x(figure.value):.1f}" cy="8" r="3.2"/></svg>')
    return "".join(parts)


def scale(figures: Sequence[Measured]) -> tuple[float, float]:
    """The ends of a scale that shows all values and all but the wildest ends of their intervals.

    >>> scale([Measured(name="mae", value=2.0, low=1.0, high=3.0, rows=9)])
    (1.0, 3.0)
    """
    values = [one.value for one in figures if one.value is not None]
    if not values:
        return 0.0, 0.0
    room = 2 * (max(values) - min(values)) or max(abs(values[0]), 1.0)
    low = min(one.value if one.low is None else one.low for one in figures if one.value is not None)
    high = max(one.value if one.high is None else one.high for one in figures if one.value is not None)
    return max(low, min(values) - room), min(high, max(values) + room)


def over_time(points: Sequence[Point], *, title: str, y_label: str) -> str:
    """Figures with whiskers over time; a line of text where there is none.

    Args:
        points: those without a value are left out.
        title: for screen readers; not drawn.
        y_label: drawn at the top of the axis.
    """
    drawn = [point for point in points if point.figure.value is not None]
    if not drawn:
        return f'<p class="empty">{escape(title)}: nothing to draw yet.</p>'
    first, last = min(point.at for point in drawn), max(point.at for point in drawn)
    span = max((last - first).total_seconds(), 1.0)
    ticks = nice_ticks(*scale([point.figure for point in drawn]))
    bottom, top = ticks[0], ticks[-1]
    wide, tall = _WIDE - _LEFT - _RIGHT - 16, _TALL - _TOP - _BOTTOM

    def x(at: datetime) -> float:
        return _LEFT + 8 + (at - first).total_seconds() / span * wide

    def y(value: float) -> float:
        return _TOP + (top - min(max(value, bottom), top)) / (top - bottom) * tall

    parts = [f'<svg class="chart" viewBox="0 0 {_WIDE} {_TALL}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>']
    for tick in ticks:
        parts.append(f'<path class="grid" d="M{_LEFT} {y(tick):.1f}H{_WIDE - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{number_text(tick)}</text>')
    parts += [f'<text x="{x(at):.1f}" y="{_TALL - 10}" text-anchor="middle">{text}</text>' for at, text in time_ticks(first, last)]
    for point in drawn:
        parts.append(_point(point, x(point.at), y))
    parts.append(f'<text class="axis" x="{_LEFT}" y="{_TOP - 10}">{escape(y_label)}</text></svg>')
    return "".join(parts)


def _point(point: Point, at: float, y: Callable[[float], float]) -> str:
    figure = point.figure
    assert figure.value is not None
    reach = ""
    if figure.low is not None and figure.high is not None:
        reach = f'<path class="reach" d="M{at:.1f} {y(figure.low):.1f}V{y(figure.high):.1f}"/>'
    return (
        f'<g class="{point.css}">{reach}<circle class="dot" cx="{at:.1f}" cy="{y(figure.value):.1f}" r="3">'
        f"<title>{escape(point.title)}</title></circle></g>"
    )


def reliability(made: Calibration) -> str:
    """The share that came true over the probability that was given, bin by bin, beside the line of those that are right."""
    title = f"Calibration: share that came true by probability of the {made.of}"

    def x(value: float) -> float:
        return 34 + value * (_SIDE - 44)

    def y(value: float) -> float:
        return 10 + (1 - value) * (_SIDE - 44)

    parts = [
        f'<svg class="square" viewBox="0 0 {_SIDE} {_SIDE}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>',
        f'<path class="grid" d="M{x(0):.1f} {y(0):.1f}L{x(1):.1f} {y(1):.1f}"/>',
    ]
    for tick in (0.0, 0.5, 1.0):
        parts.append(f'<text x="{x(tick):.1f}" y="{_SIDE - 18}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="28" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for one in made.bins:
        told = f"{one.rows:,} rows of {one.low:.3f} to {one.high:.3f}: {one.observed:.1%} came true"
        parts.append(
            f'<g class="now"><path class="reach" d="M{x(one.predicted):.1f} {y(one.observed_low):.1f}V{y(one.observed_high):.1f}"/>'
            f'<circle class="dot" cx="{x(one.predicted):.1f}" cy="{y(one.observed):.1f}" r="3.2"><title>{told}</title></circle></g>'
        )
    parts.append(f'<path class="base" d="M{x(0):.1f} {y(1):.1f}V{y(0):.1f}H{x(1):.1f}"/>')
    parts.append(f'<text x="{x(0.5):.1f}" y="{_SIDE - 4}" text-anchor="middle">probability given</text></svg>')
    return "".join(parts)
