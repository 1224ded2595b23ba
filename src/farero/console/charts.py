"""Charts drawn on the server as SVG: no script needed to read them, colours come from the style sheet."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from farero.console.i18n import Words
from farero.console.scale import Scale, thin, ticks, time_ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One window's value; None where it is not known. `tip` is what a hover says."""

    start: datetime
    end: datetime
    value: float | None
    version: str
    tip: str

    @property
    def middle(self) -> datetime:
        """Where the point stands."""
        return self.start + (self.end - self.start) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A span of trouble."""

    start: datetime
    end: datetime | None
    severity: str
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What a line chart shows. `limit` is a line not to be crossed, in the unit of the values."""

    id: str
    title: str
    summary: str
    axis: str
    points: Sequence[Point]
    bands: Sequence[Band] = ()
    limit: float | None = None
    limit_words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Pixels: the size of a chart and the room for its axes."""

    width: int
    height: int
    left: int = 54
    right: int = 14
    top: int = 34
    bottom: int = 42

    @property
    def floor(self) -> int:
        """The y of the time axis."""
        return self.height - self.bottom


WIDE = Frame(width=1120, height=300)
NARROW = Frame(width=390, height=260, left=44, right=8)


def line(plot: Plot, frame: Frame, words: Words) -> str:
    """A value over time, with the versions that served and the incidents behind it."""
    points = plot.points
    start, end = points[0].start, points[-1].end
    across = Scale(low=start.timestamp(), high=end.timestamp(), start=frame.left, end=frame.width - frame.right)
    known = [point.value for point in points if point.value is not None]
    reach = [*known, plot.limit] if plot.limit is not None and known else known
    marks = ticks(min(reach), max(reach)) if reach else [0.0, 1.0]
    up = Scale(low=marks[0], high=marks[-1], start=frame.floor, end=frame.top)
    parts = [
        _open(plot, frame),
        *_bands(plot, across, frame, end),
        *_value_axis(marks, up, frame, words, plot.axis),
        *_time_axis(start, end, across, frame, words),
        *_versions(points, across, frame, words),
    ]
    parts += _curve(points, across, up)
    if plot.limit is not None and known:
        y = up(plot.limit)
        parts.append(f'<line class="limit" x1="{frame.left}" x2="{frame.width - frame.right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        label_y = y - 5 if y - 5 > frame.top + 8 else y + 13
        parts.append(f'<text class="limit-label" x="{frame.width - frame.right - 4}" y="{label_y:.1f}">{escape(plot.limit_words)}</text>')
    parts += _hits(points, across, up, frame)
    parts.append("</svg>")
    return "".join(parts)


def sparkline(values: Sequence[float | None], title: str, *, width: int = 132, height: int = 30) -> str:
    """The shape of a series, the last value marked."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    up = Scale(low=min(known), high=max(known), start=height - 4, end=4)
    across = Scale(low=0, high=len(values) - 1, start=3, end=width - 5)
    middle = height / 2
    spots = [(across(i), up(v) if max(known) > min(known) else middle) for i, v in enumerate(values) if v is not None]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
    area = f"{path}L{spots[-1][0]:.1f} {height}L{spots[0][0]:.1f} {height}Z"
    x, y = spots[-1]
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{escape(title)}">'
        f'<path class="area" d="{area}"/><path class="curve" d="{path}"/><circle class="last" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/></svg>'
    )


def _open(plot: Plot, frame: Frame) -> str:
    name = f"{plot.id}-{frame.width}"
    return (
        f'<svg class="chart" viewBox="0 0 {frame.width} {frame.height}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(plot.title)}</title><desc id="{name}-d">{escape(plot.summary)}</desc>'
    )


def _bands(plot: Plot, across: Scale, frame: Frame, end: datetime) -> list[str]:
    parts: list[str] = []
    for band in plot.bands:
        left = max(frame.left, across(band.start.timestamp()))
        right = min(frame.width - frame.right, across((band.end or end).timestamp()))
        if right < frame.left or left > frame.width - frame.right:
            continue
        width = max(3.0, right - left)
        tip = f"<title>{escape(band.tip)}</title>"
        parts.append(
            f'<g class="band {escape(band.severity)}"><rect class="wash" x="{left:.1f}" y="{frame.top}" width="{width:.1f}" '
            f'height="{frame.floor - frame.top}"/><rect class="strip hit" x="{left:.1f}" y="{frame.top - 3}" width="{width:.1f}" '
            f'height="5">{tip}</rect></g>'
        )
    return parts


def _value_axis(marks: Sequence[float], up: Scale, frame: Frame, words: Words, label: str) -> list[str]:
    parts = [f'<text class="axis-label" x="{frame.left - 46 if frame.left > 50 else 2}" y="14">{escape(label)}</text>']
    for mark in marks:
        y = up(mark)
        parts.append(f'<line class="grid" x1="{frame.left}" x2="{frame.width - frame.right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" text-anchor="end" x="{frame.left - 7}" y="{y + 4:.1f}">{words.mark(mark)}</text>')
    return parts


def _time_axis(start: datetime, end: datetime, across: Scale, frame: Frame, words: Words) -> list[str]:
    moments, grain = time_ticks(start, end, max(2, (frame.width - frame.left) // 80))
    places = [across(moment.timestamp()) for moment in moments]
    keep = thin(places, 60)
    parts: list[str] = []
    for index, (moment, x, kept) in enumerate(zip(moments, places, keep, strict=True)):
        parts.append(f'<line class="notch" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.floor}" y2="{frame.floor + 4}"/>')
        if kept:
            anchor = "start" if x < frame.left + 28 else "end" if x > frame.width - frame.right - 28 else "middle"
            text = words.tick(moment, grain, first=index == 0)
            parts.append(f'<text class="tick" text-anchor="{anchor}" x="{x:.1f}" y="{frame.floor + 17}">{text}</text>')
    middle = (frame.left + frame.width - frame.right) / 2
    parts.append(
        f'<text class="axis-label" text-anchor="middle" x="{middle:.0f}" y="{frame.height - 5}">{escape(words("axis.time"))}</text>'
    )
    return parts


def _versions(points: Sequence[Point], across: Scale, frame: Frame, words: Words) -> list[str]:
    changes = [points[0]] + [now for before, now in itertools.pairwise(points) if now.version != before.version]
    places = [across(point.start.timestamp()) for point in changes]
    parts: list[str] = []
    for index, (point, x, kept) in enumerate(zip(changes, places, thin(places, 48), strict=True)):
        tip = escape(words("chart.version-from", version=point.version, day=words.moment(point.start)))
        if index:
            parts.append(f'<line class="change" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top - 8}" y2="{frame.floor}"/>')
        if kept:
            end = x > frame.width - frame.right - 40
            anchor, shift = ("end", -3) if end else ("start", 3 if index else 0)
            parts.append(
                f'<text class="version hit" text-anchor="{anchor}" x="{x + shift:.1f}" y="{frame.top - 8}">v{escape(point.version)}'
                f"<title>{tip}</title></text>"
            )
    return parts


def _curve(points: Sequence[Point], across: Scale, up: Scale) -> list[str]:
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point.value is None:
            runs.append([])
        else:
            runs[-1].append((across(point.middle.timestamp()), up(point.value)))
    path = "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in run) for run in runs if run)
    dots = "".join(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2.4"/>' for run in runs for x, y in run) if len(points) <= 130 else ""
    return [f'<path class="curve" d="{path}"/>', dots]


def _hits(points: Sequence[Point], across: Scale, up: Scale, frame: Frame) -> list[str]:
    parts: list[str] = []
    for point in points:
        left, right = across(point.start.timestamp()), across(point.end.timestamp())
        spot = f'<circle class="ring" cx="{(left + right) / 2:.1f}" cy="{up(point.value):.1f}" r="5"/>' if point.value is not None else ""
        parts.append(
            f'<g class="hit"><title>{escape(point.tip)}</title><rect class="catch" x="{left:.1f}" y="{frame.top + 4}" '
            f'width="{max(1.0, right - left):.1f}" height="{frame.floor - frame.top - 4}"/>{spot}</g>'
        )
    return parts
