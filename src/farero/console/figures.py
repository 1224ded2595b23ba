"""Observations turned into the figures and drawings of a page."""

from __future__ import annotations

from collections.abc import Sequence

from farero.console import charts, heat
from farero.console.i18n import Words
from farero.core.incident import Incident
from farero.core.observation import ColumnDrift, Observation
from farero.core.performance import METRICS

_OF_LABEL = frozenset({"mae", "rmse"})
_PLAIN = frozenset({"log_loss", "r2", "mape"})


def unit_of(metric: str, label_unit: str | None) -> str:
    """The unit of a metric.

    >>> unit_of("mae", "bikes"), unit_of("roc_auc", None), unit_of("mape", None)
    ('bikes', '0–1', '–')
    """
    if metric in _OF_LABEL:
        return label_unit or "–"
    return "–" if metric in _PLAIN else "0–1"


def newest(seen: Sequence[Observation], metric: str) -> float | None:
    """The metric of the newest window whose labels are known."""
    return next((one.metrics[metric] for one in reversed(seen) if metric in one.metrics), None)


def is_worse(metric: str, value: float | None, mark: float | None, drop: float) -> bool:
    """Whether a value lies beyond the mark by more than the drop that is allowed [share]."""
    if value is None or mark is None:
        return False
    return value < mark * (1 - drop) if METRICS[metric].higher_is_better else value > mark * (1 + drop)


def metric_names(seen: Sequence[Observation], declared: Sequence[str], first: str) -> tuple[str, ...]:
    """The metrics that were measured, the model's own first."""
    measured = {name for one in seen for name in one.metrics}
    return tuple(name for name in dict.fromkeys((first, *declared)) if name in measured)


def metric_line(
    seen: Sequence[Observation],
    metric: str,
    axis: str,
    limit: float | None,
    incidents: Sequence[Incident],
    frame: charts.Frame,
    words: Words,
) -> str:
    """The served metric over time; empty where no window has one."""
    values = [one.metrics[metric] for one in seen if metric in one.metrics]
    if not values:
        return ""
    points = [
        charts.Point(
            start=one.window.start,
            end=one.window.end,
            value=one.metrics.get(metric),
            version=one.version,
            tip=_point_tip(one, metric, words),
        )
        for one in seen
    ]
    since = seen[0].window.start
    bands = [
        charts.Band(start=one.opened, end=one.resolved, severity=one.severity, tip=_incident_tip(one, words))
        for one in incidents
        if one.resolved is None or one.resolved >= since
    ]
    summary = words(
        "chart.metric-summary", count=len(values), first=words.day(since), last=words.day(seen[-1].window.end),
        low=words.number(min(values)),
        high=words.number(max(values)), newest=words.number(values[-1]), versions=len({one.version for one in seen}), incidents=len(bands),
    )  # fmt: skip
    plot = charts.Plot(
        id="metric", title=words("chart.metric-title", metric=axis), summary=summary, axis=axis, points=points, bands=bands, limit=limit,
        limit_words="" if limit is None else words("chart.limit", value=words.mark(limit)),
    )  # fmt: skip
    return charts.line(plot, frame, words)


def drift_map(seen: Sequence[Observation], words: Words, *, width: int, label_width: int, columns: int) -> str:
    """Drift by feature and window; empty where no window was compared."""
    shown = seen[-columns:]
    names = list(dict.fromkeys(column.name for one in shown for column in one.columns))
    if not names:
        return ""
    by_window = [{column.name: column for column in one.columns} for one in shown]
    rows = [[_cell(name, found.get(name), one, words) for found, one in zip(by_window, shown, strict=True)] for name in names]
    alarms = sum(1 for one in shown if one.drift is not None and one.drift.alarm)
    summary = words("chart.drift-summary", features=len(names), windows=len(shown), alarms=alarms)
    drawing = heat.Heat(
        id="drift", title=words("chart.drift-title"), summary=summary, features=names, starts=[one.window.start for one in shown], rows=rows
    )
    return heat.heat_map(drawing, words, width=width, label_width=label_width, columns=columns)


def _cell(name: str, column: ColumnDrift | None, one: Observation, words: Words) -> heat.Cell:
    head = f"{name} · {words.moment(one.window.start)}"
    if column is None or column.jensen_shannon is None:
        return heat.Cell(distance=None, drift=False, tip=f"{head} · {words('drift.none')}")
    parts = [head, f"JS {words.number(column.jensen_shannon, 2)}"]
    if column.ks is not None:
        parts.append(f"KS {words.number(column.ks, 2)}")
    if column.psi is not None:
        reading = f" ({words('psi.' + column.psi_reading)})" if column.psi_reading else ""
        parts.append(f"PSI {words.number(column.psi, 2)}{reading}")
    if column.mean and None not in column.mean:
        parts.append(f"{words('drift.mean')} {words.number(column.mean[0])} → {words.number(column.mean[1])}")
    if column.drift:
        parts.append(words("drift.yes"))
    return heat.Cell(distance=column.jensen_shannon, drift=column.drift, tip=" · ".join(parts))


def _point_tip(one: Observation, metric: str, words: Words) -> str:
    value = words.number(one.metrics.get(metric))
    rows = words("chart.rows", labelled=words.whole(one.labelled), rows=words.whole(one.rows))
    return f"{words.moment(one.window.start)} · {words('metric.' + metric)} {value} · v{one.version} · {rows}"


def _incident_tip(one: Incident, words: Words) -> str:
    until = words.moment(one.resolved) if one.resolved else words("incident.open")
    return f"{words('kind.' + one.kind)} ({words('severity.' + one.severity)}) · {words.moment(one.opened)} → {until} · {one.because}"
