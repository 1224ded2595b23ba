"""A replay as one HTML page that needs nothing else: what each policy served, window by window, and what it did."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from farero.core.chart import Mark, Series, line_chart, number_text
from farero.core.replayed import PolicyResult, ReplayResult

_STYLE = """
:root{color-scheme:light dark;--bg:#fcfcfb;--ink:#1d2433;--dim:#667085;--rule:#e4e7ec;--card:#fff;--a:#0b6e99;--b:#98a2b3;
--c:#b54708;--d:#7a5af8;--bad:#c01048;--good:#067647}
@media(prefers-color-scheme:dark){:root{--bg:#101418;--ink:#e6e9ee;--dim:#98a2b3;--rule:#2b323b;--card:#161b21;--a:#4cc2f1;
--b:#7d8794;--c:#f79009;--d:#a48afb;--bad:#fd6f8e;--good:#47cd89}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1080px;padding:2rem 1.25rem 4rem;background:var(--bg);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:2.2rem 0 .4rem}p{margin:.3rem 0}.dim{color:var(--dim)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:right;padding:.35rem .6rem;
border-bottom:1px solid var(--rule)}
th{font-weight:600;color:var(--dim);font-size:.85rem}th:first-child,td:first-child{text-align:left}
td.text,th.text{text-align:left}
.best{font-weight:700}.scroll{overflow-x:auto}.chart{width:100%;height:auto;background:var(--card);border:1px solid var(--rule);
border-radius:8px}
.grid{stroke:var(--rule)}.tick,.axis{fill:var(--dim);font-size:11px}.axis{font-weight:600}.line{fill:none;stroke-width:1.8}
.s0{stroke:var(--a)}.s1{stroke:var(--b)}.s2{stroke:var(--c)}.s3{stroke:var(--d)}.s4{stroke:var(--good)}.dot{stroke:none}
.dot.s0{fill:var(--a)}.dot.s1{fill:var(--b)}.dot.s2{fill:var(--c)}.dot.s3{fill:var(--d)}.dot.s4{fill:var(--good)}
.mark line{stroke-width:1.2}.mark.promoted line{stroke:var(--good)}.mark.rejected line{stroke:var(--dim);stroke-dasharray:3 3}
.mark.alarm line{stroke:var(--bad);stroke-dasharray:1 4}
.key{display:inline-block;width:1.4em;height:.25em;vertical-align:middle;margin:0 .35em 0 1em;border-radius:2px}
.k0{background:var(--a)}.k1{background:var(--b)}.k2{background:var(--c)}.k3{background:var(--d)}.k4{background:var(--good)}
details{border-top:1px solid var(--rule);padding:.5rem 0}summary{cursor:pointer;font-weight:600}
@media print{details{break-inside:avoid}}
"""


def page(result: ReplayResult) -> str:
    """The whole page."""
    title = f"{result.model}: {len(result.policies)} policies over {result.start:%Y-%m-%d} to {result.end:%Y-%m-%d}"
    better = "higher is better" if result.higher_is_better else "lower is better"
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            f'<p class="dim">{result.rows:,} rows; version 1.0.0 learnt from those before {result.train_until:%Y-%m-%d %H:%M} UTC; '
            f"windows of {escape(result.window)}; every row counted for the version that served it.</p>",
            *(f'<p class="dim">{escape(note)}</p>' for note in result.notes),
            f"<h2>Served {escape(result.metric)} ({better})</h2>",
            _totals(result),
            f"<h2>Window by window</h2><p>{_legend(result.policies)}</p>",
            _comparison(result),
            *(_policy(result, number, policy) for number, policy in enumerate(result.policies)),
            "</body></html>",
        ]
    )


def _legend(policies: Sequence[PolicyResult]) -> str:
    return "".join(f'<span class="key k{number % 5}"></span>{escape(policy.name)}' for number, policy in enumerate(policies))


def _series(policy: PolicyResult, number: int) -> Series:
    return Series(
        name=policy.name,
        css=f"s{number % 5}",
        times=[window.window.start for window in policy.windows],
        values=[window.metric for window in policy.windows],
    )


def _comparison(result: ReplayResult) -> str:
    series = [_series(policy, number) for number, policy in enumerate(result.policies)]
    return line_chart(series, title=f"{result.metric} of each window under each policy", y_label=result.metric, height=320)


def _totals(result: ReplayResult) -> str:
    measured = [policy.metric for policy in result.policies if policy.metric is not None]
    best = (max(measured) if result.higher_is_better else min(measured)) if measured else None
    head = (
        "policy",
        result.metric,
        "worst window",
        "retrainings",
        "trainings",
        "promotions",
        "rejections",
        "drift alarms",
        "incidents",
        "unlabelled",
        "CPU s",
    )
    rows = [
        (
            escape(policy.name),
            f'<span class="{"best" if best is not None and policy.metric == best else ""}">{_figure(policy.metric)}</span>',
            _figure(policy.worst(higher_is_better=result.higher_is_better)),
            policy.retrainings, policy.trainings, policy.promotions, policy.rejections,
            sum(window.drift_alarm for window in policy.windows),
            len(policy.incidents), f"{policy.unlabelled:,}", f"{policy.cpu_s:.1f}",
        )
        for policy in result.policies
    ]  # fmt: skip
    return _table(head, rows)


def _policy(result: ReplayResult, number: int, policy: PolicyResult) -> str:
    marks = [
        Mark(at=window.window.start, css="alarm", title=f"drift alarm {window.window}: {', '.join(window.drift_features[:6])}")
        for window in policy.windows
        if window.drift_alarm
    ]
    for entry in policy.decisions:
        if entry.verdict is not None:
            fate = "promoted" if entry.verdict.accepted else "rejected"
            title = f"{entry.candidate or 'training'} {fate} {entry.decision.at:%Y-%m-%d}: {'; '.join(entry.verdict.because)}"
            marks.append(Mark(at=entry.decision.at, css=fate, title=title))
    chart = line_chart(
        [_series(policy, number)], title=f"{result.metric} under {policy.name}", y_label=result.metric, marks=marks, height=220
    )
    kept = sum(entry.decision.action == "keep" for entry in policy.decisions)
    decisions = [
        (
            f"{entry.decision.at:%Y-%m-%d %H:%M}", _text("; ".join(entry.decision.because)), escape(entry.candidate or "–"),
            _text("; ".join(entry.verdict.because) if entry.verdict else "–"),
        )
        for entry in sorted(policy.decisions, key=lambda entry: entry.decision.at)
        if entry.decision.action == "retrain"
    ]  # fmt: skip
    incidents = [
        (
            f"{i.opened:%Y-%m-%d %H:%M}",
            escape(i.kind),
            i.severity,
            f"{i.resolved:%Y-%m-%d %H:%M}" if i.resolved else "open",
            _text(i.because),
        )
        for i in sorted(policy.incidents, key=lambda incident: incident.opened)
    ]
    return (
        f"<h2>{escape(policy.name)}</h2>"
        f'<p class="dim">Green: promoted. Dashed: rejected. Dotted red: drift alarm. {kept} decisions were to keep the version.</p>{chart}'
        f"<details><summary>{len(decisions)} trainings and their verdicts</summary>"
        f"{_table(('at', 'because', 'version', 'verdict'), decisions)}</details>"
        f"<details><summary>{len(incidents)} incidents</summary>"
        f"{_table(('opened', 'kind', 'severity', 'resolved', 'because'), incidents)}</details>"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return '<p class="dim">None.</p>'
    words = {"because", "verdict", "kind", "version", "severity", "resolved"}
    cells = "".join(f'<th class="{"text" if name in words else ""}">{escape(name)}</th>' for name in head)
    body = "".join(
        "<tr>"
        + "".join(f'<td class="{"text" if name in words else ""}">{value}</td>' for name, value in zip(head, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>'


def _figure(value: float | None) -> str:
    return "–" if value is None else number_text(value)


def _text(value: str) -> str:
    return escape(value if len(value) <= 400 else value[:397] + "…")
